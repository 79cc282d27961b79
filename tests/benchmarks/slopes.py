"""How costs grow: each operation of the interface at two sizes, ten times apart, and the exponent between them.

An exponent of 1 is linear, 2 quadratic. What is compared is processor time of all processes, which other work on the
machine changes less than the time that passes. An operation that costs next to nothing at the larger size has no slope
worth telling: below the floor, costs count as the floor.
"""

import math
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from accio_client import Client
from accio_client.views import RunFilter
from tests.benchmarks.bed import FAN, Bed, Spent, bed
from tests.benchmarks.rows import Context, Measured, Row

_SIZE = 400
_RATIO = 10
_FLOOR_S = 0.05
_WATCHERS = 5

SAYING = {**FAN, "id": "saying", "graph": [{"op": "Say", "inputs": {"i": {"param": "i"}}}]}
FAILING = {**FAN, "id": "failing", "graph": [{"op": "Fail", "inputs": {"i": {"param": "i"}}}]}

Costs = dict[str, Spent]


class Operations:
    """Does everything once with things of one size."""

    def __init__(self, ready: Bed, client: Client, size: int) -> None:
        """Note where, and how large."""
        self._bed = ready
        self._client = client
        self._size = size
        self.costs: Costs = {}

    def measure(self) -> Costs:
        """Do everything."""
        self._wide()
        self._chain()
        self._sweep()
        self._failing_sweep()
        self._killed_sweep()
        return self.costs

    @contextmanager
    def _cost(self, operation: str) -> Iterator[None]:
        with self._bed.spending() as spent:
            yield
        self.costs[operation] = spent

    def _wide(self) -> None:
        client, definition = self._client, self._workflow("wide", self._size, chained=False)
        with self._cost("push a workflow of n nodes"):
            client.push(definition)
        run = {"workflow": definition["id"]}
        with self._cost("validate a run of n nodes"):
            client.validate(run)
        with self._cost("dry-run n nodes"):
            client.dry_run(run)
        ended = self._watched("run n nodes, watched by five", run)
        self._read("n nodes", ended, client)
        with self._cost("run n nodes again, memoized"):
            client.wait(client.submit(run).run.id)
        with self._cost("delete a run of n nodes"):
            client.delete([ended])

    def _chain(self) -> None:
        definition = self._workflow("chain", self._size // 4, chained=True)
        self._client.push(definition)
        self._watched("run a chain of n/4 nodes, watched by five", {"workflow": definition["id"]})

    def _sweep(self) -> None:
        client, run = self._client, self._sweep_of("saying")
        with self._cost("dry-run n children"):
            client.dry_run(run)
        ended = self._watched("run n children, watched by five", run)
        with self._cost("list n children"):
            assert sum(1 for _ in client.iterate_runs(RunFilter(parent=ended))) == self._size
        self._read("n children", ended, client)
        with self._cost("run n children again, memoized"):
            client.wait(client.submit(run).run.id)
        with self._cost("delete n children"):
            client.delete([ended])

    def _failing_sweep(self) -> None:
        client = self._client
        ended = self._watched("run n children that fail, watched by five", self._sweep_of("failing"), "failed")
        with self._cost("logs of n children that failed"):
            _ = list(client.log_groups(ended))
        with self._cost("retry n children"):
            client.retry([ended])
            client.wait(ended)

    def _killed_sweep(self) -> None:
        run = self._client.submit(self._sweep_of("saying")).run.id
        with self._cost("kill n children"):
            self._client.kill([run])
            self._client.wait(run)

    def _read(self, what: str, run: str, client: Client) -> None:
        with self._cost(f"get a run of {what}"):
            client.get_run(run)
        with self._cost(f"logs of {what}"):
            lines = sum(not line.is_note for group in client.log_groups(run) for line in group)
        if lines != self._size:
            raise RuntimeError(f"expected {self._size} lines, a line for each of {what}, found {lines}")
        with self._cost(f"export {what}"):
            for _ in client.export_chunks([run]):
                pass
        with self._cost(f"events of {what}"):
            client.events(run)

    def _watched(self, operation: str, definition: Mapping[str, Any], state: str = "success") -> str:
        with ThreadPoolExecutor(_WATCHERS) as pool, self._cost(operation):
            run = self._client.submit(dict(definition)).run.id
            states = {each.state for each in pool.map(self._client.wait, [run] * _WATCHERS)}
        if states != {state}:
            raise RuntimeError(f"{operation}: expected {state}, found {', '.join(sorted(states))}")
        return run

    def _sweep_of(self, workflow: str) -> dict[str, Any]:
        return {"workflow": workflow, "params": {"i": self._bed.fresh(self._size)}}

    def _workflow(self, kind: str, nodes: int, *, chained: bool) -> dict[str, Any]:
        first = self._bed.fresh(nodes)["from"]
        return {
            "id": f"{kind}{self._size}",
            "graph": [
                {
                    "op": "Next" if chained else "Say",
                    "name": f"n{no}",
                    "inputs": {"i": {"reference": f"n{no - 1}/value"} if chained and no else {"value": first + no}},
                }
                for no in range(nodes)
            ],
        }


def exponent(small: float, large: float) -> float:
    """Return the power of the size with which a cost grows; below the floor, costs count as the floor."""
    return math.log(max(large, _FLOOR_S) / max(small, _FLOOR_S), _RATIO)


def _measure(context: Context) -> Measured:
    size = _SIZE // 4 if context.quick else _SIZE
    with bed(context.root, (SAYING, FAILING)) as ready, ready.cluster.client() as client:
        Operations(ready, client, size // 10).measure()  # what is done for the first time costs more
        small = Operations(ready, client, size).measure()
        large = Operations(ready, client, size * _RATIO).measure()
    table = {name: _compared(small[name], large[name]) for name in large}
    print(f"{'operation':<48}{f'n = {size:,}':>14}{f'n = {size * _RATIO:,}':>14}{'exponent':>10}", file=sys.stderr)
    for name, row in sorted(table.items(), key=lambda entry: -entry[1]["exponent"]):
        print(f"{name:<48}{row['small_s']:>12.2f} s{row['large_s']:>12.2f} s{row['exponent']:>10.2f}", file=sys.stderr)
    return Measured(value=max(row["exponent"] for row in table.values()), details={"n": size, "operations": table})


def _compared(small: Spent, large: Spent) -> dict[str, float]:
    return {
        "small_s": round(small.total, 3),
        "large_s": round(large.total, 3),
        "small_wall_s": round(small.wall, 3),
        "large_wall_s": round(large.wall, 3),
        "exponent": round(exponent(small.total, large.total), 2),
    }


ROWS = (
    Row(
        name="slopes",
        title="steepest operation of the interface, 400 to 4,000",
        unit="exponent",
        must=1.1,
        wish=1.0,
        more=False,
        measure=_measure,
    ),
)
