"""Submitting runs: check, pin, seed, number, and hand over to the engine. The answer comes from the command, not from
the database.
"""

import asyncio
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from blake3 import blake3

from accio.domain.datatypes import Kind
from accio.domain.draws import doubt_when_repeated
from accio.domain.ids import RANDOM_BITS, RunId, RunIdFactory
from accio.domain.issues import Issue, pointer
from accio.domain.keys import datasets_of
from accio.domain.limits import Limits
from accio.domain.named_content import content_of
from accio.domain.runs import RunDefinition
from accio.domain.seeds import MIN_SEED
from accio.domain.studies import Sampler
from accio.domain.sweeps import Sweep
from accio.domain.workflows import Constant, Workflow
from accio.errors import BadRequest, FailedPrecondition, InvalidDefinition, ResourceExhausted
from accio.late import dataclass
from accio.v1 import accio_pb2, values_pb2, workflows_pb2
from accio.wire.cache_modes import CACHE_MODES
from accio.wire.issues import findings_message, issue_message
from accio_daemon.core.commands import SubmitRun, Submitted
from accio_daemon.core.plan import ClassRegistry, Plan, compile_plan
from accio_daemon.core.readings.workload import rest_of
from accio_daemon.core.terms import Announced, CacheMode, Pin
from accio_daemon.engine.ports import Clock, EnginePort
from accio_daemon.services.calls.catalogue import Catalogue
from accio_daemon.services.calls.definitions import BYTES_OF_NODE, CheckedRun, check_run_bytes, off_loop, value_of
from accio_daemon.services.calls.rights import Rights
from accio_daemon.services.calls.submitted import row_of
from accio_daemon.services.calls.waiting import WaitingCalls
from accio_daemon.services.calls.watching import Watching
from accio_daemon.services.calls.workload import outlook
from accio_daemon.services.messages.runs import run_message, until_message
from accio_daemon.services.messages.workload import forecast_message
from accio_daemon.services.sessions.code_looks import CodeLook, CodeLooks
from accio_daemon.services.transport.auth import caller
from accio_daemon.services.transport.rpc import SendEncoded, Stream
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.runs import runs_query
from accio_daemon.storage.runs.plans import Plans
from accio_daemon.storage.runs.runs_query import Found, RunRow
from accio_daemon.storage.runs.workflows import StoredWorkflow
from accio_daemon.storage.submitting import submissions
from accio_daemon.storage.submitting.dry_run import Subject, dry_run

_KEY_LIMIT = 200
_SHOWN_POINTS = 5  # by a check

# Submissions that are worked on at a time, and that may wait for it: a flood slows itself down, and is refused in the
# end. With more than two at a time a flood keeps the event loop busy without a gap, and other calls, which need several
# turns of it, take 15 to 40 times as long as else instead of 2 to 4.
_AT_ONCE = 2
_WAITING = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A run definition that is right, with all that it refers to."""

    definition: RunDefinition
    workflow: StoredWorkflow
    operators: tuple[Announced, ...]
    pins: dict[str, Pin]
    warnings: tuple[Issue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The run of a submission, and whether this submission made it."""

    found: Found
    created: bool
    warnings: tuple[Issue, ...]


_OF_EXTRA = frozenset({"optuna", "cmaes"})
"""What the extra `optuna` installs, by import names."""


def _lacking(sampler: Sampler, missing: Sequence[str]) -> Issue:
    """Say what a sampler needs beside the daemon, and how to get it."""
    others = [name for name in missing if name not in _OF_EXTRA]
    install = " ".join(others if len(others) == len(missing) else ["'accio-experiments[optuna]'", *others])
    return Issue(
        "/optimize/sampler",
        f"'{sampler}' needs {', '.join(missing)} where the daemon runs, found none there: pip install {install}; "
        "random, lhs, sobol and grid need nothing",
    )


