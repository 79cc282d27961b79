"""`accio table`, `plot`, `failures`, frames and exports of one sweep on a real daemon: they show the same numbers."""

import asyncio
import csv
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from accio.errors import BadRequest
from accio.v1 import runs_pb2
from accio_client import AsyncClient
from accio_client.cli.main import main
from accio_client.export.columns import Batch, Column
from accio_client.export.exporting import Options
from accio_client.export.files import Files
from accio_client.export.selection import Selection
from tests.integration.daemon.harness import Serving, configured, serving
from tests.integration.daemon.scripted_agent import Outputs, joined, operator

NOISY: dict[str, Any] = {
    "id": "noisy",
    "params": [{"name": "x", "kind": "double", "default_value": 1.0}, {"name": "y", "kind": "double"}],
    "graph": [
        {"op": "Draw", "inputs": {"x": {"param": "x"}}},
        {"op": "Double", "name": "Sum", "inputs": {"x": {"param": "y"}}},
    ],
}
SWEEP = {"workflow": "noisy", "params": {"x": {"values": [3, 1, 2]}, "y": {"values": [5, 4]}}, "repeat": 4}

LIMITS = {6.0: "out of memory", 7.0: "time-out"}  # what fails for want of something, by y


def behave(name: str, inputs: dict[str, Any], seed: int | None) -> Outputs | runs_pb2.Failure:
    """Noise that depends on the seed; and a corner of the sweep in which everything fails."""
    if name == "Double":
        if inputs["x"] == 4.0:
            return runs_pb2.Failure(cause="exception", message=f"no room for {seed or 7}", exception="builtins.OSError")
        if inputs["x"] in LIMITS:
            return runs_pb2.Failure(cause=LIMITS[inputs["x"]], message="it needed more than its limit")
        return {"value": repr(inputs["x"] * 2)}
    return {"value": repr(inputs["x"] + (seed or 0) % 1000 / 997)}


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Serving]:
    """A daemon with an agent whose operators are noisy, or fail."""
    with capture_logs():  # what the daemon says in this process isn't what a command prints
        async with serving(configured(tmp_path / "data")) as running, joined(running.agents, behaviour=behave):
            yield running


@pytest.fixture
async def run(daemon: Serving, monkeypatch: pytest.MonkeyPatch) -> str:
    """A sweep that has ended; the environment names its daemon."""
    monkeypatch.setenv("ACCIO_ADDR", daemon.daemon.address)
    monkeypatch.setenv("ACCIO_TOKEN", daemon.config.token.read_text().split()[0])
    monkeypatch.setenv("ACCIO_USER", "Ada <ada@example.org>")
    await daemon.push(NOISY)
    return (await daemon.finished(SWEEP)).id


