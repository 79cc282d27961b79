"""The numbers of a sweep that partly failed, through every command of real processes: they are the same."""

import csv
import math
import statistics
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from accio.interpreter import python
from accio_client import Client
from tests.acceptance.processes import Cluster, cluster, token

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

DRAWN: dict[str, Any] = {
    "id": "drawn",
    "params": [{"name": "x", "kind": "integer"}, {"name": "y", "kind": "integer"}],
    "graph": [{"op": "Draw", "inputs": {"x": {"param": "x"}, "y": {"param": "y"}}}],
}
SWEEP: dict[str, Any] = {
    "workflow": "drawn",
    "params": {"x": {"values": [3, 1, 2]}, "y": {"values": [0, 1, 5]}},
    "repeat": 5,
    "seed": 3,
}
NAMES = ("n", "mean", "sd", "ci95_low", "ci95_high")
Point = tuple[int, int]
Numbers = dict[Point, tuple[float | None, ...]]


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, Client, str]]:
    """Return a cluster, its client and a sweep that has ended: points of five values, of fewer, and of none."""
    with cluster(tmp_path_factory.mktemp("numbers") / "made") as made:
        made.start_daemon()
        made.start_agent(operators=("tests.acceptance.failing_operators",))
        made.agents_are("a1")
        with made.client() as client:
            client.push(DRAWN)
            run = client.submit(SWEEP)
            assert run.wait().state == "failed"
            yield made, client, run.id


def accio(made: Cluster, *words: str) -> str:
    """Return what a command writes to stdout; it succeeds."""
    environment = made.environment(ACCIO_TOKEN=token(made))
    done = subprocess.run(
        python("accio_client.cli.main", *words), env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def number(text: Any) -> float | None:
    """Return the number of a cell; an empty one, or NaN, is none."""
    found = None if text is None or text == "" else float(text)
    return None if found is None or math.isnan(found) else found


def numbers_of(rows: list[Mapping[str, Any]], column: Callable[[str], str], names: tuple[str, ...] = NAMES) -> Numbers:
    """Return n, mean, deviation and interval of each point that has a value."""
    found = {
        (int(float(row["x"])), int(float(row["y"]))): tuple(number(row[column(name)]) for name in names) for row in rows
    }
    return {point: numbers for point, numbers in found.items() if numbers[names.index("n")]}


def separated(text: str, delimiter: str) -> list[Mapping[str, Any]]:
    """Read separated values."""
    return list(csv.DictReader(text.splitlines(), delimiter=delimiter))


def test_table_plot_frame_and_export_have_the_same_numbers(swept: tuple[Cluster, Client, str], tmp_path: Path) -> None:
    """Of points whose repetitions all succeeded, partly, or but once: to the last digit; of those without, none."""
    made, client, run = swept
    table = numbers_of(separated(accio(made, "table", run), "\t"), "Draw/value.{}".format)
    assert {values[0] for values in table.values()} > {1.0, 3.0}, "the seed leaves points with different n"
    assert 0 not in {y for _, y in table}

    frame = client.frame(run, by=["x", "y"])
    assert numbers_of(frame.to_dict("records"), "Draw/value.{}".format) == table

    out = tmp_path / "exported"
    accio(made, "export", run, "-aggregate", f"-out={out}")
    (written,) = out.glob("*.csv")
    assert numbers_of(separated(written.read_text(), ","), str) == table
    by_rows = tmp_path / "by rows"
    accio(made, "export", run, run, "-aggregate", f"-out={by_rows}")  # of several runs, child by child
    assert (by_rows / written.name).read_bytes() == written.read_bytes()

    picture = tmp_path / "x.csv"
    accio(made, "plot", run, "-y=Draw/value", "-x=x", "-by=y", f"-out={picture}")
    drawn = {"n": "n", "mean": "Draw/value", "ci95_low": "low", "ci95_high": "high"}
    plotted = numbers_of(separated(picture.read_text(), ","), drawn.__getitem__, tuple(drawn))
    assert plotted == {point: (n, mean, low, high) for point, (n, mean, _, low, high) in table.items()}

    shown = orjson.loads(accio(made, "table", run, "-json"))
    assert shown["of"] == len(shown["rows"]) == 9
    assert sum(values[0] or 0 for values in table.values()) == client.get_run(run).run.children_by_state["success"]


def test_they_are_what_the_children_say(swept: tuple[Cluster, Client, str]) -> None:
    """n, mean and deviation of each point are those of Python's own statistics for the rows of the wide table."""
    _, client, run = swept
    drawn: dict[Point, list[float]] = {}
    for row in client.table([run]).to_arrow().to_pylist():
        if row["Draw/value"] is not None:
            drawn.setdefault((row["x"], row["y"]), []).append(row["Draw/value"])
    frame = numbers_of(client.frame(run, by=["x", "y"]).to_dict("records"), "Draw/value.{}".format)
    assert frame.keys() == drawn.keys()
    for point, values in drawn.items():
        n, mean, sd, *_ = frame[point]
        assert n == len(values)
        assert mean == pytest.approx(statistics.fmean(values), rel=1e-14)
        assert (sd is None) if n == 1 else sd == pytest.approx(statistics.stdev(values), rel=1e-12)