class SubmissionCalls:
    """Submit, submit and watch, validate."""

    def __init__(
        self,
        *,
        engine: EnginePort,
        readers: Readers,
        catalogue: Catalogue,
        plans: Plans,
        clock: Clock,
        limits: Limits,
        watching: Watching,
        last_id: RunId | None,
        rights: Rights,
        waiting_calls: WaitingCalls,
        looks: CodeLooks,
    ) -> None:
        """Submit to the engine, and read from *readers*; new ids follow the newest one that is stored.

        Who submits again and again is among *waiting_calls* meanwhile. *looks* are taken at operators' code before.
        """
        self._engine = engine
        self._readers = readers
        self._catalogue = catalogue
        self._plans = plans
        self._clock = clock
        self._limits = limits
        self._watching = watching
        self._rights = rights
        self._ids = RunIdFactory(last_id)
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0
        self._waiting_calls = waiting_calls
        self._looks = looks

    async def submit(self, request: accio_pb2.SubmitRequest) -> accio_pb2.SubmitResponse:
        """Create a run; it is durable once this answers."""
        outcome = await self._submit(request)
        return accio_pb2.SubmitResponse(
            run=run_message(outcome.found), warnings=map(issue_message, outcome.warnings), created=outcome.created
        )

    async def submit_and_watch(self, request: accio_pb2.SubmitRequest, send: SendEncoded[accio_pb2.RunUpdate]) -> None:
        """Create a run, and send its states until it has ended."""
        outcome = await self._submit(request)
        await self._watching.watch(outcome.found, send, [*map(issue_message, outcome.warnings)])

    async def submit_and_watch_each(self, stream: Stream[accio_pb2.SubmitRequest, Any]) -> None:
        """Create one run after the other, and send the states of each until it has ended."""
        while (request := await self._waiting_calls.next(stream)) is not None:
            self._readers.short_calls.come(str(id(stream)))
            outcome = await self._submit(request)
            await self._watching.watch(outcome.found, stream.write, [*map(issue_message, outcome.warnings)])

    async def validate(self, request: accio_pb2.SubmitRequest) -> workflows_pb2.ValidateResponse:
        """Check a definition as a submission would, and create nothing."""
        look = self._looks.begin()
        answer = await look.checked(lambda: self._validate(request))
        answer.warnings.extend(map(issue_message, _doubts_of(look)))
        return answer

    async def _validate(self, request: accio_pb2.SubmitRequest) -> workflows_pb2.ValidateResponse:
        checked = await self._check(request)
        if checked.outcome.valid:
            try:
                accepted = await self.accept(checked)
            except InvalidDefinition as error:
                return workflows_pb2.ValidateResponse(
                    valid=False,
                    errors=map(issue_message, error.issues),
                    warnings=map(issue_message, checked.outcome.warnings),
                )
            answer = findings_message(checked.outcome)
            sweep = accepted.definition.sweep
            answer.children = sweep.budget
            if (until := until_message(sweep)) is not None:
                answer.until.CopyFrom(until)
            answer.points.extend(_first_points(sweep) if sweep.points > 1 else ())
            return answer
        return findings_message(checked.outcome)

    async def dry_run(self, request: accio_pb2.SubmitRequest) -> accio_pb2.DryRunResponse:
        """Return what a submission would do."""
        look = self._looks.begin()
        accepted = await look.checked(lambda: self.check(request))
        definition = accepted.definition
        plan = await _compiled(accepted, ClassRegistry())
        subject = Subject(
            sweep=definition.sweep,
            plan=plan,
            seed=definition.seed,
            cache=cache_mode(request),
            pins=accepted.pins,
        )
        outcome = await self._readers.search(lambda snapshot: dry_run(snapshot, subject))
        rests = [rest_of(plan.nodes[no], count) for no, count in outcome.executed.items() if count]
        seen = await outlook(self._engine, self._readers, rests, nice=definition.nice)
        return accio_pb2.DryRunResponse(
            children=outcome.children,
            nodes=outcome.nodes,
            distinct_nodes=outcome.distinct,
            cached=outcome.cached,
            to_execute=outcome.distinct - outcome.cached,
            sampled=outcome.sampled,
            looked_up=outcome.looked_up,
            unknown=outcome.unknown,
            warnings=map(issue_message, (*accepted.warnings, *_doubts_of(look))),
            forecast=forecast_message(seen.also),
            until=until_message(definition.sweep),
            nice=definition.nice,
        )

    async def check(self, request: accio_pb2.SubmitRequest) -> Accepted:
        """Check a definition, or raise InvalidDefinition."""
        return await self.accept(await self._check(request))

    async def _check(self, request: accio_pb2.SubmitRequest) -> CheckedRun:
        return await check_run_bytes(
            self._catalogue, request.definition, base_path=request.base_path, limits=self._limits
        )

    async def accept(self, checked: CheckedRun) -> Accepted:
        """Pin operators and artifacts of a definition that was checked, or raise InvalidDefinition."""
        definition = value_of(checked.outcome)
        sampler = None if definition.sweep.study is None else definition.sweep.study.sampler
        if sampler is not None and (missing := [name for name in sampler.packages if find_spec(name) is None]):
            raise InvalidDefinition([_lacking(sampler, missing)])
        stored = checked.lookup.found
        assert stored is not None, "a definition without a workflow isn't valid"
        workflow, announced = stored.workflow, checked.operators.announced
        operators, places = await off_loop(
            lambda: (tuple(announced[node.op] for node in workflow.graph), dict(_artifact_texts(definition, workflow))),
            BYTES_OF_NODE * len(workflow.graph),
        )
        return Accepted(
            definition=definition,
            workflow=stored,
            operators=operators,
            pins=await self._pins(places),
            warnings=(*checked.outcome.warnings, *self._doubts(operators, definition.sweep)),
        )

    def _doubts(self, operators: Iterable[Announced], sweep: Sweep) -> Iterator[Issue]:
        """Warn of each operator of which agents offer several versions, or have other code on disk than announced; and
        of those that draw random numbers, are repeated, and have one result all the same.
        """
        specs = {each.no: each.spec for each in operators}
        for spec in specs.values():
            if doubt := "" if spec.unstable else doubt_when_repeated(spec.name, spec.draws, repeat=sweep.repeat):
                yield Issue(pointer("repeat"), doubt)
        for number in specs:
            for doubt in (self._engine.differing(number), self._engine.stale(number)):
                if doubt:
                    yield Issue(pointer("workflow"), doubt)

    async def _pins(self, places: Mapping[str, str]) -> dict[str, Pin]:
        """Pin what is named, by the texts, which stand in these places of the definition."""
        if not places:
            return {}
        viewer = self._rights.viewer()
        found = await self._readers.read(
            lambda snapshot: submissions.pin_artifacts(snapshot, self._plans, places, viewer)
        )
        if wrong := [Issue(places[text], reason) for text, reason in found.items() if isinstance(reason, str)]:
            raise InvalidDefinition(wrong)
        return {text: pin for text, pin in found.items() if isinstance(pin, Pin)}

    async def _submit(self, request: accio_pb2.SubmitRequest) -> Outcome:
        if self._waiting >= _WAITING:
            raise ResourceExhausted(f"{_WAITING} submissions wait already; try again in a moment")
        if self._places.locked() and (why := self._engine.cluster().refusing):  # those that have places wait for space
            raise ResourceExhausted(why)
        self._waiting += 1
        try:
            async with self._places:
                return await self._submit_now(request)
        finally:
            self._waiting -= 1

    async def _submit_now(self, request: accio_pb2.SubmitRequest) -> Outcome:
        look = self._looks.begin()
        await look.asked_all()
        owner = caller(request.caller)
        cache = cache_mode(request)
        idempotency = None
        if request.idempotency_key:
            idempotency = (str(owner), request.idempotency_key, _digest(request))
            earlier = self._earlier(*idempotency)
            if earlier is not None:
                return Outcome(found=Found(run=earlier), created=False, warnings=())
        accepted, plan = await look.checked(lambda: self._check_and_compile(request))
        definition = accepted.definition
        now = self._clock.now()
        seed = definition.seed if definition.seed is not None else secrets.randbits(64) + MIN_SEED
        command = SubmitRun(
            id=self._ids.next(now.wall_ms, secrets.randbits(RANDOM_BITS)),
            definition=definition,
            workflow_no=accepted.workflow.no,
            workflow=accepted.workflow.workflow,
            operators=accepted.operators,
            plan=plan,
            owner_name=owner.name,
            owner_email=owner.email,
            cache=cache,
            seed=seed,
            pins=accepted.pins,
            idempotency=idempotency,
        )
        with self._catalogue.using(definition.workflow_id):
            still = await self._catalogue.workflow(definition.workflow_id, definition.version)
            if still is None or still.no != accepted.workflow.no:
                raise FailedPrecondition(f"workflow {definition.workflow_id} was deleted meanwhile")
            submitted: Submitted = await self._engine.ask(command)
        row = None
        if not submitted.created:
            row = await self._readers.read(lambda snapshot: runs_query.get_run(snapshot, submitted.no))
        row = row_of(command, submitted) if row is None else row
        warnings = (*accepted.warnings, *_doubts_of(look))
        return Outcome(found=Found(run=row), created=submitted.created, warnings=warnings)

    async def _check_and_compile(self, request: accio_pb2.SubmitRequest) -> tuple[Accepted, Plan]:
        accepted = await self.check(request)
        return accepted, await _compiled(accepted, self._engine.classes)

    def _earlier(self, owner: str, key: str, digest: bytes) -> RunRow | None:
        if len(key) > _KEY_LIMIT:
            raise BadRequest(f"expected an idempotency key of at most {_KEY_LIMIT} characters, found {len(key)}")
        return self._readers.glance(lambda snapshot: submissions.earlier_submission(snapshot, owner, key, digest))


