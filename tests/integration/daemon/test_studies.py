"""Studies at the door: what a submission says of them, and what it refuses."""

from collections.abc import AsyncIterator

import grpc
import pytest

from accio_daemon.services.calls import submissions
from tests.integration.daemon.harness import Serving, refused
from tests.integration.daemon.scripted_agent import joined
from tests.integration.daemon.workflows import PAIR

STUDY = {
    "workflow": "pair",
    "params": {"x": {"from": 0, "to": 1}},
    "repeat": 2,
    "optimize": {"objective": "Second/value", "trials": 5, "sampler": "tpe", "at_once": 2},
}


@pytest.fixture
async def ready(daemon: Serving) -> AsyncIterator[Serving]:
    """Return a daemon that has the workflow, and an agent that begins nothing."""
    async with joined(daemon.agents, behaviour=None):
        await daemon.push(PAIR)
        yield daemon


async def test_a_study_counts_all_its_trials(ready: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that were not asked for yet, too; its children are those that have parameters."""
    monkeypatch.setattr(submissions, "find_spec", lambda name: object())
    run = await ready.submit(STUDY)
    assert (run.children, run.progress) == (10, 0.0)
    found = await ready.get(run.id)
    assert (found.run.children, found.study.trials, found.study.complete) == (10, 5, 0)
    assert [(each.output, each.direction) for each in found.study.objectives] == [("Second/value", "minimize")]
    assert (await ready.get(f"{run.id}.3")).run.id == f"{run.id}.3"
    async with refused(grpc.StatusCode.NOT_FOUND, f"{run.id}.4"):
        await ready.get(f"{run.id}.4")


async def test_a_sampler_that_is_not_installed_is_told(ready: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what installs it, and what needs nothing."""
    monkeypatch.setattr(submissions, "find_spec", lambda name: None)
    async with refused(grpc.StatusCode.INVALID_ARGUMENT, "accio-experiments[optuna]"):
        await ready.submit(STUDY)
    gaussian = {**STUDY, "optimize": {"objective": "Second/value", "trials": 5, "sampler": "gp"}}
    async with refused(
        grpc.StatusCode.INVALID_ARGUMENT, "'gp' needs optuna, scipy, torch where the daemon runs, found"
    ):
        await ready.submit(gaussian)
    monkeypatch.setattr(submissions, "find_spec", lambda name: None if name == "torch" else object())
    async with refused(grpc.StatusCode.INVALID_ARGUMENT, "found none there: pip install torch;"):
        await ready.submit(gaussian)
