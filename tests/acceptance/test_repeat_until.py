"""A sweep that is repeated until precise, whose daemon is killed again and again: it decides what it would have."""

from pathlib import Path
from typing import Any

import pytest

from accio_client import Client
from tests.acceptance.processes import survives_kills
from tests.acceptance.sweeps import table

pytestmark = pytest.mark.acceptance

WORKFLOW = {
    "id": "noise",
    "params": [{"name": "x", "kind": "integer"}],
    "graph": [{"op": "Noise", "inputs": {"x": {"param": "x"}}}],
}
MOST = 60
RUN = {
    "workflow": "noise",
    "seed": 7,
    "params": {"x": {"from": 1, "to": 6, "step": 1}},
    "repeat": {"until": {"output": "Noise/value", "ci95": 0.1}, "min": 4, "max": MOST},
}
KILLS = 5


def outcome(client: Client, run: str) -> tuple[Any, ...]:
    """Return what a run that has ended came to: which children there are, what they gave, and how precise that is."""
    details = client.get_run(run, nodes=False)
    assert details.run.state == "success"
    assert details.precision is not None
    return table(client, run), details.run.children, details.precision


@pytest.mark.timeout(300)
def test_kills_change_no_decision(tmp_path: Path) -> None:
    """Five kills, spread over the run: the same points get the same repetitions, each executed once."""
    _, ledger = survives_kills(tmp_path, WORKFLOW, RUN, outcome, times=KILLS)
    assert 6 * 4 < len(ledger) < 6 * MOST, "some points need more than others"
