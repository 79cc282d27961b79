"""Where things are found: folders, the token, the clusters."""

import json
import os
import pwd
import sys
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from accio import places
from accio.errors import AccioError, BadRequest, FailedPrecondition, Unauthenticated

CASES = [
    pytest.param(
        [{"name": "a", "addr": "h1:1"}], [{"name": "b", "addr": "h2:2"}], [("a", "h1:1"), ("b", "h2:2")], id="merged"
    ),
    pytest.param(
        None, [{"name": "b", "addr": "h2:2"}, {"name": "c", "addr": "h3:3"}], [("b", "h2:2"), ("c", "h3:3")], id="user"
    ),
    pytest.param(
        [{"name": "a", "addr": "h1:1"}, {"name": "b", "addr": "h2:2"}],
        [{"name": "a", "addr": "h9:9"}],
        [("a", "h9:9"), ("b", "h2:2")],
        id="the user's entry wins",
    ),
    pytest.param(None, None, [], id="none"),
]


def write(folder: Path, entries: Any) -> Path:
    folder.mkdir(exist_ok=True)
    if entries is not None:
        (folder / "clusters.json").write_text(entries if isinstance(entries, str) else json.dumps(entries))
    return folder


@pytest.mark.parametrize(("system", "user", "expected"), CASES)
def test_files_of_system_and_user_are_merged(
    tmp_path: Path, system: Any, user: Any, expected: list[tuple[str, str]]
) -> None:
    """Both files count, the user's entry wins, and the order of the files is kept."""
    environment = {"ACCIO_CONFIG_ROOT": str(write(tmp_path / "user", user))}
    found = places.clusters(environment, write(tmp_path / "system", system))
    assert [(cluster.name, cluster.addr) for cluster in found] == expected


def test_the_first_cluster_is_the_default(tmp_path: Path) -> None:
    """Without ACCIO_ADDR, the first cluster is asked; with it, that address; with neither, the data folder's socket."""
    system = write(tmp_path / "system", [{"name": "a", "addr": "h1:1"}, {"name": "b", "addr": "h2:2"}])
    environment = {"ACCIO_CONFIG_ROOT": str(tmp_path / "user"), "ACCIO_DATA_DIR": "/data"}
    assert places.daemon_address(environment, system) == "h1:1"
    assert places.daemon_address({**environment, "ACCIO_ADDR": "h7:7"}, system) == "h7:7"
    assert places.daemon_address(environment, tmp_path / "empty") == "unix:/data/daemon.sock"


@pytest.mark.parametrize(
    ("content", "mentions"),
    [
        ([{"name": "a", "addr": "h1:1"}, {"name": "a", "addr": "h2:2"}], ["'a'", "twice", "/1"]),
        ('[{"name": "a", "addr": "h1:1"}', ["line 1"]),
        ({"name": "a"}, ["list"]),
        ([{"addr": "h1:1"}], ["/0", "name"]),
        ([{"name": "a", "addr": "h1:port"}], ["/0", "HOST:PORT", "h1:port"]),
        ([7], ["/0", "object", "found 7"]),
        ([{"name": "a", "addr": None}], ["/0", "addr", "found null"]),
        ([{"name": "a", "join": 7}], ["/0", "join", "found 7"]),
    ],
)
def test_a_wrong_file_is_refused_with_its_name(tmp_path: Path, content: Any, mentions: list[str]) -> None:
    """What is wrong in clusters.json is told with the file and the place."""
    system = write(tmp_path / "system", content)
    with pytest.raises(BadRequest) as caught:
        places.clusters({"ACCIO_CONFIG_ROOT": str(tmp_path)}, system)
    for text in [*mentions, str(system / "clusters.json")]:
        assert text in caught.value.message


def test_a_cluster_is_found_by_name(tmp_path: Path) -> None:
    """A name gives its address; an unknown one is refused with the known ones."""
    system = write(tmp_path / "system", [{"name": "a", "addr": "h1:1"}])
    environment = {"ACCIO_CONFIG_ROOT": str(tmp_path)}
    assert places.cluster_address("a", environment, system) == "h1:1"
    with pytest.raises(AccioError, match="known are: a"):
        places.cluster_address("b", environment, system)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("host:1", "host:1"),
        ("host", "host:7615"),
        ("[::1]:9", "[::1]:9"),
        ("[::1]", "[::1]:7615"),
        (" h:007 ", "h:7"),
        ("unix:/a b", "unix:/a b"),
    ],
)
def test_addresses(text: str, expected: str) -> None:
    """An address has a default port, and an IPv6 host stands in brackets."""
    assert places.parse_address(text) == expected


@pytest.mark.parametrize("text", ["unix:", "unix:/" + "x" * 107])
def test_wrong_sockets(text: str) -> None:
    """An address of a socket has a path, which the system takes."""
    with pytest.raises(BadRequest, match="path"):
        places.parse_address(text)


@pytest.mark.parametrize("text", ["", ":1", "host:", "host:99999", "ho st:1", "::1"])
def test_wrong_addresses(text: str) -> None:
    """What is no address is refused with an example of one."""
    with pytest.raises(BadRequest, match=r"127\.0\.0\.1:7615"):
        places.parse_address(text)


