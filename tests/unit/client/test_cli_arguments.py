"""What words on the command line mean: sizes, places in runs, files and workflows, and who calls."""

from pathlib import Path

import click
import pytest

from accio.errors import BadRequest
from accio_client.cli.definitions import Overrides, Readings, means_file, submission
from accio_client.cli.memo import amount
from accio_client.cli.pairs import parameters, tag_list
from accio_client.cli.places_in_runs import artifact, run_and_node
from accio_client.file_names import file_name
from accio_client.settings import Settings, login_name


@pytest.mark.parametrize(
    ("text", "count"),
    [("50GiB", 50 << 30), ("1.5 MB", 1_500_000), ("4096", 4096), ("2k", 2000), ("1tib", 1 << 40), ("0", 1)],
)
def test_sizes(text: str, count: int) -> None:
    """Decimal and binary units in any case; a quota of nothing is one byte, for 0 would mean none."""
    assert amount(text) == count


@pytest.mark.parametrize("text", ["", "much", "5 bytes", "-1", "5i", "1e3"])
def test_what_is_no_size(text: str) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(click.UsageError, match="50GiB"):
        amount(text)


def test_places_in_runs() -> None:
    """RUN, RUN/NODE, RUN NODE and RUN/NODE/PORT are told apart; a text with empty parts is refused."""
    assert run_and_node(("r",), "RUN") == ("r", None)
    assert run_and_node(("r/Geo-I",), "RUN") == run_and_node(("r", "Geo-I"), "RUN") == ("r", "Geo-I")
    assert artifact("accio:r.3/N/p") == artifact("r.3/N/p") == ("r.3", "N", "p")
    for words in (("r/",), ("/n",), ("r", "n", "x"), ("",)):
        with pytest.raises(click.UsageError):
            run_and_node(words, "RUN")
    for word in ("r/n", "r/n/p/q", "r//p"):
        with pytest.raises(click.UsageError):
            artifact(word)


def test_files_and_workflows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A word is a file if there is one, or if it looks like one; everything else is a workflow."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain").write_text("{}")
    (tmp_path / "folder").mkdir()
    assert all(map(means_file, ("plain", "missing.json", "a/b", "./x", "RUN.JSON")))
    assert not any(map(means_file, ("folder", "geoind_workflow", "w:0123456789ab")))


def no_types(workflow: str) -> Readings:
    raise AssertionError(f"no short form was given, and the types of {workflow} were asked for")


def test_a_file_without_overrides_travels_as_it_is(tmp_path: Path) -> None:
    """Not a byte of the file is changed where the command line says nothing; what is no JSON is left to the daemon."""
    file = tmp_path / "run.json"
    for content in (b'{ "workflow" : "w" }\n', b"\xff not JSON"):
        file.write_bytes(content)
        assert submission(str(file), Overrides(), no_types).text == content
    assert submission(str(file), Overrides(params=("a=1",)), no_types).text == content


def test_parameters_and_tags() -> None:
    """Only the first equal sign separates; tags are trimmed, and empty ones vanish."""
    assert parameters(["a=1", "b=x=y", "a=", "c= "]) == [("a", "1"), ("b", "x=y"), ("a", ""), ("c", " ")]
    assert tag_list(" a, b ,,") == ["a", "b"]
    for wrong in ("epsilon", "=1"):
        with pytest.raises(BadRequest, match="NAME=VALUE"):
            parameters([wrong])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Geo-I-value", "Geo-I-value"),
        ("../x", "_.._x"),
        ("", "_"),
        (".hidden", "_.hidden"),
        ("a\0b\nc", "a_b_c"),
        ("é", "_"),
    ],
)
def test_names_of_files(text: str, name: str) -> None:
    """A name from elsewhere becomes one visible name inside the folder."""
    assert file_name(text) == name
    assert len(file_name(text * 1000)) <= 200


def test_who_calls_whom(tmp_path: Path) -> None:
    """What is given wins over the environment, the environment over clusters.json, and that over the defaults."""
    environment = {"ACCIO_CONFIG_ROOT": str(tmp_path), "ACCIO_DATA_DIR": str(tmp_path / "data")}
    assert Settings.load(environment={**environment, "ACCIO_DATA_DIR": "/d"}).address == "unix:/d/daemon.sock"
    assert Settings.load(environment=environment).user == login_name()
    (tmp_path / "clusters.json").write_text('[{"name": "a", "addr": "h1:1"}, {"name": "b", "addr": "h2:2"}]')
    assert Settings.load(environment=environment).address == "h1:1"
    assert Settings.load(cluster="b", environment=environment).address == "h2:2"
    environment |= {"ACCIO_ADDR": "h3:3", "ACCIO_USER": "Ada <ada@example.org>", "ACCIO_TOKEN": "t"}
    found = Settings.load(environment=environment)
    assert (found.address, found.user, found.token) == ("h3:3", "Ada <ada@example.org>", "t")
    given = Settings.load(address="h4", token="u", user="Bob", environment=environment)
    assert (given.address, given.user, given.token) == ("h4:7615", "Bob", "u")
    with pytest.raises(BadRequest, match="known are: a, b"):
        Settings.load(cluster="c", environment=environment)
