"""The contract of the engine's store, on SQLite and in memory alike: what is committed is found again, as it was."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from accio.domain.agent_windows import AgentWindow
from accio.domain.maintenance import Maintenance
from accio.domain.people import Person
from accio.domain.retry_demand import read_retry_demand
from accio.domain.states import NodeState, RunState
from accio.domain.workflows import Workflow
from accio.errors import BadRequest
from accio_daemon.core.commands import (
    AddWindow,
    AgentHeard,
    Command,
    ContentMissing,
    DeleteRun,
    DrainAgent,
    KillRun,
    RemoveWindow,
    RetryRun,
    SubmitRun,
)
from accio_daemon.core.terms import RunNo, SessionNo
from accio_daemon.core.world import Settings
from accio_daemon.engine.cycle import Batch, Cycle
from accio_daemon.engine.ports import Store
from accio_daemon.engine.restart import Restored, restart
from accio_daemon.storage.file.database import Database
from accio_daemon.storage.runs import workflows
from accio_daemon.storage.writing.store import SqliteStore, StoredWorld
from accio_daemon.storage.writing.transactions import DiskFull
from tests import builders
from tests.fakes import FakeAgent, FakeClock, Reply
from tests.memory_store import MemoryStore
from tests.simulator.snapshot import assert_same, snapshot

ONE = builders.graph({"A": []})
MANY = builders.graph({"A": []}, swept=("A",))
CHAIN = builders.graph({"A": [], "B": ["A"]}, swept=("A",))
WORKFLOWS = (ONE, MANY, CHAIN)
STEP = builders.step(retries=1, backoff_ms=1000)
DATA = f"blake3:{'ab' * 32}"


class Life:
    """One life of a daemon on a store."""

    def __init__(self, store: Store, restored: Restored, clock: FakeClock) -> None:
        self.store = store
        self.clock = clock
        self.cycle = Cycle(restored=restored, records=store, clock=clock)
        self.committed: list[Batch] = []
        self._sessions = 0
        self._ids = 1

    async def finish(self) -> None:
        """Decide, commit, act and answer until nothing is left to do."""
        cycle, more = self.cycle, True
        while more or not cycle.is_done():
            more = cycle.decide()
            while (batch := cycle.in_commit or cycle.seal()) is not None:
                found = await self.store.commit(batch.rows, [job for job, _ in batch.jobs], batch.deleting)
                cycle.act(found)
                cycle.answer(found)
                self.committed.append(batch)

    async def ask(self, command: Command[object]) -> Any:
        """Carry a command out, with all that follows."""
        reply = Reply()
        self.cycle.ask(command, reply)
        await self.finish()
        if reply.error is not None:
            raise reply.error
        return reply.result

    async def join(self, name: str = "w1", cpus: float = 1) -> FakeAgent:
        """Connect an agent."""
        agent = FakeAgent(name=name, resources=builders.offer(cpus), operators=(STEP,))
        self._sessions += 1
        session = SessionNo(self._sessions)
        self.cycle.links.attach(session, agent)
        agent.no = await self.ask(agent.hello(session))
        return agent

    def submission(self, workflow: Workflow, **fields: Any) -> SubmitRun:
        """Make a submission; some agent must have joined."""
        pinned = builders.announced(self.cycle.world, STEP)
        self._ids += 1
        return SubmitRun(
            id=builders.run_id(self._ids),
            definition=builders.definition(workflow, **fields),
            workflow_no=WORKFLOWS.index(workflow) + 1,
            workflow=workflow,
            operators=(pinned,) * len(workflow.graph),
            owner_name="Ada",
            owner_email="",
            seed=1,
        )

    async def submit(self, workflow: Workflow, children: int = 1) -> RunNo:
        """Submit a run."""
        number: RunNo = (await self.ask(self.submission(workflow, sweep=builders.sweep_of(children)))).no
        return number

    async def succeed(self, agent: FakeAgent, node: str) -> None:
        """Report a node's success."""
        report = builders.success(agent.next_seq, agent.attempt_of(node), {"data": f'"{node}"'}, contents=[(DATA, 7)])
        await self.ask(agent.telling(agent.end(report)))

    async def fail(self, agent: FakeAgent, node: str) -> None:
        """Report a node's failure, twice: it is retried once."""
        for _ in range(2):
            await self.ask(agent.telling(agent.end(builders.failure(agent.next_seq, agent.attempt_of(node)))))
            self.clock.advance(2.0)
            assert agent.session is not None
            self.cycle.post(AgentHeard(session=agent.session))
            self.cycle.tick()
            await self.finish()


