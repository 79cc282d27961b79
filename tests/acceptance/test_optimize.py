"""Studies, through real processes: what is tried, what is best, and how that is told."""

import json
from pathlib import Path
from typing import Any

import pytest

from accio_client import Client
from accio_client.analysis.pictures import Trials
from accio_client.asked_pictures import Asked, draw
from accio_client.collected import Collected, Reading
from accio_client.views import RunFilter, StudyView
from tests.acceptance.joining import accio
from tests.acceptance.processes import Cluster, cluster, eventually
from tests.acceptance.sweeps import RATIO, SQUARE, table

pytestmark = pytest.mark.acceptance


def started(made: Cluster) -> Client:
    """Start a daemon and an agent."""
    made.start_daemon()
    made.start_agent(operators=("tests.acceptance.ledger_operators", "tests.acceptance.failing_operators"))
    made.agents_are("a1")
    return made.client()


def said(made: Cluster, *arguments: str) -> str:
    """Return what a command prints."""
    done = accio(made, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def study_of(client: Client, run: str) -> StudyView:
    """Return how far a study is."""
    found = client.get_run(run, nodes=False).study
    assert found is not None
    return found


def submitted(client: Client, workflow: str, params: dict[str, Any], optimize: dict[str, Any], **rest: Any) -> str:
    """Submit a study and wait for its end."""
    run = client.submit({"workflow": workflow, "seed": 7, "params": params, "optimize": optimize, **rest}).run.id
    client.wait(run, patience=90)
    return run


def run_of(workflow: str, optimize: dict[str, Any]) -> dict[str, Any]:
    """Return the definition of a study of x."""
    return {"workflow": workflow, "params": {"x": {"values": [1, -7, 3]}}, "optimize": optimize}


def _file(folder: Path, document: dict[str, Any]) -> Path:
    path = folder / "study.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@pytest.mark.timeout(300)
def test_a_study_tells_its_best_trial(tmp_path: Path) -> None:
    """Of all trials, and as the table has them: by number, parameters and value, in Python and on the command line."""
    with cluster(tmp_path) as made, started(made) as client:
        client.push(SQUARE)
        grid = {"objective": "Square/value", "direction": "maximize", "sampler": "grid"}
        run = submitted(client, "square", {"x": {"values": [1, -7, 3]}}, grid, repeat=2)
        study = study_of(client, run)
        assert (study.trials, study.complete, study.failed) == (3, 3, 0)
        (best,) = study.best
        assert (best.number, best.values, best.children) == (1, (49.0,), range(2, 4))
        assert best.params["x"].value == -7
        assert len(table(client, run)) == 6
        told = said(made, "describe", "run", run)
        assert "maximize Square/value" in told
        assert f"best:        Square/value = 49 with x=-7 (mean of {run}.2 to .3)" in told
        document = json.loads(said(made, "describe", "run", run, "--json"))
        assert document["study"]["best"][0]["params"] == {"x": -7}
        told = accio(made, "submit", str(_file(tmp_path, run_of("square", grid))), "-wait").stderr
        assert "best: Square/value = 49 with x=-7" in told
        assert "best: Square/value = 49 with x=-7" in accio(made, "watch", run).stderr
        picture = json.loads(said(made, "plot", run, "--json"))["picture"]
        assert (picture["shape"], picture["values"], picture["best"]) == ("trials", [1, 49, 9], [1, 49, 49])
        assert client.run(run).plot().csv().splitlines()[2] == "1,2,complete,49.0,49.0"
        again = said(made, "optimize", "square", "x=1..9", "-objective=Square/value", "-trials=4", "-wait", "-quiet")
        drawn = study_of(client, again.strip())
        assert (drawn.trials, drawn.complete) == (4, 4)
        assert drawn.best[0].values == (min(value["Square/value"] for value in values_of(client, again.strip())),)


def values_of(client: Client, run: str) -> list[dict[str, Any]]:
    """Return the outputs of each child."""
    return [dict(row) for row in client.frame(run).to_dict("records")]


@pytest.mark.timeout(300)
def test_trials_that_fail_have_no_value(tmp_path: Path) -> None:
    """A division by zero is counted, and isn't the best."""
    with cluster(tmp_path) as made, started(made) as client:
        client.push(RATIO)
        params = {"x": {"values": [1, 2]}, "y": {"values": [0, 1]}}
        run = submitted(client, "ratio", params, {"objective": "Ratio/value", "sampler": "grid"})
        study = study_of(client, run)
        assert (study.complete, study.failed) == (2, 2)
        assert study.best[0].values == (1.0,)


LEARN: dict[str, Any] = {
    "id": "learn",
    "params": [{"name": "rate", "kind": "integer"}, {"name": "label", "kind": "string", "default_value": "end"}],
    "graph": [
        {
            "op": "Learn",
            "inputs": {"rate": {"param": "rate"}, "label": {"param": "label"}},
            "resources": {"cpus": 0.1},
        }
    ],
}


@pytest.mark.timeout(300)
def test_trials_that_are_behind_end_early(tmp_path: Path) -> None:
    """Of nine trials that all measure, some are killed though they would never end by themselves; one that is kept ends
    well, and so does the study, which says how many were ended early, and each why.
    """
    with cluster(tmp_path) as made:
        made.start_daemon()
        made.start_agent(operators=("tests.acceptance.learning_operators",))
        made.agents_are("a1")
        with made.client() as client:
            client.push(LEARN)
            optimize = {"objective": "Learn/value", "sampler": "grid", "prune": {"metric": "Learn/loss"}}
            params = {"rate": {"from": 1, "to": 9, "step": 1}}
            run = client.submit({"workflow": "learn", "params": params, "optimize": optimize}).run.id
            eventually(lambda: study_of(client, run).pruned >= 4, what="trials that are ended early")
            made.open_gate("end")
            ended = client.wait(run, patience=90)
            study = study_of(client, run)
            assert ended.state == "success"
            assert study.pruned + study.complete == 9
            assert study.best[0].values == (1.0,)
            assert ended.children_by_state == {"success": study.complete, "killed": study.pruned}
            killed = next(each for each in client.iterate_runs(RunFilter(parent=run)) if each.state == "killed")
            failure = client.get_node(killed.id, "Learn").node.failure
            assert failure is not None
            assert failure.cause == "pruned"
            assert "Learn/loss is" in failure.message
            outcomes = json.loads(said(made, "plot", run, "--json"))["picture"]["outcomes"]
            assert (outcomes.count("pruned"), outcomes.count("complete")) == (study.pruned, study.complete)
            assert f"{study.pruned} of them early" in said(made, "describe", "run", run)


@pytest.mark.timeout(300)
def test_a_study_that_grows_is_drawn_as_far_as_it_is(tmp_path: Path) -> None:
    """What was read while the first trials were asked for is brought up to date when there are more."""
    with cluster(tmp_path) as made, started(made) as client:
        client.push(SQUARE)
        optimize = {"objective": "Square/value", "trials": 8, "sampler": "tpe", "at_once": 2}
        params = {"x": {"from": 0, "to": 100, "step": 1}}
        run = client.submit({"workflow": "square", "params": params, "optimize": optimize}).run.id
        kept: dict[Reading, Collected] = {}
        begun, meant = client.picture_of(run, Asked(), kept=kept)
        assert (begun.table.size < 8, meant.kind) == (True, "trials")
        client.wait(run, patience=90)
        picture = draw(*client.picture_of(run, Asked(), kept=kept))
        assert isinstance(picture, Trials)
        assert (str(picture.head.counted), len(kept)) == ("8 of 8 trials", 1)
        assert picture.best[-1] == study_of(client, run).best[0].values[0]


def test_an_objective_is_a_member_of_a_map(tmp_path: Path) -> None:
    """What a function returns as a dict is a map of which each number can be looked for; without it a trial failed."""
    operators = tmp_path / "fits.py"
    operators.write_text(
        "from accio import operator\n\n\n@operator\ndef Fit(x: float) -> dict[str, float]:\n"
        "    return {'n': 1.0} if x == 2 else {'n': 1.0, 'error': (x - 3) ** 2}\n",
        encoding="utf-8",
    )
    workflow = {
        "id": "fits",
        "params": [{"name": "x", "kind": "double"}],
        "graph": [{"op": "Fit", "inputs": {"x": {"param": "x"}}}],
    }
    optimize = {"objective": "Fit/value.error", "sampler": "grid"}
    with cluster(tmp_path) as made:
        made.start_daemon()
        made.start_agent(operators=(str(operators),))
        made.agents_are("a1")
        client = made.client()
        client.push(workflow)
        run = submitted(client, "fits", {"x": {"values": [1, 2, 3, 4]}}, optimize)
        study = study_of(client, run)
        assert (study.complete, study.failed) == (3, 1)
        assert (study.objectives[0].output, study.objectives[0].type) == ("Fit/value.error", "double")
        assert [(best.values, best.params["x"].value) for best in study.best] == [((0.0,), 3.0)]
        assert "Fit/value.error = 0 with x=3.0" in said(made, "describe", "run", run)
        assert "Fit/value.error" in said(made, "plot", run)
        wrong = accio(made, "optimize", "fits", "x=1,2", "-objective=Fit/value.eror", "-sampler=grid", "-wait")
        assert wrong.stderr.endswith(
            "no trial has a value: no child has a member 'eror' of the map Fit/value; did you mean Fit/value.error?\n"
        )
