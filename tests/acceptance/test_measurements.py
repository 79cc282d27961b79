"""Series of real nodes: read while they run, and kept however they end."""

import subprocess
from pathlib import Path

import pytest

from accio.domain.series import latest_at
from accio.interpreter import python
from accio_client import Client
from accio_client.export.exporting import Options
from accio_client.views import SeriesView
from tests.acceptance.processes import cluster, eventually, token

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]


def _live(client: Client, run: str) -> SeriesView | None:
    """Return the loss of a node that runs, once there are some points of it."""
    found = list(client.series(run, "loss"))
    return found[0] if found and found[0].running and found[0].total > 20 else None


def test_a_loss_can_be_followed_while_its_node_runs(tmp_path: Path) -> None:
    """Points come while the node runs; at its end all are there, the last one is the metric, in frames too."""
    with cluster(tmp_path / "made") as made:
        made.start_daemon()
        with made.client() as client:
            made.start_agent("a1", operators=("tests.acceptance.measuring_operators",))
            made.agents_are("a1")
            client.push({"id": "descend", "graph": [{"op": "Descend", "inputs": {"label": "g", "how": "end"}}]})
            run = client.submit("descend")
            live = eventually(lambda: _live(client, run.id), what="points of a node that runs")
            assert live is not None
            middle = latest_at(live.points, 10)
            assert middle is not None
            assert middle.value == 1 / 11
            made.open_gate("g")
            assert run.wait().state == "success"
            (loss,) = client.series(run.id, "loss")
            assert not loss.running
            assert loss.points[-1].value == 0.0
            metrics = client.get_node(run.id, "Descend").metrics
            assert metrics is not None
            assert metrics.custom["loss"] == 0.0
            assert {each.name for each in client.series(run.id)} == {"loss", "progress"}
            frame = run.series("loss")
            assert list(frame.columns) == ["run", "node", "attempt", "metric", "step", "value", "seconds"]
            assert frame["value"].iloc[-1] == 0.0
            (file,) = client.export_series(run.id, ["loss"], Options(folder=tmp_path / "out"))
            assert file.path == tmp_path / "out" / "series.csv"
            assert file.rows == len(loss.points)
            assert client.export_series(run.id, ["lost"], Options(folder=tmp_path / "out")) == ()


def test_a_run_that_is_watched_tells_what_its_nodes_measure(tmp_path: Path) -> None:
    """The last value of each series of a node that runs stands beside the states of its run."""
    with cluster(tmp_path / "made") as made:
        made.start_daemon()
        with made.client() as client:
            made.start_agent("a1", operators=("tests.acceptance.measuring_operators",))
            made.agents_are("a1")
            client.push({"id": "descend", "graph": [{"op": "Descend", "inputs": {"label": "g", "how": "end"}}]})
            run = client.submit("descend")
            environment = made.environment(ACCIO_TOKEN=token(made))
            told = tmp_path / "told"
            with told.open("w") as file:
                watching = subprocess.Popen(
                    python("accio_client.cli.main", "watch", run.id), env=environment, stdout=file, stderr=file
                )
            try:
                eventually(lambda: "Descend: 50%, loss 0.0" in told.read_text(), what="a loss beside the run")
                made.open_gate("g")
                assert watching.wait(timeout=90) == 0
            finally:
                watching.kill()
                watching.wait()
            assert told.read_text().endswith(f"{run.id} success\n")


def test_what_a_killed_node_had_measured_stays(tmp_path: Path) -> None:
    """A process that is killed told what it had measured up to half a second before."""
    with cluster(tmp_path / "made") as made:
        made.start_daemon()
        with made.client() as client:
            made.start_agent("a1", operators=("tests.acceptance.measuring_operators",))
            made.agents_are("a1")
            client.push({"id": "descend", "graph": [{"op": "Descend", "inputs": {"label": "g", "how": "die"}}]})
            run = client.submit({"workflow": "descend"}).run.id
            eventually(lambda: _live(client, run), what="points of a node that runs")
            made.open_gate("g")
            assert client.wait(run).state == "failed"
            (loss,) = client.series(run, "loss")
            assert loss.total > 20
            assert not loss.running
