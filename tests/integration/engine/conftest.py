"""The real engine on a real database file, with fake agents on the other end of its links."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from accio.collector import Portions
from accio.domain.workflows import Workflow
from accio_daemon.core.commands import SubmitRun
from accio_daemon.core.on_agents import identity_of
from accio_daemon.core.terms import Announced, RunNo
from accio_daemon.core.world import Settings
from accio_daemon.engine.engine import Engine
from accio_daemon.engine.full_disk import FullDisk
from accio_daemon.engine.restart import restart
from accio_daemon.short_calls import ShortCalls
from accio_daemon.storage.file.database import Database
from accio_daemon.storage.writing.store import SqliteStore, StoredWorld
from tests import builders
from tests.fakes import FakeAgent, FakeClock


class Bench:
    """An engine that runs, and short ways to ask it."""

    def __init__(self, engine: Engine, database: Database, clock: FakeClock) -> None:
        self.engine = engine
        self.database = database
        self.clock = clock
        self.reader = database.reader()
        self._workflows: dict[str, int] = {}
        self._next_id = 1

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Read what is committed."""
        return self.reader.execute(query, values).fetchall()

    async def join(self, name: str = "w1", cpus: float = 1) -> FakeAgent:
        """Connect an agent."""
        agent = FakeAgent(name=name, resources=builders.offer(cpus), operators=(builders.step(),))
        session = self.engine.next_session()
        self.engine.attach(session, agent)
        agent.no = await self.engine.ask(agent.hello(session))
        return agent

    async def submission(self, workflow: Workflow, **fields: Any) -> SubmitRun:
        """Make a submission; the workflow is stored, and some agent must have joined."""
        version = str(workflow.version)
        if version not in self._workflows:
            number = self._workflows[version] = len(self._workflows) + 1
            values = (number, workflow.id, version, workflow.canonical_json())
            await self.engine.write(
                lambda connection: connection.execute(
                    "INSERT INTO workflows (no, id, version, definition, name, notes, owner_name, owner_email, "
                    "created_at) VALUES (?, ?, ?, ?, '', '', 'Ada', 'ada@example.org', 0)",
                    values,
                )
            )
        spec = builders.step()
        number = self.engine.world.operators[(spec.name, identity_of(spec))]
        self._next_id += 1
        return SubmitRun(
            id=builders.run_id(self._next_id),
            definition=builders.definition(workflow, **fields),
            workflow_no=self._workflows[version],
            workflow=workflow,
            operators=tuple(Announced(no=number, spec=spec) for _ in workflow.graph),
            owner_name="Ada",
            owner_email="ada@example.org",
            seed=1,
        )

    async def submit(self, workflow: Workflow, **fields: Any) -> RunNo:
        """Submit a run."""
        answer = await self.engine.ask(await self.submission(workflow, **fields))
        run: RunNo = answer.no
        return run

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds, a turn of the event loop at a time."""
        async with asyncio.timeout(90):
            while not holds():  # noqa: ASYNC110 — what is waited for is a row of the database, which sets no event
                await asyncio.sleep(0)


class Benches:
    """Starts engines on one file, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "accio.db"
        self.clock = FakeClock()

    @asynccontextmanager
    async def running(
        self,
        *,
        crash_point: Callable[[str], None] = lambda name: None,
        settings: Settings | None = None,
        disk: FullDisk | None = None,
        short_calls: ShortCalls | None = None,
        portions: Portions | None = None,
    ) -> AsyncIterator[Bench]:
        """Run an engine for as long as the context lasts; then everything posted is on disk."""
        database = await Database.open(self.path, synchronous="OFF")
        try:
            now = self.clock.now()
            chosen = settings or Settings()
            restored = await database.writer.run_job(lambda c: restart(StoredWorld(c), settings=chosen, now=now))
            store = SqliteStore(database)
            engine = Engine(
                restored=restored,
                store=store,
                clock=self.clock,
                crash_point=crash_point,
                disk=disk,
                short_calls=short_calls,
                portions=portions,
            )
            bench = Bench(engine, database, self.clock)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(engine.run())
                try:
                    yield bench
                finally:
                    engine.stop()
            bench.reader.close()
            store.close()
        finally:
            await database.close()


@pytest.fixture
def benches(tmp_path: Path) -> Benches:
    """Return a place for a database, and a clock."""
    return Benches(tmp_path)