class Place:
    """Where a daemon may live several times."""

    def __init__(self, store: Store, start: Callable[..., Any], fill: Callable[[bool], Any]) -> None:
        self.store = store
        self.clock = FakeClock()
        self._start = start
        self._fill = fill

    async def restart(self) -> Restored:
        """Read what is stored."""
        restored: Restored = await self._start(
            lambda stored: restart(stored, settings=Settings(), now=self.clock.now())
        )
        return restored

    async def live(self) -> Life:
        """Begin a life."""
        return Life(self.store, await self.restart(), self.clock)

    async def fill(self, *, full: bool) -> None:
        """Fill the disk, or free it again."""
        await self._fill(full)


@asynccontextmanager
async def on_sqlite(folder: Path) -> AsyncIterator[Place]:
    database = await Database.open(folder / "accio.db", synchronous="OFF")
    store = SqliteStore(database)

    def push(connection: Any) -> None:
        for workflow in WORKFLOWS:
            workflows.push(
                connection, workflow, workflow.canonical_json(), str(workflow.version), Person(name="Ada"), 0
            )

    def limit(connection: Any, full: bool) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0] if full else 1_000_000
        connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()

    async def start(job: Callable[[StoredWorld], Restored]) -> Restored:
        return await database.writer.run_job(lambda connection: job(StoredWorld(connection)))

    try:
        await database.writer.run_job(push)
        yield Place(store, start, lambda full: database.writer.run_job(lambda connection: limit(connection, full)))
    finally:
        store.close()
        await database.close()


@asynccontextmanager
async def in_memory(_: Path) -> AsyncIterator[Place]:
    store = MemoryStore()

    async def start(job: Callable[[MemoryStore], Restored]) -> Restored:
        return job(store)

    async def fill(full: bool) -> None:
        store.full = full

    yield Place(store, start, fill)


Opening = Callable[[Path], AbstractAsyncContextManager[Place]]


