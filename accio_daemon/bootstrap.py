"""From a configuration to a daemon that serves, and back to nothing. Its services are put together in `wiring`."""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

import grpc
import structlog

from accio import own_folders, places
from accio.collector import Portions
from accio.content.blobs import BlobStore
from accio.domain.people import Person
from accio.errors import FailedPrecondition
from accio.events import COMMITS_MISSING, SEAL_UNREADABLE
from accio.late import dataclass
from accio.one_error import lasting
from accio.sockets import socket_address
from accio_daemon.clock import SystemClock
from accio_daemon.config import Config
from accio_daemon.core.terms import RunNo
from accio_daemon.core.world import Settings
from accio_daemon.engine.crash_points import crash_point
from accio_daemon.engine.engine import Engine
from accio_daemon.engine.full_disk import FullDisk, Reserve
from accio_daemon.engine.observer import Observer
from accio_daemon.engine.ports import Clock
from accio_daemon.engine.restart import Restored, RunNotRestoredError
from accio_daemon.engine.starting import start
from accio_daemon.services.calls.collecting import Collector
from accio_daemon.services.calls.pruning import Pruner
from accio_daemon.services.sessions.live import Live
from accio_daemon.services.sessions.look_lines import LookLines
from accio_daemon.services.sessions.registry import Sessions
from accio_daemon.services.transport.auth import Tokens
from accio_daemon.services.transport.keeping import TokenKeeper
from accio_daemon.services.transport.token_file import read_entries
from accio_daemon.storage.file import quarantine
from accio_daemon.storage.file.database import Database, FolderLock, refuse_remote
from accio_daemon.storage.file.history import TakenUp, disown, taken_up
from accio_daemon.storage.file.replacing import finish_replacing
from accio_daemon.storage.file.seal import find_damage, find_gap
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.rows.access import read_tokens
from accio_daemon.storage.runs.plans import Plans
from accio_daemon.storage.upkeep.scrubbing import keep_looking
from accio_daemon.storage.writing.at_once import AtOnce
from accio_daemon.storage.writing.store import SqliteStore, StoredWorld
from accio_daemon.storing import open_store
from accio_daemon.wiring import Inquiries, Parts, Services

if TYPE_CHECKING:
    from accio_daemon.engine.metrics import Metrics

log = structlog.get_logger(__name__)

STOP_GRACE_S = 1.0


class SetBackError(Exception):
    """The database is the state of an earlier time. Whoever serves it again serves it under a new identity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """A daemon that serves."""

    address: str  # as it listens
    sessions: Sessions
    engine: Engine


async def serve(
    config: Config,
    stop: asyncio.Event,
    ready: Callable[[Daemon], None] = lambda daemon: None,
    clock: Clock | None = None,
    portions: Portions | None = None,
) -> None:
    """Lock the folder, open the database, restore, and serve until *stop* is set; *ready* is called once it serves.

    With *portions* it chooses how much the collector of cycles looks at, which is the whole process's business.
    It ends cleanly: nothing new, a word to the agents, and everything on disk. An engine that fails ends it, too: the
    daemon restarts from its database, never from half-changed memory.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        stack.callback(take_folder(config).close)
        metrics = _metrics() if config.metrics else None
        parts = await _put_together(config, clock, metrics or Observer(), portions, stack)
        if metrics is not None:
            stack.callback(metrics.serve(config.metrics))
        services = Services(parts)
        server = services.server()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(lasting(parts.engine.run, may_end=True), name="engine")
            if parts.tokens.groups():
                parts.keeper.tell_groups()
            forever = [tasks.create_task(lasting(work), name=name) for name, work in _tasks_of(parts)]
            try:
                address, *others = await server.start(doors(config), _credentials(config, clock))
                log.info("listening", address=address, also=others, data=str(config.data), pid=os.getpid())
                ready(Daemon(address=address, sessions=parts.sessions, engine=parts.engine))
                await _stopped(stop, parts)
                log.info("stopping")
            finally:
                parts.sessions.say_goodbye("the daemon stops", reconnect=True)
                services.end_waiting()
                await server.stop(STOP_GRACE_S)
                for each in forever:
                    each.cancel()
                parts.engine.stop()


