"""A study of 200 trials whose daemon is killed five times: it tries and finds what it would have."""

from pathlib import Path
from typing import Any

import pytest

from accio_client import Client
from tests.acceptance.processes import survives_kills
from tests.acceptance.sweeps import SQUARE

pytest.importorskip("optuna", reason="the sampler under test is an extra")
pytestmark = pytest.mark.acceptance

TRIALS = 200
KILLS = 5
RUN: dict[str, Any] = {
    "workflow": "square",
    "seed": 7,
    "params": {"x": {"from": -20000, "to": 20000, "step": 1}},
    # One at a time, so that trials end in the same order in any case.
    "optimize": {"objective": "Square/value", "trials": TRIALS, "sampler": "tpe", "at_once": 1},
}


def outcome(client: Client, run: str) -> tuple[Any, ...]:
    """Return what a study came to: each trial in order, with what it gave, and how far the study is."""
    details = client.get_run(run, nodes=False)
    assert details.run.state == "success"
    assert details.run.children == TRIALS
    rows = client.frame(run).to_dict("records")
    return [(row["index"], row["x"], row["Square/value"]) for row in rows], details.study


@pytest.mark.timeout(600)
def test_kills_change_no_trial(tmp_path: Path) -> None:
    """The same points are tried in the same order, each executed once, and the same one is best."""
    (trials, study), _ = survives_kills(tmp_path, SQUARE, RUN, outcome, times=KILLS)
    assert len(trials) == TRIALS
    assert study.best[0].values == (min(value for _, _, value in trials),)
    first, last = (sorted(value for _, _, value in part) for part in (trials[:50], trials[-50:]))
    assert last[25] < first[25], "it learns: later trials are better than the first ones"
