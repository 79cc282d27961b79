"""Puts an agent together, runs it, takes it apart: the only file that knows all of its parts."""

import asyncio
import os
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from accio import places
from accio.channels import Door
from accio.domain.problems import ValueProblem
from accio.domain.resources import Resources
from accio.errors import FailedPrecondition, Internal
from accio.events import STARTED
from accio.loop_lag import watch_loop
from accio.one_error import lasting, most_telling, single_errors
from accio.sdk.catalogue import Catalogue
from accio.version import accio_version
from accio_agent import clock, linux
from accio_agent.agent import batch_job
from accio_agent.agent.batch_job import BatchJob
from accio_agent.agent.code_watch import CodeWatch
from accio_agent.agent.deadline import Deadline, deadline_at, end_of_job
from accio_agent.agent.disk.aside import OtherHistory, separate_logs, set_aside
from accio_agent.agent.disk.claim import RENEWED_EVERY_S, Claim
from accio_agent.agent.disk.journal import Journal
from accio_agent.agent.disk.log_store import LogStore
from accio_agent.agent.disk.state_folder import DESCRIPTIONS, StateFolder, unusable
from accio_agent.agent.ending import Calls, Patience, Stopped, end_when_told, watch_deadline, watch_patience
from accio_agent.agent.greeting import Greeting
from accio_agent.agent.link.outbound import Outbound
from accio_agent.agent.link.session import Dialer
from accio_agent.agent.link.transfer import Transfer
from accio_agent.agent.offer import Identity, Offers
from accio_agent.agent.options import Options
from accio_agent.agent.reloading import Reloader
from accio_agent.agent.shell import Shell
from accio_agent.agent.staging.staging import Staging
from accio_agent.agent.workers import devices, limits
from accio_agent.agent.workers.devices import Devices
from accio_agent.agent.workers.template_handle import TemplateHandle, pool_name

log = structlog.get_logger("accio.agent")

ENDS_AT = "ACCIO_ENDS_AT"
"""Until when an execution may run, in seconds since 1970."""