async def _stopped(stop: asyncio.Event, parts: Parts) -> None:
    """Wait for the end; SetBackError if it turns out that the database is the state of an earlier time."""
    async with asyncio.TaskGroup() as tasks:
        ends = [tasks.create_task(event.wait()) for event in (stop, parts.set_back)]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for each in ends:
            each.cancel()
    if parts.set_back.is_set():
        disown(parts.config.database)
        raise SetBackError


def _metrics() -> "Metrics":
    from accio_daemon.engine.metrics import Metrics  # a start without metrics needn't wait for Prometheus's client

    return Metrics()


async def _put_together(
    config: Config, clock: Clock, observer: Observer, portions: Portions | None, stack: AsyncExitStack
) -> Parts:
    """Open what a folder that is locked holds, restore, and return what works on it."""
    entries = prepare_tokens(config)
    opened = await _open(config, clock, stack)
    store, readers = opened.store, opened.readers
    tokens = Tokens(entries, await readers.read(read_tokens), lambda: clock.now().wall_ms)
    plans = Plans()
    crashes = crash_point(config.crash_at)
    inquiries = Inquiries.reading(readers, store, plans, crashes)
    engine = Engine(
        restored=opened.restored,
        store=opened.records,
        clock=clock,
        observer=observer,
        gather=inquiries.gatherer.ask,
        measure=inquiries.measurer.ask,
        ask_sampler=inquiries.asker.ask,
        allocation_over=tokens.allocation_over,
        crash_point=crashes,
        disk=FullDisk(Reserve(config.data)),
        short_calls=readers.short_calls,
        portions=portions,
    )
    sessions, lines = Sessions(), LookLines()
    stack.enter_context(lines.listening(config.data))
    live = Live(engine.holds, engine.pinned)
    return Parts(
        config=config,
        clock=clock,
        tokens=tokens,
        keeper=TokenKeeper(engine=engine, tokens=tokens, clock=clock),
        store=store,
        database=opened.database,
        readers=readers,
        engine=engine,
        sessions=sessions,
        lines=lines,
        live=live,
        last_id=opened.restored.last_run_id,
        collector=Collector(engine=engine, readers=readers, store=store, tell_agents=sessions.tell_freed),
        inquiries=inquiries,
        pruner=Pruner(readers, live.series),
        plans=plans,
        history=opened.taken_up.history,
        starts=opened.taken_up.starts,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """The store and the database, open, and what that holds."""

    store: BlobStore
    database: Database
    readers: Readers
    records: SqliteStore
    taken_up: TakenUp
    restored: Restored


async def _open(config: Config, clock: Clock, stack: AsyncExitStack) -> _Opened:
    """Open and restore; the engine's own connection comes last, as it goes on from what a start makes of the rows."""
    store = stack.enter_context(open_store(config, clock))
    finish_replacing(config.database)
    database = await Database.open(config.database, synchronous=config.synchronous)
    stack.push_async_callback(database.close)
    readers = await stack.enter_async_context(Readers.open(database))
    taken_up, restored = await _restore(database, config, clock)
    records = SqliteStore(database, AtOnce(short_calls=readers.short_calls))
    stack.callback(records.close)
    return _Opened(
        store=store, database=database, readers=readers, records=records, taken_up=taken_up, restored=restored
    )


def _tasks_of(parts: Parts) -> Iterator[tuple[str, Callable[[], Coroutine[None, None, None]]]]:
    """Yield what is at work as long as the daemon serves, beside the engine, with its name."""
    yield "uses of tokens", parts.keeper.note_uses
    yield "look for damage", partial(keep_looking, parts.database)
    yield "gather", partial(parts.inquiries.gatherer.run, parts.engine)
    yield "measure", partial(parts.inquiries.measurer.run, parts.engine)
    yield "ask samplers", partial(parts.inquiries.asker.run, parts.engine)
    yield "prune", partial(parts.pruner.run, parts.engine)
    if parts.config.quota:
        yield "quota", partial(parts.collector.keep_below, parts.config.quota)


def _credentials(config: Config, clock: Clock) -> grpc.ServerCredentials | None:
    """Return what encrypts, None if nothing does; certificates are made if there are none."""
    if config.encrypted:
        from accio_daemon.encryption import credentials  # it loads a library of ciphers

        return credentials(config, clock)
    if config.address and not places.is_loopback(config.address):
        log.warning(
            "NOT ENCRYPTED: whoever sees the traffic of this network gets the tokens, and can run programs on every "
            "agent; start without --insecure, and give clients and agents a join file",
            address=config.address,
        )
    return None


def doors(config: Config) -> Sequence[str]:
    """Return where to listen: at the address that was given, if any, and always at the data folder's socket."""
    if not config.address:
        return (config.socket or socket_address(config.data),)
    if not config.socket:
        log.warning(
            "the data folder's path is too long for a socket in it, and there is no runtime folder (XDG_RUNTIME_DIR): "
            "clients find this daemon by its address alone",
            data=str(config.data),
        )
    return tuple(dict.fromkeys(each for each in (config.address, config.socket) if each))


def take_folder(config: Config) -> FolderLock:
    """Make the data folder if need be, see that it is this user's alone, and lock it."""
    try:
        if own_folders.take(config.data):
            log.warning("others could use the data folder; its mode is 0700 now", data=str(config.data))
        refuse_remote(config.data)
        return FolderLock(config.data)
    except OSError as error:
        raise FailedPrecondition(
            f"can't use the data folder {config.data}: {error.strerror}; ACCIO_DATA_DIR or --data-dir names another"
        ) from None


def prepare_tokens(config: Config) -> list[tuple[str, Person | None]]:
    """Read the tokens, writing the first one; clients of the same user find a copy where they look."""
    text = places.write_token(config.token)
    entries = read_entries(config.token)
    if config.token_copy is not None:
        config.token_copy.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = config.token_copy.with_name(f".{config.token_copy.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(text, encoding="utf-8")
        draft.replace(config.token_copy)
    return entries


async def _restore(database: Database, config: Config, clock: Clock) -> tuple[TakenUp, Restored]:
    settings = Settings(
        open_children=config.open_children,
        lease=config.lease_s,
        suspect=config.suspect_s,
        max_losses=config.max_losses,
        reserve_after=config.reserve_after_s,
        policy=config.policy,
    )

    def job(connection: sqlite3.Connection) -> tuple[TakenUp, Restored]:
        gap = find_gap(connection, config.database)
        if gap:
            what_now = "it goes on with what is there; a backup may have more: accio daemon restore FILE"
            log.error(COMMITS_MISSING, reason=gap, what_now=what_now)
        elif damage := find_damage(config.database):
            what_now = "it goes on, and notes it anew; if the disk is failing, look for a backup"
            log.warning(SEAL_UNREADABLE, reason=damage, what_now=what_now)
        failed: dict[RunNo, RunNotRestoredError] = {}
        while True:  # each time with one run fewer
            try:
                with taken_up(connection, config.database, set_back=bool(gap)) as found:
                    restored = start(StoredWorld(connection), settings=settings, now=clock.now(), without=failed)
                    for error in failed.values():
                        raise error
                    quarantine.forget_failures(connection)
                return found, restored
            except RunNotRestoredError as error:
                if error.run in failed:  # all others were tried, too
                    raise
                _set_aside(connection, error, failed, clock)

    found, restored = await database.writer.run_job(job)
    if found.renewed:
        log.warning(
            "this database isn't the one that was last open here: it goes on under a new identity, and agents set "
            "aside what they hold of the old one",
            database=str(config.database),
            history=found.history.id,
        )
    return found, restored


def _set_aside(
    connection: sqlite3.Connection, error: RunNotRestoredError, failed: dict[RunNo, RunNotRestoredError], clock: Clock
) -> None:
    """Count a run's failure; one that isn't set aside by it yet is among the *failed*, for which the start fails."""
    name = quarantine.run_id(connection, error.run)
    if quarantine.record_failure(connection, error.run, error.reason, clock.now().wall_ms):
        log.error(
            "quarantined: a run can't be restored, and the daemon goes on without it",
            run=name,
            reason=error.reason,
            what_now=f"accio retry {name} tries again, accio delete {name} removes it",
        )
        return
    failed[error.run] = error
    log.error(
        "a run can't be restored; if the next start fails at it, too, it is set aside", run=name, reason=error.reason
    )