def _doubts_of(look: CodeLook) -> list[Issue]:
    return [Issue(pointer("workflow"), each) for each in look.doubts]


async def _compiled(accepted: Accepted, classes: ClassRegistry) -> Plan:
    """Compile the plan of a submission; that of a large workflow in a thread."""
    workflow = accepted.workflow.workflow
    return await off_loop(
        lambda: compile_plan(workflow, accepted.definition.sweep, accepted.operators, classes),
        BYTES_OF_NODE * len(workflow.graph),
    )


def cache_mode(request: accio_pb2.SubmitRequest) -> CacheMode:
    """Return how a submission uses the memo."""
    cache = CACHE_MODES.get(request.cache)
    if cache is None:
        raise BadRequest(f"expected a cache mode of 0 to 2, found {request.cache}")
    return cache


def _digest(request: accio_pb2.SubmitRequest) -> bytes:
    """Return the digest of what a request asks for."""
    state = blake3()
    for part in (request.definition, request.base_path.encode(), request.cache.to_bytes(4, "big")):
        state.update(len(part).to_bytes(8, "big"))
        state.update(part)
    return state.digest()


def _artifact_texts(definition: RunDefinition, workflow: Workflow) -> Iterator[tuple[str, str]]:
    """Yield each text that names an artifact or stored content, with where it stands."""

    def named(texts: Iterable[str]) -> Iterator[str]:
        return (text for text in texts if text.startswith(submissions.ARTIFACT) or content_of(text) is not None)

    for axis in definition.sweep.axes:
        if axis.type.contains(Kind.DATASET) and not axis.is_formula:
            for value in axis.values():
                yield from ((text, pointer("params", axis.name)) for text in named(datasets_of(axis.type, value)))
    for _, _, source in workflow.uses():
        if isinstance(source, Constant) and source.type.contains(Kind.DATASET):
            for text in named(datasets_of(source.type, source.text)):
                yield text, ""


def _first_points(sweep: Sweep) -> Iterator[workflows_pb2.Point]:
    for point in range(min(_SHOWN_POINTS, sweep.points)):
        values = sweep.child(point * sweep.repeat)
        found = workflows_pb2.Point()
        for axis in sweep.varying:
            value = values_pb2.Value(type=str(axis.type), json=values[axis.name])
            found.values.add(name=axis.name, value=value)
        yield found
