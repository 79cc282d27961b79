"""What stays the same: the cost of a node in a large database, and memory over a long life."""

import statistics

import psutil

from accio_client import Client
from tests.benchmarks.bed import Bed, bed, run_sweep
from tests.benchmarks.rows import Context, Measured, Row
from tests.benchmarks.seeding import seed_nodes, whole

ROUNDS = 5


def _growth(context: Context) -> Measured:
    """The daemon's processor time per node in a database of ten million ended nodes over that in an empty one; rounds
    take turns.
    """
    seeded, children = (200_000, 1_000) if context.quick else (10_000_000, 5_000)
    with bed(context.root / "small") as small, bed(context.root / "large") as large:
        took = _fill(large, seeded)
        costs: dict[str, list[float]] = {"small": [], "large": []}
        for number in range(ROUNDS + 1):
            for name, ready in (("small", small), ("large", large)):
                with ready.cluster.client() as client:
                    spent = run_sweep(ready, client, _fan(ready, children), children)[1]
                if number:  # the first one warms workers and caches
                    costs[name].append(spent.per(children)["daemon_cpu_us"])
        ratio = statistics.median(costs["large"]) / statistics.median(costs["small"])
        return Measured(
            value=round(ratio, 3),
            details={
                "nodes": seeded,
                "daemon_cpu_us": costs,
                "daemon_rss_mb": {"small": _rss(small.daemon_process()), "large": _rss(large.daemon_process())},
                "bytes_per_node": round(large.database_bytes() / seeded),
                **took,
            },
        )


def _fill(ready: Bed, count: int) -> dict[str, float]:
    """Store *count* ended nodes; give how long that took, and the start of the daemon that finds them."""
    with ready.cluster.client() as client:
        sample = client.submit({"workflow": "fan", "params": {"i": 0}}).run.id
        client.wait(sample)
    seeding, restart = ready.fill(lambda database: seed_nodes(database, sample, whole("i", count)))
    ready.cluster.agents_are("a1")
    return {"seeding_s": round(seeding, 1), "restart_s": round(restart, 2)}


def _soak(context: Context) -> Measured:
    """Memory of daemon or agent, whichever grew more, after a million nodes over that after the first ones."""
    children, rounds = (2_000, 5) if context.quick else (50_000, 20)
    with bed(context.root) as ready, ready.cluster.client() as client:
        assert ready.agent is not None
        agent = psutil.Process(ready.agent.popen.pid)
        memory: dict[str, list[float]] = {"daemon": [], "agent": [], "workers": []}
        costs: list[dict[str, float]] = []
        for _ in range(rounds):
            costs.append(_round(ready, client, children))
            memory["daemon"].append(_rss(ready.daemon_process()))
            memory["agent"].append(_rss(agent))
            memory["workers"].append(round(sum(map(_rss, agent.children(recursive=True))), 1))
        early = max(1, rounds // 10)
        grown = max(memory[name][-1] / memory[name][early] for name in ("daemon", "agent"))
        return Measured(
            value=round(grown, 3),
            details={
                "nodes": children * rounds,
                "rss_mb": memory,
                "daemon_cpu_us": [each["daemon_cpu_us"] for each in costs],
                "agent_cpu_us": [each["agent_cpu_us"] for each in costs],
                "bytes_per_node": round(ready.database_bytes() / (children * rounds)),
            },
        )


def _round(ready: Bed, client: Client, children: int) -> dict[str, float]:
    return run_sweep(ready, client, _fan(ready, children), children)[1].per(children)


def _fan(ready: Bed, children: int) -> dict[str, object]:
    return {"workflow": "fan", "params": {"i": ready.fresh(children)}}


def _rss(process: psutil.Process) -> float:
    return round(process.memory_info().rss / 1e6, 1)


ROWS = (
    Row(
        name="growth",
        title="cost per node beside 10,000,000 ended ones",
        unit="×",
        must=1.1,
        wish=1.0,
        more=False,
        measure=_growth,
    ),
    Row(
        name="soak",
        title="memory after 1,000,000 nodes over that after 100,000",
        unit="×",
        must=1.1,
        wish=1.0,
        more=False,
        measure=_soak,
    ),
)