@pytest.fixture(params=[on_sqlite, in_memory], ids=["sqlite", "memory"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """Return an empty store of each kind."""
    opening: Opening = request.param
    async with opening(tmp_path) as found:
        yield found


async def test_a_run_is_found_as_it_was_committed(place: Place) -> None:
    """Nothing of it is there before; then what the World holds, and once it is over what became of it."""
    life = await place.live()
    agent = await life.join()
    command, world, store = life.submission(ONE, name="n"), life.cycle.world, place.store
    reply = Reply()
    life.cycle.ask(command, reply)
    life.cycle.decide()
    assert store.load_run(RunNo(1), world.specs) is None
    await life.finish()
    facts = store.load_run(RunNo(1), world.specs)
    assert facts is not None
    assert (facts.no, facts.id, facts.single, facts.seed, facts.state) == (1, command.id, True, 1, RunState.RUNNING)
    assert (facts.workflow, facts.sweep, facts.operators) == (ONE, command.definition.sweep, command.operators)
    assert (facts.cursor, facts.reached, facts.running) == (1, (), 1)
    await life.succeed(agent, "A")
    facts = store.load_run(RunNo(1), world.specs)
    assert facts is not None
    assert (facts.state, facts.success, facts.running, facts.cursor) == (RunState.SUCCESS, 1, 0, 1)
    assert facts.nodes_ended == {NodeState.SUCCESS: 1}
    assert store.load_run(RunNo(2), world.specs) is None


async def test_ended_children_are_found_page_by_page(place: Place) -> None:
    """Those that ended badly in order, behind a place, so many or a single one; any that ended by itself."""
    life = await place.live()
    agent = await life.join(cpus=9)
    run = await life.submit(CHAIN, 6)
    await life.succeed(agent, "0/A")
    await life.succeed(agent, "0/B")
    for index in (1, 2, 4):
        await life.fail(agent, f"{index}/A")
    store = place.store
    found = store.unsuccessful_children(run, after=-1, limit=2)
    assert [(child.index, child.state, dict(child.tried)) for child in found] == [
        (1, RunState.FAILED, {0: 2}),
        (2, RunState.FAILED, {0: 2}),
    ]
    assert {node.no: node.state for node in found[0].nodes} == {0: NodeState.FAILED, 1: NodeState.CANCELLED}
    assert [child.index for child in store.unsuccessful_children(run, after=2, limit=2)] == [4]
    assert [child.index for child in store.unsuccessful_children(run, after=-1, limit=1, index=4)] == [4]
    assert store.unsuccessful_children(run, after=-1, limit=1, index=0) == []
    ended = store.ended_child(run, 0)
    assert ended is not None
    assert (ended.state, [(node.no, node.result and dict(node.result.outputs)) for node in ended.nodes]) == (
        RunState.SUCCESS,
        [(0, {"data": '"0/A"'}), (1, {"data": '"0/B"'})],
    )
    assert store.ended_child(run, 3) is None
    assert store.ended_child(run, 77) is None


async def test_results_are_found_by_key_until_their_content_is_missing(place: Place) -> None:
    """A key has a result once it is durable; a result whose content is gone is hit no more."""
    life = await place.live()
    agent = await life.join()
    await life.submit(ONE)
    await life.succeed(agent, "A")
    (row,) = [row for batch in life.committed for row in batch.fx.results]
    assert row.key is not None
    found = place.store.results([b"x" * 32, row.key])
    assert {key: (result.id, dict(result.outputs)) for key, result in found.items()} == {
        row.key: (row.id, {"data": '"A"'})
    }
    await life.ask(ContentMissing(digests=(DATA,)))
    assert place.store.results([row.key]) == {}


async def test_a_full_disk_leaves_nothing(place: Place) -> None:
    """A batch for which there is no space isn't there in part; it may be committed again."""
    life = await place.live()
    await life.join()
    await place.fill(full=True)
    life.cycle.ask(life.submission(ONE, notes="n" * 200_000), Reply())
    life.cycle.decide()
    batch = life.cycle.seal()
    assert batch is not None
    for _ in range(2):
        with pytest.raises(DiskFull):
            await place.store.commit(batch.rows, [], None)
    assert place.store.load_run(RunNo(1), life.cycle.world.specs) is None
    await place.fill(full=False)
    await life.finish()
    assert place.store.load_run(RunNo(1), life.cycle.world.specs) is not None


async def test_jobs_are_told_apart(place: Place) -> None:
    """Each job has its own outcome, in order; one that refuses holds nobody up."""

    def bad(_: Any) -> None:
        raise BadRequest("no")

    life = await place.live()
    replies = [Reply(), Reply(), Reply()]
    for job, reply in zip((lambda _: 1, bad, lambda _: 3), replies, strict=True):
        life.cycle.write(job, reply)
    await life.finish()
    assert [(reply.result, type(reply.error)) for reply in replies] == [
        (1, type(None)),
        (None, BadRequest),
        (3, type(None)),
    ]


async def test_a_deleted_run_is_gone_at_once_and_its_rows_in_time(place: Place) -> None:
    """Who starts meanwhile finds what is left to be removed."""
    life = await place.live()
    agent = await life.join()
    run = await life.submit(ONE)
    await life.succeed(agent, "A")
    life.cycle.ask(DeleteRun(run=run), Reply())
    while not life.cycle.deleting:
        life.cycle.decide()
        if (batch := life.cycle.seal()) is not None:
            found = await place.store.commit(batch.rows, [job for job, _ in batch.jobs], batch.deleting)
            life.cycle.act(found)
            life.cycle.answer(found)
    assert place.store.load_run(run, life.cycle.world.specs) is None
    later = await place.live()
    assert list(later.cycle.deleting) == [run]
    await later.finish()
    assert (await place.restart()).being_deleted == []
    assert place.store.ended_child(run, 0) is None


async def _story(life: Life) -> None:
    """Carry out one thing of each kind."""
    agent = await life.join(cpus=6)
    await life.join("w2")
    await life.ask(DrainAgent(name="w2", draining=True))
    chain, sweep, other = await life.submit(CHAIN, 5), await life.submit(MANY, 4), await life.submit(ONE)
    for node in ("0/A", "1/A", "0/B"):
        await life.succeed(agent, node)
    await life.fail(agent, "2/A")
    await life.ask(KillRun(run=chain, index=3))
    await life.ask(DeleteRun(run=chain, index=4))
    await life.ask(RetryRun(run=chain, index=2))
    await life.ask(KillRun(run=other))
    await life.ask(RetryRun(run=other))
    await life.ask(DeleteRun(run=sweep, index=3))
    await life.fail(agent, "1/B")
    await life.ask(RetryRun(run=chain, index=1, demand=read_retry_demand(cpus="64"), forced=True))


async def test_a_start_finds_the_world_as_it_was(place: Place) -> None:
    """Runs, children, executions, agents, operators and numbers; and each start has an epoch of its own."""
    life = await place.live()
    await _story(life)
    again = await place.restart()
    now = place.clock.now()
    assert again.world.epoch == life.cycle.world.epoch + 1
    assert_same(snapshot(life.cycle.world, now), snapshot(again.world, now))
    for name in ("run", "agent", "operator"):
        assert getattr(again.world.numbers, name) == getattr(life.cycle.world.numbers, name)
    assert again.last_run_id == builders.run_id(4)


async def test_windows_are_found_as_they_were_committed(place: Place) -> None:
    """With their names, times and agents; one that was taken back is gone, one that is over makes way."""
    life = await place.live()
    now_ms = place.clock.now().wall_ms
    for name, agents in (("a", ()), ("b", ("lab1", "gpu*")), ("c", ())):
        time = Maintenance(name, now_ms + 1000, now_ms + 5000)
        await life.ask(AddWindow(window=AgentWindow(time, agents)))
    await life.ask(RemoveWindow(name="c"))
    again = AgentWindow(Maintenance("a", now_ms + 20_000, now_ms + 30_000), ("w1",))
    place.clock.advance(10)
    await life.ask(AddWindow(window=again))
    found = (await place.restart()).world.windows
    assert found == life.cycle.world.windows
    assert (found["a"], found["b"].agents, len(found)) == (again, ("lab1", "gpu*"), 2)


async def test_both_stores_tell_the_same(tmp_path: Path) -> None:
    """After the same story every fact is equal."""
    told: list[Any] = []
    for opening in (on_sqlite, in_memory):
        async with opening(tmp_path) as place:
            life = await place.live()
            await _story(life)
            specs, store = life.cycle.world.specs, place.store
            runs = [store.load_run(RunNo(no), specs) for no in range(1, 5)]
            ended = [
                repr((child.index, child.state, child.sequence, child.started_ms, sorted(child.nodes, key=repr)))
                for no in range(1, 4)
                for index in range(5)
                if (child := store.ended_child(RunNo(no), index)) is not None
            ]
            told.append((runs, ended))
    assert told[0] == told[1]
    assert told[0][1]
