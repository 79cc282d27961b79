"""Progress of sweeps that are repeated until precise: against what is known to be needed, not what might be."""

import pytest

from accio.v1 import accio_pb2, runs_pb2
from tests.integration.daemon.harness import Serving
from tests.integration.daemon.scripted_agent import joined

NOISE = {
    "id": "noise",
    "params": [{"name": "x", "kind": "double"}],
    "graph": [{"op": "Draw", "inputs": {"x": {"param": "x"}}}],
}
RUN = {
    "workflow": "noise",
    "params": {"x": {"values": [1, 2, 3]}},
    "repeat": {"until": {"output": "Draw/value", "ci95": 0.5}, "min": 2, "max": 100},
}


def nodes(run: runs_pb2.Run) -> dict[str, int]:
    """Return how many nodes there are in each state."""
    return {each.state: each.count for each in run.nodes_by_state if each.count}


@pytest.mark.timeout(120)
async def test_progress_counts_what_is_known_to_be_needed(daemon: Serving) -> None:
    """At first the least of each point; more once a point turns out to need more; in the end what there was."""
    async with joined(daemon.agents, behaviour=None) as agent:
        await daemon.push(NOISE)
        run = await daemon.submit(RUN)
        (listed,) = (await daemon.accio.List(accio_pb2.ListRequest())).runs
        for seen in (run, listed):
            assert (seen.progress, sum(nodes(seen).values()), seen.children) == (0.0, 6, 300)
        ended, answered = 0, dict[float, int]()

        async def answer(times: int) -> None:
            nonlocal ended
            for _ in range(times):
                work = await agent.work.get()
                x = float(work.inputs_json.split(":")[1].rstrip("}"))
                answered[x] = number = answered.get(x, 0) + 1
                value = 5.0 if x > 1 else float(number % 2)  # the first point alone is noisy
                await agent.send(reports={"reports": [agent.report(work, {"value": repr(value)})]})
                ended += 1

        await answer(6)
        while (found := (await daemon.get(run.id)).run).children > 3 * 100 - 2 * 98:
            pass  # until the two points that are precise have been decided
        while sum(nodes(found := (await daemon.get(run.id)).run).values()) == 6:
            pass  # until the noisy one has been given more
        assert sum(nodes(found).values()) == 2 + 2 + 4
        assert found.progress == 6 / 8
        while not agent.work.empty() or not found.ended_at_ms:
            if not agent.work.empty():
                await answer(1)
            found = (await daemon.get(run.id)).run
        assert (found.progress, nodes(found)) == (1.0, {"success": ended})
        assert found.children == ended < 300
