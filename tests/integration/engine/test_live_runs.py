"""Runs that are watched: each look reads what changed, and says what a look at everything would."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager

import orjson
import pytest

from accio.domain.states import Cause
from accio.v1 import accio_pb2, runs_pb2
from accio_daemon.core.commands import KillRun, RetryRun
from accio_daemon.core.terms import RunNo
from accio_daemon.services.calls import watching
from accio_daemon.services.calls.live_run import LiveRun, LiveRuns
from accio_daemon.services.calls.submitted import row_of
from accio_daemon.services.messages.runs import counts
from accio_daemon.storage.nodes.nodes_query import count_states, read_nodes
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.runs import runs_query
from accio_daemon.storage.runs.plans import Plans
from accio_daemon.storage.runs.runs_query import Found
from tests import builders
from tests.fakes import FakeAgent
from tests.integration.engine.conftest import Bench, Benches

WIDE = builders.graph({f"n{number}": [] for number in range(6)})
CHAIN = builders.graph({"A": [], "B": ["A"], "C": ["B"], "D": ["A", "C"], "E": []})


class Watched:
    """A run that is read as its watchers do, and as a whole."""

    def __init__(self, bench: Bench, readers: Readers, run: RunNo) -> None:
        self.bench = bench
        self.plans = Plans()
        row = runs_query.get_run(bench.reader, run)
        assert row is not None
        self.found = Found(run=row)
        self.runs = LiveRuns(engine=bench.engine, readers=readers, plans=self.plans)

    def following(self) -> AbstractContextManager[LiveRun]:
        """Follow the run."""
        return self.runs.following(self.found)

    def whole(self) -> dict[str, int]:
        """Count the nodes that the database tells one by one."""
        now = runs_query.read_again(self.bench.reader, self.found)
        nodes = read_nodes(self.bench.reader, now, self.plans.workflow(self.bench.reader, now.run))
        return {each.state: each.count for each in counts(count_states(nodes))}


async def seen(live: LiveRun) -> dict[str, int]:
    """Read the run's counts as a watcher does."""
    found = await live.read(afresh=False)
    return {each.state: each.count for each in found.update.run.nodes_by_state}


async def end_all(bench: Bench, agent: FakeAgent, *, failing: str = "") -> None:
    """End what the agent executes; a node that is called *failing* fails."""
    held = [(attempt, each.node) for attempt, each in agent.attempts.items()]
    for attempt, node in held:
        report = (
            builders.failure(agent.next_seq, attempt, Cause.EXCEPTION)
            if failing and node.endswith(f"/{failing}")
            else builders.success(agent.next_seq, attempt, {"data": '"x"'})
        )
        await bench.engine.ask(agent.telling(agent.end(report)))


def nodes_read(statements: list[str]) -> list[list[int]]:
    """Return the nodes that each statement about nodes asked for; all of them would fail."""
    asked = [text for text in statements if " FROM nodes" in text]
    return [orjson.loads(re.findall(r"json_each\('(.*?)'\)", text)[0]) for text in asked]


async def test_each_look_counts_as_a_look_at_all_nodes_would(benches: Benches) -> None:
    """Through successes, a failure, a retry and a kill, counts kept up to date are those of all nodes read anew."""
    async with benches.running() as bench, Readers.open(bench.database) as readers:
        agent = await bench.join(cpus=2)
        watched = Watched(bench, readers, await bench.submit(CHAIN))
        with watched.following() as live:
            for failing in ("", "B", "", "", ""):
                assert await seen(live) == watched.whole()
                await end_all(bench, agent, failing=failing)
                assert await seen(live) == watched.whole()
            assert watched.whole() == {"success": 2, "failed": 1, "cancelled": 2}
            found = await live.read(afresh=False)
            assert (found.ended, found.update.first_failure.node) == (True, "B")
            await bench.engine.ask(RetryRun(run=watched.found.run.no))
            assert await seen(live) == watched.whole()
            found = await live.read(afresh=False)
            assert (found.ended, found.update.HasField("first_failure")) == (False, False)
            await bench.engine.ask(KillRun(run=watched.found.run.no))
            await end_all(bench, agent)
            assert await seen(live) == watched.whole()


async def test_a_look_reads_the_nodes_that_changed(benches: Benches) -> None:
    """Nodes that were seen ended aren't read again, however many there are."""
    statements: list[str] = []
    async with benches.running() as bench, Readers.open(bench.database) as readers:
        agent = await bench.join(cpus=2)
        watched = Watched(bench, readers, await bench.submit(WIDE))
        readers.glance(lambda connection: connection.set_trace_callback(statements.append))
        with watched.following() as live:
            await live.read(afresh=True)
            statements.clear()
            await end_all(bench, agent)
            await live.read(afresh=False)
            assert nodes_read(statements) == [[0, 1]]
            await end_all(bench, agent)
            statements.clear()
            await live.read(afresh=False)
            assert nodes_read(statements) == [[1, 2, 3]], "what was the newest batch is read once more"