async def run(
    folder: StateFolder, door: Door, find_token: Callable[[], str | None], options: Options, catalogue: Catalogue
) -> bool:
    """Run an agent until it is stopped; whether to begin again, as what it held has been set aside.

    What is left of this one (timers, tasks) ends with its event loop: another one needs another loop.
    """
    shutil.rmtree(folder.path / "workers", ignore_errors=True)  # of an earlier life
    job = batch_job.this_job()
    resources, visible = _resources(folder.path, options, job)
    deadline = await _find_deadline(options, job)
    operators = Offers(catalogue)
    transfer = Transfer(door, find_token)
    journal, logs, staging = _open(folder.path, transfer, options.store)
    outbound = Outbound()
    identity = _identity(folder, deadline, options, answers_looks=options.reload or door.is_near)
    agent = Shell(
        greeting=Greeting(identity, resources, operators, folder.path, journal),
        devices=visible,
        operators=operators,
        templates=start_templates(catalogue, folder.path),
        folder=folder.path,
        journal=journal,
        logs=logs,
        staging=staging,
        outbound=outbound,
        idle_limit=max(2, resources.milli_cpus // 1000),
    )
    dialer = Dialer(door, find_token, agent, outbound)
    agent.offering.changed = dialer.tell_anew
    agent.looks.is_over = lambda: dialer.ends_to_tell
    watch = _watch_code(catalogue, agent, _reloader(catalogue, agent, dialer, folder) if options.reload else None)
    agent.looks.look, agent.looks.nothing_new, agent.looks.expect = watch.look_now, watch.nothing_new, watch.expect
    _tell_started(folder, operators, resources, _further(options, job, deadline))
    try:
        with _measuring(options.metrics, agent, dialer) as observe_lag:
            patience = options.patience(job, deadline)
            other = await _serve(agent, dialer, watch, folder, patience, options.stdin, observe_lag)
    finally:
        agent.close()
        staging.close()
        await transfer.close()
    if other is None:
        return False
    _set_aside(folder, agent, journal, other.history)
    return True


def _open(folder: Path, transfer: Transfer, store: Path | None) -> tuple[Journal, LogStore, Staging]:
    """Open what an agent keeps in its folder."""
    try:
        journal = Journal(folder / "journal")
        separate_logs(folder, journal.remembered.history)
        return journal, LogStore(folder / "logs"), Staging(folder, transfer, store)
    except OSError as error:
        raise unusable(folder, error) from None


def _watch_code(catalogue: Catalogue, agent: Shell, reloader: Reloader | None) -> CodeWatch:
    """Return the watch over operators' code; with a *reloader* edited ones are offered as they are."""
    if reloader is None:
        return CodeWatch(catalogue, agent.code_changed)

    def changed(sources: frozenset[str], loading: bool) -> None:
        agent.code_changed(sources, loading, "" if loading else reloader.problem(sources))

    return CodeWatch(catalogue, changed, reloader.reload)


def _tell_started(folder: StateFolder, operators: Offers, resources: Resources, further: dict[str, str]) -> None:
    if not operators:
        log.warning("this agent offers no operators: install a package that has some, or give --operators")
    of = Counter(offer.source.distribution for offer in operators.catalogue.offers)
    log.info(
        STARTED,
        name=folder.name,
        folder=str(folder.path),
        operators=len(operators),
        of=dict(of),
        left_out=operators.catalogue.left_out,
        doubts=operators.catalogue.doubts,
        offers=str(resources),
        **further,
    )


def _reloader(catalogue: Catalogue, agent: Shell, dialer: Dialer, folder: StateFolder) -> Reloader:
    """Return what has the agent offer edited operators as they are."""

    def replace_code(following: Catalogue, changed: Collection[Sequence[str]]) -> None:
        if agent.offering.replace(following, changed):
            dialer.tell_anew()

    cache, shared = folder.path / DESCRIPTIONS, places.descriptions_folder()
    return Reloader(catalogue, replace_code, cache=cache, shared=shared)


def _identity(folder: StateFolder, deadline: Deadline | None, options: Options, *, answers_looks: bool) -> Identity:
    return Identity(
        name=folder.name,
        agent_id=folder.agent_id,
        incarnation=folder.incarnation,
        boot_id=linux.boot_id(),
        version=accio_version(),
        life=folder.life,
        predecessors=folder.predecessors,
        place=folder.place,
        deadline=deadline,
        allocation=options.allocation,
        owners=options.owners,
        answers_looks=answers_looks,
    )


def _further(options: Options, job: BatchJob | None, deadline: Deadline | None) -> dict[str, str]:
    """Return what the agent says of itself as it starts only where there is something to say."""
    found = {
        "operators_run_as": options.user,
        "only_for": ", ".join(options.owners) or None,
        "job": None if job is None else str(job),
        "host_ends": None if deadline is None else deadline.host_ends.isoformat(timespec="seconds"),
    }
    return {name: text for name, text in found.items() if text is not None}


def _set_aside(folder: StateFolder, agent: Shell, journal: Journal, following: str) -> None:
    """Put what the folder holds aside; its processes have ended."""
    unfinished, _ = agent.core.counts()
    own, reports = journal.remembered.history, len(journal.remembered.reports)
    try:
        kept = set_aside(folder.path, own, following)
    except OSError as error:
        raise FailedPrecondition(
            f"the journal in {folder.path} is of another history than the daemon's database, and can't be set aside: "
            f"{error.strerror}; make room, or start the agent with another --state-dir"
        ) from None
    log.warning(
        "what this agent holds is of another history than the daemon's database (a backup was restored, the "
        "database is new, or it is another daemon): the journal is set aside, the agent begins clean",
        kept=str(kept),
        held_of=own[:12],
        daemon_has=following[:12] or "unknown",
        stopped=unfinished,
        unsent_reports=reports,
    )


@contextmanager
def _measuring(address: str, agent: Shell, dialer: Dialer) -> Iterator[Callable[[float], None]]:
    """Serve metrics, if asked to; yields what records the lag of the event loop."""
    if not address:
        yield lambda lag: None
        return
    from accio.metrics import serve_metrics  # a start without metrics needn't wait for Prometheus's client
    from accio_agent.agent.metrics import Metrics

    metrics = Metrics(agent.core, connected=lambda: dialer.connected, workers=lambda: len(agent.fleet.workers))
    dialer.observe_heartbeat = metrics.heartbeat_seconds.observe
    end = serve_metrics(address, metrics.registry)
    try:
        yield metrics.loop_lag_seconds.observe
    finally:
        end()


async def _serve(
    agent: Shell,
    dialer: Dialer,
    watch: CodeWatch,
    folder: StateFolder,
    patience: Patience,
    by_input: bool,
    observe_lag: Callable[[float], None],
) -> OtherHistory | None:
    """Run the agent's tasks until one of them ends it; raises what the daemon refused it for.

    Returns what made it end if it must go on with empty hands.
    """
    calls = Calls()
    loop = asyncio.get_running_loop()
    broken: asyncio.Future[None] = loop.create_future()
    loop.set_exception_handler(lambda _, context: _give_up(broken, context))
    try:
        with calls.from_outside(by_input=by_input):
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_until(broken), name="bugs")
                tasks.create_task(lasting(agent.run_tasks), name="agent")
                tasks.create_task(lasting(dialer.run, may_end=True), name="session")
                tasks.create_task(lasting(watch.run), name="code watch")
                tasks.create_task(lasting(partial(watch_loop, loop.time, observe_lag)), name="loop watchdog")
                tasks.create_task(lasting(partial(_keep, folder.claim)), name="claim")
                tasks.create_task(end_when_told(agent, dialer, calls, patience), name="calls to end")
                tasks.create_task(watch_deadline(calls, patience.deadline), name="deadline")
                tasks.create_task(watch_patience(agent, dialer, calls, patience, dialer.address), name="patience")
    except BaseExceptionGroup as group:
        told, unexpected = group.split((Stopped, OtherHistory))
        if unexpected is not None:
            raise most_telling(unexpected) from None
        for error in single_errors(told):
            if isinstance(error, OtherHistory):
                return error
        log.info("agent stopped")
    return None


