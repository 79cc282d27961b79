"""The memo's index alone, with as many keys as nobody waits for results to be stored: what it adds to a node's cost.

Each new node's key is looked for in all levels and found in none, unless bits tell that it was never added, and is
added when it has its result. That is done here with keys of which there are no results, in the daemon's groups, on
connections as the daemon has them. The large index is made in the order of keys, so its pages are full, and split as
others come: the dearest that there are.
"""

import random
import sqlite3
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from accio_daemon.storage import levels
from accio_daemon.storage.file.database import FILE_NAME, prepare
from accio_daemon.storage.jobs import open_reader
from accio_daemon.storage.writing.seen_keys import LARGEST, SMALLEST, SeenKeys
from tests.benchmarks.bed import bed, run_sweep
from tests.benchmarks.rows import Context, Measured, Row

_GROUP = 100  # keys that are looked for, and added, at a time
_GROUPS = 40  # in a turn
_TURNS = 7  # the first of which warms pages
_BLOCK = 10_000
_NODES = 5_000
_ALL = 1 << 64  # keys that there may be


def _index(context: Context) -> Measured:
    """The cost of a node with an index of a hundred million keys over that with an empty one, in processor time of the
    daemon: what the two indexes cost for each key, by turns, and what a node costs in an empty database.
    """
    sizes = (0, 1_000_000) if context.quick else (0, 1_000_000, 10_000_000, 100_000_000)
    with bed(context.root / "bed") as ready, ready.cluster.client() as client:
        nodes = [
            run_sweep(ready, client, {"workflow": "fan", "params": {"i": ready.fresh(_NODES)}}, _NODES)[1].per(_NODES)
            for _ in range(_TURNS)
        ]
    node = statistics.median(each["daemon_cpu_us"] for each in nodes[1:])
    folders = {size: context.root / f"keys-{size}" for size in sizes}
    for size, folder in folders.items():
        folder.mkdir()
        _fill(folder / FILE_NAME, size)
    seen = {size: _learnt(folder / FILE_NAME, size) for size, folder in folders.items()}
    costs: dict[int, list[tuple[float, float]]] = {size: [] for size in sizes}
    for turn in range(_TURNS):
        for size, folder in folders.items():
            costs[size].append(_cost(folder / FILE_NAME, seen[size], 1_000 * size + turn))
    found = {
        size: tuple(statistics.median(part) for part in zip(*each[1:], strict=True)) for size, each in costs.items()
    }
    added = sum(found[sizes[-1]]) - sum(found[0])
    return Measured(
        value=round((node + added) / node, 3),
        details={
            "node_daemon_cpu_us": node,
            "find_and_add_us": {str(size): [round(part, 2) for part in parts] for size, parts in found.items()},
        },
    )


def _fill(path: Path, count: int) -> None:
    """Make a database whose index has *count* keys, in levels that are as full as they may be."""
    with closing(prepare(path, synchronous="OFF")) as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("CREATE TEMP TABLE block AS SELECT value AS i FROM json_each(?)", (str([*range(_BLOCK)]),))
        connection.execute("BEGIN IMMEDIATE")
        state = levels.State()
        for level, bound in enumerate((*levels.BOUNDS, count)):
            size = min(bound, count)
            if size:
                _fill_level(connection, level, size)
            count -= size
            if level < len(state.sizes):
                state.sizes[level] = size
        state.store(connection)
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")


def _fill_level(connection: sqlite3.Connection, level: int, size: int) -> None:
    """Put *size* keys into a level, in order: one at a place of its own in each of as many equal parts."""
    values = {"size": size, "half": size // 2, "part": _ALL // size, "factor": 2_654_435_761 + 2 * level}
    connection.execute(
        f"""
        INSERT INTO memo_{level} (key64, result)
        SELECT (i - :half) * :part + (i * :factor) % :part, i + 1
        FROM (SELECT a.i * {_BLOCK} + b.i AS i FROM temp.block a CROSS JOIN temp.block b) WHERE i < :size LIMIT :size
        """,  # noqa: S608 - numbers
        values,
    )


def _learnt(path: Path, count: int) -> SeenKeys:
    """Return what a daemon knows of the keys in memory once it has read them all."""
    with closing(open_reader(path)) as reader:
        seen = SeenKeys(reader, bits=LARGEST if count > 1_000_000 else SMALLEST)
        while not seen.is_whole:
            seen.learn()
        return seen


def _cost(path: Path, seen: SeenKeys, seed: int) -> tuple[float, float]:
    """Look for new keys, and add them, in one turn; the processor time for each key, in µs, of either."""
    fresh = random.Random(seed)  # noqa: S311 - keys, not secrets
    spent = [0.0, 0.0]
    with closing(prepare(path)) as writer, closing(open_reader(path)) as reader:
        for _ in range(_GROUPS):
            keys = [fresh.randbytes(32) for _ in range(_GROUP)]
            spent[0] += _timed(lambda keys=keys: levels.find(reader, seen.among(keys)))  # type: ignore[misc]
            entries = [(levels.key64(key), _ALL // 4 + fresh.getrandbits(32)) for key in keys]
            spent[1] += _timed(lambda entries=entries: _add(writer, seen, entries))  # type: ignore[misc]
    find, add = (1e6 * seconds / (_GROUPS * _GROUP) for seconds in spent)
    return find, add


def _add(writer: sqlite3.Connection, seen: SeenKeys, entries: list[levels.Entry]) -> None:
    seen.add(entries)
    writer.execute("BEGIN IMMEDIATE")
    levels.add(writer, entries)
    writer.execute("COMMIT")


def _timed(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began


ROWS = (
    Row(
        name="index100m",
        title="cost per node with an index of 100,000,000 keys, by simulation of the index alone",
        unit="×",
        must=1.2,
        wish=1.0,
        more=False,
        measure=_index,
    ),
)
