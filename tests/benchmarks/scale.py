"""What millions of children cost before they run: submission, memory, restart."""

import signal
import statistics
import time

from accio_client import Client
from tests.benchmarks.bed import Bed, bed, run_sweep
from tests.benchmarks.rows import Context, Measured, Row

MANY, MILLION = 10_000_000, 1_000_000


def _sweep(children: int) -> dict[str, object]:
    """A sweep by formula that has nothing in common with what ran before."""
    return {"workflow": "fan", "params": {"i": {"from": -1, "to": -children, "step": -1}}}


def _stop_agent(ready: Bed) -> None:
    """End the agent, so that what is submitted stays queued."""
    assert ready.agent is not None
    ready.agent.kill(signal.SIGTERM)
    ready.agent.ended()
    ready.agent = None


def _timed_submit(client: Client, children: int) -> tuple[float, str]:
    began = time.perf_counter()
    run = client.submit(_sweep(children)).run.id
    return time.perf_counter() - began, run


def _submit(context: Context) -> Measured:
    with bed(context.root) as ready, ready.cluster.client() as client:
        client.submit({"workflow": "fan", "params": {"i": 0}})
        busy: list[float] = []
        for _ in range(context.repetitions):
            seconds, run = _timed_submit(client, MANY)
            began = time.perf_counter()
            client.list_runs()
            busy.append(time.perf_counter() - began)
            client.kill([run])
        _stop_agent(ready)
        before = ready.daemon_process().memory_info().rss
        times: list[float] = []
        for _ in range(context.repetitions):
            seconds, run = _timed_submit(client, MANY)
            times.append(seconds)
            client.delete([run])
        grown = ready.daemon_process().memory_info().rss - before
        return Measured(
            value=round(1000 * statistics.median(times), 1),
            details={
                "times_ms": [round(1000 * each, 1) for each in times],
                "list_while_it_begins_ms": [round(1000 * each, 1) for each in busy],
                "memory_mb": round(grown / 1e6, 1),
            },
        )


def _queued(context: Context, ready: Bed, client: Client) -> dict[str, object]:
    """End 100,000 nodes and queue a million; return what that cost."""
    ended = 10_000 if context.quick else 100_000
    run_sweep(ready, client, {"workflow": "fan", "params": {"i": ready.fresh(ended)}}, ended)
    after = ready.daemon_process().memory_info().rss
    _stop_agent(ready)
    client.submit(_sweep(MILLION))
    return {"ended": ended, "queued": MILLION, "memory_before_mb": round(after / 1e6, 1)}


def _restart(context: Context) -> Measured:
    with bed(context.root) as ready:
        with ready.cluster.client() as client:
            details = _queued(context, ready, client)
        times: list[float] = []
        for _ in range(context.repetitions):
            assert ready.cluster.daemon is not None
            ready.cluster.daemon.kill(signal.SIGKILL)
            ready.cluster.daemon.ended()
            began = time.perf_counter()
            ready.start_daemon()
            with ready.cluster.client() as client:
                client.cluster_state()
            times.append(time.perf_counter() - began)
        details["times"] = [round(each, 2) for each in times]
        return Measured(value=round(statistics.median(times), 2), details=details)


def _memory(context: Context) -> Measured:
    with bed(context.root) as ready, ready.cluster.client() as client:
        details = _queued(context, ready, client)
        client.cluster_state()
        return Measured(value=round(ready.daemon_process().memory_info().rss / 1e6, 1), details=details)


def _row(name: str, title: str, unit: str, must: float, wish: float, measure: object) -> Row:
    return Row(name=name, title=title, unit=unit, must=must, wish=wish, more=False, measure=measure)  # type: ignore[arg-type]  # names of fixed choices


ROWS = (
    _row("submit10m", "submit 10,000,000 children", "ms", 200, 20, _submit),
    _row("restart", "restart with 1,000,000 queued and 100,000 ended", "s", 2.0, 0.5, _restart),
    _row("memory", "memory at 1,000,000 queued (100,000 ended before)", "MB", 100, 80, _memory),
)