def test_the_token_is_looked_up_in_order(tmp_path: Path) -> None:
    """The environment wins over the data folder, the data folder over the configuration folder."""
    data, config = tmp_path / "data", tmp_path / "config"
    environment = {"ACCIO_DATA_DIR": str(data), "ACCIO_CONFIG_ROOT": str(config)}
    assert places.find_token(environment) is None
    for folder, text in ((config, "c\n"), (data, "d\n")):
        folder.mkdir()
        (folder / "token").touch(mode=0o600)
        (folder / "token").write_text(text)
        assert places.find_token(environment) == text.strip()
    assert places.find_token({**environment, "ACCIO_TOKEN": "e"}) == "e"


@pytest.mark.parametrize("token", ["é", "a\x00b", "\udcff"])
def test_a_token_that_cannot_be_sent_is_refused(token: str) -> None:
    """Only printable ASCII can be a token; what it was isn't told."""
    with pytest.raises(Unauthenticated, match="ACCIO_TOKEN") as refused:
        places.find_token({"ACCIO_TOKEN": token})
    assert token not in refused.value.message


def test_a_token_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """A readable token is refused with the command that mends it."""
    (tmp_path / "token").write_text("x")
    (tmp_path / "token").chmod(0o644)
    with pytest.raises(FailedPrecondition, match="chmod 600"):
        places.find_token({"ACCIO_DATA_DIR": str(tmp_path), "ACCIO_CONFIG_ROOT": str(tmp_path)})


def test_a_damaged_token_is_named(tmp_path: Path) -> None:
    """Who starts a daemon over a file that is no text is told which it is, and what to do."""
    (tmp_path / "token").write_bytes(b"\xbd\x04\xff")
    for read in (places.read_token_file, places.write_token):
        with pytest.raises(FailedPrecondition, match=r"token is damaged .*delete it and the daemon writes a new one"):
            read(tmp_path / "token")
    (tmp_path / "token").chmod(0o600)
    with pytest.raises(Unauthenticated, match=r"the token .*token is none: it holds characters beyond printable ASCII"):
        places.find_token({"ACCIO_DATA_DIR": str(tmp_path), "ACCIO_CONFIG_ROOT": str(tmp_path)})


def test_folders_follow_the_environment(tmp_path: Path) -> None:
    """ACCIO_DATA_DIR and ACCIO_CONFIG_ROOT move the folders; without them they are the user's."""
    environment = {"ACCIO_DATA_DIR": str(tmp_path / "d"), "ACCIO_CONFIG_ROOT": str(tmp_path / "c")}
    assert places.data_folder(environment) == tmp_path / "d"
    assert places.agents_folder(environment) == tmp_path / "d" / "agents"
    assert places.config_folder(environment) == tmp_path / "c"
    assert places.data_folder({}).name == "accio"
    assert str(places.config_folder({})).endswith("/accio")


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without HOME and without an account, as in a container that runs under a number."""
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    for name in [name for name in os.environ if name == "HOME" or name.startswith("XDG_")]:
        monkeypatch.delenv(name)


def test_a_user_without_a_home_finds_what_is_named(homeless: None, tmp_path: Path) -> None:
    """Without a home there is no folder of the user's, and what the environment names is found all the same."""
    assert places.config_folder({}) is None
    assert places.state_folder() is None
    assert places.descriptions_folder() is None
    assert places.find_token({}) is None
    assert places.daemon_address({"ACCIO_DATA_DIR": "/d"}, tmp_path) == "unix:/d/daemon.sock"
    environment = {"ACCIO_DATA_DIR": str(tmp_path / "d"), "ACCIO_CONFIG_ROOT": str(tmp_path / "c")}
    assert places.data_folder(environment) == tmp_path / "d"
    assert places.config_folder(environment) == tmp_path / "c"


def test_a_user_without_a_home_is_told_what_to_name(homeless: None) -> None:
    """Where data must be kept and nothing says where, the message names the variable; so it is with a `~`."""
    with pytest.raises(FailedPrecondition, match="ACCIO_DATA_DIR"):
        places.daemon_address({})
    with pytest.raises(BadRequest, match=r"ACCIO_DATA_DIR.*'~/x'"):
        places.data_folder({"ACCIO_DATA_DIR": "~/x"})


def test_descriptions_are_shared_where_nobody_else_can_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is made in the user's cache; one in which others could put descriptions isn't used, nor is a file."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = places.descriptions_folder()
    assert found == tmp_path / "accio" / "operators"
    assert found.stat().st_mode & 0o777 == 0o700
    found.chmod(0o770)
    assert places.descriptions_folder() is None
    found.rmdir()
    found.write_text("a file")
    assert places.descriptions_folder() is None


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere platformdirs says it")
@pytest.mark.parametrize("given", ["", " ", "/elsewhere", "~/mine", "mine"])
def test_folders_of_a_user_are_where_platformdirs_has_them(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without the variables of the XDG specification."""
    for kind in ("DATA", "CONFIG", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", given)
    assert places.data_folder({}) == platformdirs.user_data_path("accio").expanduser()
    assert places.config_folder({}) == platformdirs.user_config_path("accio").expanduser()
    assert places.state_folder() == platformdirs.user_state_path("accio").expanduser()
