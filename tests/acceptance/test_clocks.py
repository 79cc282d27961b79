"""The wall clock jumps, at the daemon, at the agent, or at both: no lease, time-out or order depends on it."""

import itertools
import os
from pathlib import Path

import pytest

from tests.acceptance.processes import Cluster, cluster, eventually
from tests.acceptance.sweeps import THREE, repeated, sweep_of

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)

OPERATORS = ("tests.acceptance.ledger_operators", "tests.acceptance.clock_operators")
PIPED = {
    "id": "piped",
    "params": [{"name": "pipe", "kind": "string"}],
    "graph": [{"op": "Pipe", "inputs": {"pipe": {"param": "pipe"}}}],
}

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.timeout(120),
    pytest.mark.skipif(LIBRARY is None, reason="shifting the clocks of processes needs libfaketime"),
]


def _clock(made: Cluster, name: str) -> dict[str, str]:
    """Return the environment of a process whose wall clock `_shift` shifts while it runs."""
    _shift(made, name, "+0")
    return {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME_TIMESTAMP_FILE": str(made.root / f"clock-{name}"),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def _shift(made: Cluster, name: str, by: str) -> None:
    draft = made.root / f".clock-{name}"
    draft.write_text(f"{by}\n", encoding="ascii")
    os.replace(draft, made.root / f"clock-{name}")  # noqa: PTH105 - seen whole or not at all


@pytest.mark.parametrize("which", [("daemon",), ("agent",), ("daemon", "agent")], ids="+".join)
def test_a_jump_of_the_wall_clock_changes_nothing(tmp_path: Path, which: tuple[str, ...]) -> None:
    """An hour back or a day ahead, during a sweep: no agent is lost, nothing is repeated, durations stay sane."""
    with cluster(tmp_path / "made") as made:
        made.start_daemon("--lease", "10s", wait=True, **_clock(made, "daemon"))
        agent = made.start_agent("a1", operators=OPERATORS, **_clock(made, "agent"))
        made.agents_are("a1")
        with made.client() as client:
            client.push(PIPED)
            client.push(THREE)
            gate = tmp_path / "gate"
            os.mkfifo(gate)
            gated = client.submit({"workflow": "piped", "params": {"pipe": str(gate)}}).run.id
            eventually(lambda: made.executed(), what="the node's beginning")
            runs: list[str] = []
            for by, name in itertools.product(("-3600", "+86400", "-86400", "+0"), which):
                _shift(made, name, by)
                runs.append(client.submit({**sweep_of(20), "seed": len(runs)}).run.id)
                assert client.wait(runs[-1], patience=90).state == "success"
            gate.write_bytes(b"go")
            assert client.wait(gated).state == "success"
            attempts = client.get_node(gated, "Pipe").attempts
            assert [(attempt.agent, attempt.state) for attempt in attempts] == [("a1", "success")]
            metrics = client.get_node(gated, "Pipe").metrics
            assert metrics is not None
            assert 0 <= metrics.wall_us < 110_000_000
            # The newest run comes first, whatever the clock said when it was made.
            assert [run.id for run in client.list_runs().runs] == [*reversed(runs), gated]
        assert agent.output().count('"connected"') == 1
        assert repeated(made) == {}