def _give_up(broken: "asyncio.Future[None]", context: dict[str, Any]) -> None:
    """End the agent after a callback raised: its state may be half changed, and the journal has what matters."""
    if not broken.done():
        error = context.get("exception")
        log.error("internal error", reason=context["message"], exc_info=error)
        broken.set_exception(Internal(f"the agent ends because of an internal error: {error or context['message']}"))


async def _keep(claim: Claim) -> None:
    """Renew the claim of the folder; raises FailedPrecondition if another agent has it."""
    while True:
        await asyncio.sleep(RENEWED_EVERY_S)
        try:
            await asyncio.to_thread(claim.renew)
        except OSError as error:  # a full disk, a server that is away: others see it later, or not at all
            log.debug("the claim of the agent's folder isn't renewed", reason=str(error))


async def _until(broken: "asyncio.Future[None]") -> None:
    await broken


def start_templates(catalogue: Catalogue, folder: Path) -> dict[str, TemplateHandle]:
    """Start templates for the operators that were named at once: they import while the agent connects.

    Those of installed packages start when they are needed: most runs use few of them.
    """
    templates: dict[str, TemplateHandle] = {}
    for each in catalogue.offers:
        if each.source.distribution not in catalogue.named:
            continue
        threads = max(1, each.spec.resources.milli_cpus // 1000)
        pool = pool_name(each.source.references, threads)
        if pool not in templates:
            templates[pool] = TemplateHandle(pool, each.source.references, threads, folder)
    return templates


def _resources(folder: Path, options: Options, job: BatchJob | None) -> tuple[Resources, Devices]:
    """Return what the agent offers: what it finds, unless its options say otherwise."""
    found = limits.detect(folder, job)
    try:
        visible = limits.find_devices() if options.gpus is None else devices.first(options.gpus, os.environ)
    except ValueProblem as problem:
        raise FailedPrecondition(f"--gpus: {problem.message}") from None
    given = {name: value for name in ("milli_cpus", "memory", "disk") if (value := getattr(options, name)) is not None}
    return replace(found, custom=options.custom, gpus=visible.count, **given), visible


async def _find_deadline(options: Options, job: BatchJob | None) -> Deadline | None:
    """Return when the host ends, if it does; programs of operators find it in their environment, for checkpoints."""
    end = options.until or await asyncio.to_thread(end_of_job, job, os.environ)
    if end is None:
        return None
    deadline = deadline_at(end, clock.now())
    gives_back_ms = clock.wall_ms() + int(deadline.seconds_left * 1000)
    os.environ[ENDS_AT] = str(gives_back_ms // 1000)
    return deadline