async def test_a_run_that_succeeds_at_once_is_told_unread(benches: Benches, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its only update is what the database would say, which isn't asked."""
    monkeypatch.setattr(watching, "_MOMENT_S", 3600)
    statements: list[str] = []
    sent: list[accio_pb2.RunUpdate] = []

    async def send(update: accio_pb2.RunUpdate | bytes) -> None:
        assert isinstance(update, accio_pb2.RunUpdate)
        sent.append(update)

    async with benches.running() as bench, Readers.open(bench.database) as readers:
        agent = await bench.join(cpus=2)
        command = await bench.submission(CHAIN)
        found = Found(run=row_of(command, await bench.engine.ask(command)))
        readers.glance(lambda connection: connection.set_trace_callback(statements.append))
        statements.clear()
        watch = watching.Watching(engine=bench.engine, readers=readers, plans=Plans()).watch(found, send, ())
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            tasks.create_task(watch)
            for _ in range(4):
                await end_all(bench, agent)
        assert statements == []
        watched = Watched(bench, readers, found.run.no)
        with watched.following() as live:
            last = await live.read(afresh=True)
        assert last.ended
        assert sent == [last.update]


async def test_nobody_reads_what_another_has_read(benches: Benches) -> None:
    """All who watch a run share one look at each change of it."""
    statements: list[str] = []
    async with benches.running() as bench, Readers.open(bench.database) as readers:
        agent = await bench.join(cpus=2)
        watched = Watched(bench, readers, await bench.submit(WIDE))
        readers.glance(lambda connection: connection.set_trace_callback(statements.append))
        with watched.following() as one, watched.following() as other:
            await one.read(afresh=True)
            await end_all(bench, agent)
            first = await one.read(afresh=False)
            statements.clear()
            assert await other.read(afresh=False) is first
            assert statements == []


async def test_a_look_reads_no_rows_of_nodes_that_wait(benches: Benches) -> None:
    """Of a run of many nodes thousands are queued: a look takes from the database those that are executed alone."""
    rows: list[object] = []

    def note(_: object, row: tuple[object, ...]) -> tuple[object, ...]:
        rows.append(row)
        return row

    async with benches.running() as bench, Readers.open(bench.database) as readers:
        agent = await bench.join(cpus=2)
        watched = Watched(bench, readers, await bench.submit(builders.graph({f"n{no}": [] for no in range(100)})))
        with watched.following() as live:
            await live.read(afresh=True)
            await end_all(bench, agent)
            readers.glance(lambda connection: setattr(connection, "row_factory", note))
            assert await seen(live) == watched.whole()
            assert len(rows) < 20, "its own row, the nodes that ended, and those that run"


async def test_watchers_of_a_run_share_what_is_sent_and_take_turns(benches: Benches) -> None:
    """A change is encoded once, and others have a turn of the event loop between any two watchers that it is sent to:
    were it one turn for all of them, every call would wait for that.
    """
    turn = 0
    sent: list[tuple[int, accio_pb2.RunUpdate | bytes]] = []
    all_have = asyncio.Event()

    async def send(update: accio_pb2.RunUpdate | bytes) -> None:
        sent.append((turn, update))
        if len(sent) == 20:
            all_have.set()

    async def count_turns() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    async with benches.running() as bench, Readers.open(bench.database) as readers:
        agent = await bench.join(cpus=2)
        run = await bench.submit(WIDE)
        watches = watching.Watching(engine=bench.engine, readers=readers, plans=Plans())
        async with asyncio.timeout(90), asyncio.TaskGroup() as tasks:
            going = [tasks.create_task(watches.watch(Watched(bench, readers, run).found, send)) for _ in range(20)]
            await all_have.wait()
            sent.clear()
            all_have.clear()
            counting = tasks.create_task(count_turns())
            await end_all(bench, agent)
            await all_have.wait()
            for each in (*going, counting):
                each.cancel()
        turns, updates = zip(*sent[:20], strict=True)
        assert len(set(turns)) == 20
        assert isinstance(updates[0], bytes)
        assert all(each is updates[0] for each in updates)


async def test_who_waits_for_the_end_alone_is_sent_nothing_between(benches: Benches) -> None:
    """The first state and the last one, though others that watch the run are sent each change."""
    sent: dict[bool, list[accio_pb2.RunUpdate]] = {True: [], False: []}
    begun = {True: asyncio.Event(), False: asyncio.Event()}
    told = asyncio.Event()

    def sends(only_end: bool) -> Callable[[accio_pb2.RunUpdate | bytes], Awaitable[None]]:
        async def send(update: accio_pb2.RunUpdate | bytes) -> None:
            assert isinstance(update, bytes)
            sent[only_end].append(accio_pb2.RunUpdate.FromString(update))
            begun[only_end].set()
            told.set()

        return send

    async with benches.running() as bench, Readers.open(bench.database) as readers:
        agent = await bench.join(cpus=2)
        found = Watched(bench, readers, await bench.submit(CHAIN)).found
        watches = watching.Watching(engine=bench.engine, readers=readers, plans=Plans())
        async with asyncio.timeout(90), asyncio.TaskGroup() as tasks:
            for only_end in (True, False):
                tasks.create_task(watches.watch(found, sends(only_end), only_end=only_end))
            await asyncio.gather(*(each.wait() for each in begun.values()))
            for _ in range(4):
                told.clear()
                await end_all(bench, agent)
                await told.wait()
    assert len(sent[False]) > len(sent[True]) == 2
    assert [each.run.state for each in sent[True]] == [runs_pb2.RUN_STATE_RUNNING, runs_pb2.RUN_STATE_SUCCESS]