async def called(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Call the command line beside the daemon's loop."""
    code = await asyncio.to_thread(main, words)
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    assert "internal error" not in err
    return code, out, err


def table_of(text: str, delimiter: str) -> list[dict[str, str]]:
    """Read separated values."""
    return list(csv.DictReader(text.splitlines(), delimiter=delimiter))


async def test_all_faces_show_the_same_numbers(run: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Mean, deviation, interval and n of each point are equal in table, plot's CSV, frame and export."""
    code, out, _ = await called(capsys, "table", run, "-cols=Draw/value")
    assert code == 0
    shown = {(float(row["x"]), float(row["y"])): row for row in table_of(out, "\t")}
    assert len(shown) == 6
    async with AsyncClient() as client:
        frame = (await client.frame(run, by=["x", "y"], backend="arrow")).to_pylist()
        only = Selection.read("Draw/value", numeric=True)
        (file,) = await client.export(run, Options(folder=tmp_path, artifacts=only, aggregate=True))
    exported = {(float(row["x"]), float(row["y"])): row for row in table_of(file.path.read_text(), ",")}
    for row in frame:
        point = row["x"], row["y"]
        for name in ("n", "mean", "sd", "ci95_low", "ci95_high"):
            value = row[f"Draw/value.{name}"]
            assert value == float(shown[point][f"Draw/value.{name}"]), (point, name)
            assert value == float(exported[point][name]), (point, name)
    picture = tmp_path / "x.csv"
    code, _, err = await called(capsys, "plot", run, "-y=Draw/value", "-x=x", "-by=y", f"-out={picture}")
    assert code == 0, err
    for row in table_of(picture.read_text(), ","):
        same = shown[float(row["x"]), float(row["y"])]
        assert float(row["Draw/value"]) == float(same["Draw/value.mean"])
        assert float(row["low"]) == float(same["Draw/value.ci95_low"])


async def test_points_are_written_many_at_once(run: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Those of a chunk of columns are written in one piece; with a split each by itself."""
    only, write, sizes = Selection.read("Draw/value", numeric=True), Files.write, list[int]()

    def counting(files: Files, folder: str, stem: str, columns: Sequence[Column], batch: Batch) -> None:
        sizes.append(len(batch[0]))
        write(files, folder, stem, columns, batch)

    monkeypatch.setattr(Files, "write", counting)
    async with AsyncClient() as client:
        (file,) = await client.export(run, Options(folder=tmp_path, artifacts=only, aggregate=True))
        assert (file.rows, sizes) == (6, [6])
        split = await client.export(run, Options(folder=tmp_path / "split", artifacts=only, aggregate=True, split=True))
    assert [each.rows for each in split] == sizes[1:] == [1] * 6


async def test_a_handle_draws_what_the_command_draws(
    run: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """`run.plot` has the numbers of `accio plot`; notebooks show it as text and SVG, and no file is replaced."""
    picture, saved = tmp_path / "x.csv", tmp_path / "y.csv"
    code, _, err = await called(capsys, "plot", run, "-y=Draw/value", "-x=x", "-by=y", f"-out={picture}")
    assert code == 0, err
    async with AsyncClient() as client:
        drawing = await (await client.run(run[:10])).plot("Draw/value", x="x", by="y")
        handle = await client.run(run)
        with pytest.raises(BadRequest, match="name the other one as x"):
            await handle.plot("Draw/value", kind="scatter")
        with pytest.raises(BadRequest, match="name it as y"):
            await handle.plot(kind="cdf")
        with pytest.raises(BadRequest, match="expected a kind of states, heat"):
            await handle.plot("Draw/value", kind="pie")
    assert drawing.csv() == picture.read_text()
    assert drawing.save(saved) == saved
    assert saved.read_text() == picture.read_text()
    with pytest.raises(BadRequest, match=r"there is a file .*y\.csv already"):
        drawing.save(saved)
    with pytest.raises(BadRequest, match=r"NAME\.png"):
        drawing.save(tmp_path / "y.gif")
    shown = drawing._repr_mimebundle_()
    assert "<svg" in shown["image/svg+xml"]
    assert shown["text/plain"] == str(drawing)
    assert "24 of 24 children" in str(drawing)
    assert "Draw/value" in repr(drawing)


async def test_a_table_selects_sorts_and_shows_children(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    """-where chooses children, -by groups them, -sort orders, -points shows each, and --json tells the same."""
    _, out, err = await called(capsys, "table", run, "-by=x", "-where=y=5 repeat>1", "-sort=-Draw/value")
    rows = table_of(out, "\t")
    assert [row["x"] for row in rows] == ["3.0", "2.0", "1.0"]
    assert {row["Draw/value.n"] for row in rows} == {"3"}
    assert "9 of 24 children" in err
    _, out, _ = await called(capsys, "table", run, "-points", "-where=x=1 y=5", "-n=2", "-json")
    document = orjson.loads(out)
    assert [row["point"]["repeat"] for row in document["rows"]] == ["1", "2"]
    assert document["rows"][0]["values"]["Sum/value"] == 10.0
    assert document["of"] == 4
    _, out, _ = await called(capsys, "table", f"{run}.3", "-points")
    assert [(row["run"], row["repeat"]) for row in table_of(out, "\t")] == [(f"{run}.3", "4")]


async def test_failures_name_the_corner_in_which_they_are(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Messages that differ in numbers are one kind; the parameter that explains it is named, and what to do."""
    code, out, _ = await called(capsys, "failures", run, "-json")
    assert code == 0
    document = orjson.loads(out)
    (group,) = document["groups"]
    assert (group["count"], group["nodes"], group["message"]) == (12, ["Sum"], "no room for N")
    (explained,) = document["explained_by"]
    assert (explained["where"], explained["covered"], explained["elsewhere_failed"]) == ("y=4.0", 12, 0)
    _, out, _ = await called(capsys, "failures", run)
    assert "12 × exception: OSError: no room for N" in out
    assert f"accio retry {run} -where=y=4.0" in out
    async with AsyncClient() as client:
        found = await (await client.run(run)).failures()
    assert [(group.count, group.nodes) for group in found] == [(12, ("Sum",))]
    assert [str(each.where) for each in found.explained_by] == ["y=4.0"]
    assert repr(found) in out, "a notebook shows what the command prints"


@pytest.mark.parametrize(
    ("failing", "more"), [([6], ["-memory=2x"]), ([6, 7], ["-memory=2x", "-timeout=2x"]), ([6, 4], [])]
)
async def test_failures_for_want_of_something_are_retried_with_more(
    daemon: Serving, run: str, capsys: pytest.CaptureFixture[str], failing: list[int], more: list[str]
) -> None:
    """The command that runs them again asks for more of what ran out, if nothing else went wrong."""
    other = await daemon.finished({"workflow": "noisy", "params": {"y": {"values": [5, 8, *failing]}}})
    _, out, _ = await called(capsys, "failures", other.id)
    again = out.splitlines()[-1]
    assert f"accio retry {other.id}" in again
    assert [word for word in again.split() if word.endswith("2x")] == more


async def test_equal_runs_have_no_differences(daemon: Serving, run: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The same sweep again, with the same seed, differs in nothing: exit 0 also with -exit-code."""
    seed = (await daemon.get(run)).run.seed
    again = (await daemon.finished({**SWEEP, "seed": seed})).id
    code, out, _ = await called(capsys, "diff", run, again, "-exit-code")
    assert (code, out) == (0, "no differences\n")


async def test_sweeps_are_compared_on_their_common_points(
    daemon: Serving, run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another seed and another list of values: what differs is told, outputs where both have them, and nothing else."""
    params = {"x": {"values": [1, 2, 9]}, "y": {"values": [5, 4]}}
    other = (await daemon.finished({**SWEEP, "params": params, "seed": 11})).id
    code, out, _ = await called(capsys, "diff", run, other, "-exit-code")
    assert code == 3
    assert "seed: " in out
    assert "param x: 3.0, 1.0, 2.0 → 1.0, 2.0, 9.0" in out
    assert "param y: " not in out
    assert "output Draw/value differs at 4 of 4 common points, as independent samples:" in out
    assert "output Sum/value" not in out
    assert "only in the first: 2 points" in out
    _, out, _ = await called(capsys, "diff", run, other, "-json", "-n=1")
    document = orjson.loads(out)
    (output,) = document["outputs"]
    (point,) = output["points"]
    assert output["differing"] == 4
    assert point["n"] == 4
    assert point["low"] <= point["difference"] <= point["high"]
    assert point["difference"] == pytest.approx(point["second"] - point["first"])


async def test_pictures_are_drawn_in_the_terminal(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each kind of picture is drawn, and says what it counts."""
    value = "-y=Draw/value"
    for words in (
        [], ["-kind=failures"], [value], [value, "-x=x"], [value, "-kind=cdf"], [value, "-kind=pdf"],
        [value, "-kind=importance"], [value, "-kind=scatter", "-x=Sum/value"], [value, "-kind=parallel"],
    ):  # fmt: skip
        code, out, err = await called(capsys, "plot", run, *words)
        assert code == 0, err
        assert "of 24 children" in out


async def test_a_scatter_plot_takes_names_of_nodes(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each of its two names is looked up by itself."""
    _, named, _ = await called(capsys, "plot", run, "-kind=scatter", "-x=Draw/value", "-y=Sum/value")
    _, short, _ = await called(capsys, "plot", run, "-kind=scatter", "-x=Draw", "-y=Sum")
    assert short == named


async def test_a_file_may_name_an_operator(
    daemon: Serving, run: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Its own workflow is stored then, as where the command line names it; values on the command line are swept."""
    definition = tmp_path / "draw.json"
    definition.write_text('{"workflow": "Draw", "params": {"x": 1}}')
    code, out, err = await called(capsys, "submit", str(definition), "x=1..3:1", "--wait")
    assert code == 0, err
    assert out.endswith("success\n")
    definition.write_text('{"workflow": "Drow"}')
    code, _, err = await called(capsys, "submit", str(definition))
    assert code != 0
    assert "there is no workflow 'Drow'" in err
    code, _, err = await called(capsys, "submit", "Drow")
    assert (code, err) == (1, "accio: there is no workflow 'Drow'; did you mean Draw?\n")


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("table RUN -by=z", "no parameter 'z' varies in this sweep"),
        ("table RUN -cols=Draw/vale", "did you mean Draw/value"),
        ("table RUN -where=yy=4", "did you mean"),
        ("table RUN -sort=z", "no column 'z' to sort by"),
        ("table RUN -points -by=x", "give one of the two"),
        ("table nothere", "there is no run"),
        ("plot RUN -kind=line", "name it, as in -y="),
        ("plot RUN -y=Draw/value -kind=scatter", "-x="),
        ("plot RUN -y=Draw/value -out=a.gif", "NAME.png"),
        ("plot RUN -y=value", "'value' could be any of Draw/value, Sum/value: name one"),
        ("plot RUN -kind=scatter -x=Draw -y=value", "'value' could be any of Draw/value, Sum/value: name one"),
        ("plot RUN -y=Draw/value -x=z", "no parameter 'z'"),
        ("failures RUN -where=state", ""),
        ("failures RUN.3", "no node has failed"),
        ("publish RUN -out=run.tar", "NAME.zip"),
        ("logs", "nothing to show: give RUN, RUN NODE, or -where=QUERY"),
        ("logs RUN.0", "nothing was printed\n"),
        ("logs RUN -where=index=0", "nothing was printed by what matches"),
        ("failures RUN -where=seed=1", "isn't among the columns"),
    ],
)
async def test_wrong_use_gets_advice(run: str, capsys: pytest.CaptureFixture[str], words: str, advice: str) -> None:
    """Nothing that can be mistyped ends with a traceback, and the answer says what to do."""
    _, out, err = await called(capsys, *words.replace("RUN", run).split(" "))
    assert advice in out + err


async def test_whole_numbers_and_truth_look_like_it(
    daemon: Serving, run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A boolean isn't 1.0, nor an integer 3.0; a member of a map is a column."""
    told = operator(
        "Tell", (("n", "integer", None),), (("count", "integer"), ("even", "boolean"), ("of", "map(string,double)"))
    )

    def tell(name: str, inputs: dict[str, Any], seed: int | None) -> Outputs:
        n = inputs["n"]
        return {"count": str(n), "even": str(n % 2 == 0).lower(), "of": f'{{"half":{n / 2!r}}}'}

    graph = [{"op": "Tell", "inputs": {"n": {"param": "n"}}}]
    async with joined(daemon.agents, "other", operators=(told,), behaviour=tell):
        await daemon.push({"id": "telling", "params": [{"name": "n", "kind": "integer"}], "graph": graph})
        sweep = await daemon.finished({"workflow": "telling", "params": {"n": {"values": [3, 4]}}})
    _, out, _ = await called(capsys, "table", sweep.id, "-points")
    rows = [(row["Tell/count"], row["Tell/even"], row["Tell/of.half"]) for row in table_of(out, "\t")]
    assert rows == [("3", "false", "1.5"), ("4", "true", "2.0")]
