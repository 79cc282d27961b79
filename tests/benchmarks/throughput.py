"""Nodes per second through the whole product, with fresh keys and again from the memo."""

import statistics
from typing import Any

from tests.benchmarks.bed import DAG, FAN, Bed, Spent, bed, run_sweep
from tests.benchmarks.rows import Context, Measured, Row
from tests.benchmarks.slopes import FAILING


def _fan(context: Context, children: int, workflow: str = "fan", state: str = "success") -> Measured:
    if context.quick:
        children //= 10
    rates: list[float] = []
    costs: list[Spent] = []
    with bed(context.root, (FAN, FAILING, DAG)) as ready, ready.cluster.client() as client:
        _warm(ready)
        for _ in range(context.repetitions):
            before = ready.executed()
            sweep = {"workflow": workflow, "params": {"i": ready.fresh(children)}}
            rate, spent = run_sweep(ready, client, sweep, children, state=state)
            _expect(ready.executed() - before, children)
            rates.append(rate)
            costs.append(spent)
        return _measured(rates, costs, children, memory_mb=_peak(ready))


def _dag(context: Context, children: int, *, again: bool) -> Measured:
    if context.quick:
        children //= 10
    nodes = 4 * children
    rates: list[float] = []
    costs: list[Spent] = []
    with bed(context.root) as ready, ready.cluster.client() as client:
        _warm(ready)
        for _ in range(context.repetitions):
            sweep = {"workflow": "dag", "params": {"i": ready.fresh(children)}}
            before = ready.executed()
            rate, spent = run_sweep(ready, client, sweep, nodes)
            _expect(ready.executed() - before, nodes)
            if again:
                rate, spent = run_sweep(ready, client, sweep, nodes)
                _expect(ready.executed() - before, nodes)
            rates.append(rate)
            costs.append(spent)
        return _measured(rates, costs, nodes, memory_mb=_peak(ready))


def _warm(ready: Bed) -> None:
    """Wait until workers have started, and the daemon has learnt how long nodes take."""
    with ready.cluster.client() as client:
        for workflow in ("fan", "dag"):
            run_sweep(ready, client, {"workflow": workflow, "params": {"i": ready.fresh(200)}}, 200)


def _peak(ready: Bed) -> float:
    return round(ready.daemon_process().memory_info().rss / 1e6, 1)


def _expect(executed: int, wanted: int) -> None:
    if executed != wanted:
        raise RuntimeError(f"expected {wanted} executions, counted {executed}")


def _measured(rates: list[float], costs: list[Spent], nodes: int, **details: Any) -> Measured:
    middle = sorted(zip(rates, costs, strict=True), key=lambda pair: pair[0])[len(rates) // 2]
    return Measured(
        value=round(statistics.median(rates)),
        details={"nodes": nodes, "rates": [round(rate) for rate in rates], **middle[1].per(nodes), **details},
    )


def _row(name: str, title: str, must: float, wish: float, measure: Any) -> Row:
    return Row(name=name, title=title, unit="nodes/s", must=must, wish=wish, more=True, measure=measure)


ROWS = (
    _row("fan10k", "fan-out of 10,000", 10_000, 20_000, lambda context: _fan(context, 10_000)),
    _row(
        "fail10k",
        "fan-out of 10,000 that fail",
        8_000,
        10_000,
        lambda context: _fan(context, 10_000, "failing", "failed"),
    ),
    _row("fan100k", "fan-out of 100,000", 10_000, 20_000, lambda context: _fan(context, 100_000)),
    _row("dag2500", "4-node DAG × 2,500", 8_500, 15_000, lambda context: _dag(context, 2_500, again=False)),
    _row("dag25k", "4-node DAG × 25,000", 8_500, 15_000, lambda context: _dag(context, 25_000, again=False)),
    _row("memo2500", "4-node DAG × 2,500 again", 40_000, 100_000, lambda context: _dag(context, 2_500, again=True)),
    _row("memo25k", "4-node DAG × 25,000 again", 40_000, 100_000, lambda context: _dag(context, 25_000, again=True)),
)
