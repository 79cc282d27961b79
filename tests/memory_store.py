"""A store in memory: what the engine's port asks for (`engine.ports`), without SQL, files or threads.

It keeps facts, as the core takes them back, under the keys that the database has. The tests of the port's contract run
on it and on SQLite alike, so that engines on either can be relied upon.
"""

import copy
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from accio.domain.agent_windows import AgentWindow
from accio.domain.caps import Cap
from accio.domain.children import OWN
from accio.domain.ids import RunId
from accio.domain.operators import OperatorSpec
from accio.domain.retry_demand import NodeDemand
from accio.domain.states import RUN_TERMINAL, RunState
from accio.errors import AccioError
from accio_daemon.core.commands import SubmitRun
from accio_daemon.core.effects import Effects, NodeRow, Usage
from accio_daemon.core.facts import InstanceFacts, NodeFact
from accio_daemon.core.on_agents import identity_of
from accio_daemon.core.pools.records import Allocation, Pool
from accio_daemon.core.records import NOT_TRIED, Agent, Execution, Run
from accio_daemon.core.restoring import ExecutionFacts, RunFacts
from accio_daemon.core.terms import AgentNo, Checkpoint, ExecutionNo, Result, Round, RunNo
from accio_daemon.storage.jobs import WriteJob
from accio_daemon.storage.restore import AgentFacts, Numbers, OperatorFacts
from accio_daemon.storage.rows.pools import AllocationRow, PoolFacts
from accio_daemon.storage.writing.transactions import Committed, DiskFull, Outcome

Place = tuple[RunNo, int]
_NONE = Numbers(sequence=0, run=0, agent=0, operator=0, execution=0, allocation=0)
_UNSUCCESSFUL = (RunState.FAILED, RunState.KILLED)


@dataclass(slots=True)
class Tables:
    """What is durable."""

    epoch: int = 0
    numbers: Numbers = _NONE
    operators: dict[int, OperatorFacts] = field(default_factory=dict)
    agents: dict[AgentNo, AgentFacts] = field(default_factory=dict)
    pools: dict[str, PoolFacts] = field(default_factory=dict)
    allocations: dict[int, AllocationRow] = field(default_factory=dict)
    caps: dict[str, Cap] = field(default_factory=dict)
    windows: dict[str, AgentWindow] = field(default_factory=dict)
    usage: dict[tuple[str, str, int], Usage] = field(default_factory=dict)
    runs: dict[RunNo, RunFacts] = field(default_factory=dict)
    deleted: list[RunNo] = field(default_factory=list)
    instances: dict[Place, tuple[RunState, int | None, int | None, int | None]] = field(default_factory=dict)
    nodes: dict[tuple[RunNo, int, int], NodeRow] = field(default_factory=dict)
    rounds: dict[tuple[RunNo, int], Round] = field(default_factory=dict)
    told: dict[tuple[RunNo, int], int] = field(default_factory=dict)
    pruned: set[tuple[RunNo, int]] = field(default_factory=set)
    demands: dict[tuple[RunNo, int, int], NodeDemand] = field(default_factory=dict)
    checkpoints: dict[tuple[RunNo, int, int], Checkpoint] = field(default_factory=dict)
    executions: dict[ExecutionNo, ExecutionFacts] = field(default_factory=dict)
    attempts: dict[int, tuple[RunNo, int, int]] = field(default_factory=dict)
    results: dict[ExecutionNo, tuple[bytes | None, Result, frozenset[str]]] = field(default_factory=dict)
    last_run_id: RunId | None = None


@dataclass(slots=True)
class Rows:
    """What one batch decided, apart from records that go on changing."""

    fx: Effects
    submitted: list[RunFacts]
    runs: list[RunFacts]
    agents: list[AgentFacts]
    pools: list[PoolFacts]
    allocations: list[AllocationRow]
    executions: dict[ExecutionNo, ExecutionFacts | None]


class MemoryStore:
    """Store and Stored of the engine's ports."""

    def __init__(self) -> None:
        """Be empty, with space."""
        self.tables = Tables()
        self.full = False

    # --- reading ----------------------------------------------------------------------------------------------------

    def pools(self) -> list[PoolFacts]:
        """Read all pools, in order of preference."""
        return sorted(self.tables.pools.values(), key=lambda each: (each.place, each.spec.name))

    def live_allocations(self) -> list[AllocationRow]:
        """Read the allocations that haven't ended, the oldest first."""
        return [each for _, each in sorted(self.tables.allocations.items()) if each.ended_ms is None]

    def caps(self) -> dict[str, Cap]:
        """Read the caps, by the key of their owner."""
        return dict(self.tables.caps)

    def windows(self) -> list[AgentWindow]:
        """Read the windows of agents."""
        return list(self.tables.windows.values())

    def used_by_hour(self, since: int) -> list[tuple[str, int, float]]:
        """Read the core-seconds of each owner in each hour, from one on."""
        return [(owner, hour, used.cpu_s) for (owner, _, hour), used in self.tables.usage.items() if hour >= since]

    def given_back(self) -> list[str]:
        """Find the agents whose last allocations have ended."""
        last = {each.agent: each for _, each in sorted(self.tables.allocations.items()) if each.agent}
        return [name for name, each in last.items() if each.ended_ms is not None]

    def results(self, keys: Sequence[bytes]) -> dict[bytes, Result]:
        """Look up the results of memo keys."""
        return {key: result for key, result, _ in self.tables.results.values() if key is not None and key in set(keys)}

    def load_run(self, run: RunNo, specs: Mapping[int, OperatorSpec]) -> RunFacts | None:
        """Read one run, ended or not; None if it isn't there."""
        facts = self.tables.runs.get(run)
        if facts is None:
            return None
        assert all(specs[each.no] == each.spec for each in facts.operators), "the caller knows the operators"
        reached = sorted(index for no, index in self.tables.instances if no == run and index >= facts.cursor)
        rounds = {point: each for (no, point), each in self.tables.rounds.items() if no == run}
        pruned = frozenset(index for no, index in self.tables.pruned if no == run)
        told = tuple(trial for (no, _), trial in sorted(self.tables.told.items()) if no == run)
        return replace(facts, reached=tuple(reached), rounds=rounds, told=told, pruned=pruned)

    def unsuccessful_children(
        self, run: RunNo, *, after: int, limit: int, index: int | None = None
    ) -> list[InstanceFacts]:
        """Read some children that ended otherwise than in success, behind *after*; or just the one at *index*."""
        found = [at for at in self._indices(run, *_UNSUCCESSFUL) if at == index or (index is None and at > after)]
        return [self._child(run, at, tried=True) for at in found[:limit]]

    def ended_child(self, run: RunNo, index: int) -> InstanceFacts | None:
        """Read a child that has ended; None if it hasn't, or isn't there."""
        found = self.tables.instances.get((run, index))
        return None if found is None or found[3] is None else self._child(run, index, tried=True)

    def open_children(self, run: RunNo) -> list[InstanceFacts]:
        """Read the children that have begun and not ended."""
        return [self._child(run, index, tried=True) for index in self._indices(run, RunState.RUNNING)]

    def live_runs(self) -> list[RunNo]:
        """Find the runs that haven't ended."""
        return [number for number, facts in sorted(self.tables.runs.items()) if facts.state not in RUN_TERMINAL]

    def _indices(self, run: RunNo, *states: RunState) -> list[int]:
        rows = self.tables.instances.items()
        return sorted(index for (no, index), row in rows if no == run and row[0] in states)

    def _child(self, run: RunNo, index: int, *, tried: bool = False) -> InstanceFacts:
        state, sequence, started, _ = self.tables.instances[(run, index)]
        nodes = sorted(
            (no, row)
            for (its_run, its_index, no), row in self.tables.nodes.items()
            if (its_run, its_index) == (run, index)
        )
        attempts = Counter(
            no for its_run, its_index, no in self.tables.attempts.values() if (its_run, its_index) == (run, index)
        )
        return InstanceFacts(
            index=index,
            state=state,
            sequence=sequence,
            started_ms=started,
            nodes=tuple(self._node(no, row) for no, row in nodes),
            tried=dict(attempts) if tried and attempts else NOT_TRIED,
            demands={no: each for (*place, no), each in self.tables.demands.items() if place == [run, index]},
            checkpoints={no: each for (*place, no), each in self.tables.checkpoints.items() if place == [run, index]},
        )

    def _node(self, no: int, row: NodeRow) -> NodeFact:
        result = None if row.result is None else self.tables.results[row.result][1]
        return NodeFact(no=no, state=row.state, sequence=row.sequence, result=result)

    def begin_epoch(self) -> int:
        """Count the daemon's starts."""
        self.tables.epoch += 1
        return self.tables.epoch

    def numbers(self) -> Numbers:
        """Return the highest numbers that were written."""
        return self.tables.numbers

    def operators(self) -> list[OperatorFacts]:
        """Read all operator versions, the latest of each name last."""
        return sorted(self.tables.operators.values(), key=lambda each: each.announced)

    def agents(self) -> list[AgentFacts]:
        """Read all agents."""
        return list(self.tables.agents.values())

    def executions(self) -> list[ExecutionFacts]:
        """Read all open executions."""
        found = [replace(each, demand=self.tables.demands.get(each.owner)) for each in self.tables.executions.values()]
        return sorted(found, key=lambda each: (each.attempt or 0, each.id))

    def being_deleted(self) -> list[RunNo]:
        """Find the runs of which rows are left."""
        return list(self.tables.deleted)

    def last_run_id(self) -> RunId | None:
        """Return the highest id of a run."""
        return self.tables.last_run_id

    # --- writing ----------------------------------------------------------------------------------------------------

    def render(self, fx: Effects) -> Rows:
        """Copy what was decided off records that go on changing."""
        return Rows(
            fx=copy.copy(fx),
            submitted=[_run_facts(run, command) for run, command in fx.submitted],
            runs=[_run_facts(run, None) for run in fx.runs.values()],
            agents=[_agent_facts(agent) for agent in fx.agents.values()],
            pools=[_pool_facts(pool) for pool in fx.pools.values()],
            allocations=[_allocation_row(each) for each in fx.allocations.values()],
            executions={no: None if each is None else _execution_facts(each) for no, each in fx.executions.items()},
        )

    async def commit(self, rows: Rows, jobs: Sequence[WriteJob[Any]], deleting: RunNo | None) -> Committed:
        """Make a batch durable, all or none of it."""
        if self.full:
            raise DiskFull("no space in memory")
        before = self.tables  # whose values are never changed, but replaced
        self.tables = Tables(**{each.name: copy.copy(getattr(before, each.name)) for each in fields(Tables)})
        try:
            self._write(rows)
            if deleting is not None:
                self._remove(deleting)
            return Committed(outcomes=tuple(_run(job) for job in jobs))
        except BaseException:
            self.tables = before
            raise

    def refuse_if_gone(self) -> None:
        """Stay: memory is there as long as its process."""

    def _write_owners(self, fx: Effects) -> None:
        for key, more in fx.usage.items():
            used = self.tables.usage.setdefault(key, Usage())
            used.nodes, used.cpu_s, used.gpu_s = (
                used.nodes + more.nodes,
                used.cpu_s + more.cpu_s,
                used.gpu_s + more.gpu_s,
            )
        for owner, cap in fx.caps.items():
            if cap is None:
                self.tables.caps.pop(owner, None)
            else:
                self.tables.caps[owner] = cap
        for name, window in fx.windows.items():
            if window is None:
                self.tables.windows.pop(name, None)
            else:
                self.tables.windows[name] = window

    def _write(self, rows: Rows) -> None:
        tables, fx = self.tables, rows.fx
        for no, spec, announced in fx.operators:
            tables.operators[no] = OperatorFacts(no=no, identity=identity_of(spec), spec=spec, announced=announced)
        tables.agents |= {each.no: each for each in rows.agents}
        tables.pools |= {each.spec.name: each for each in rows.pools}
        tables.allocations |= {each.no: each for each in rows.allocations}
        self._write_owners(fx)
        tables.runs |= {each.no: each for each in rows.submitted}
        for facts in rows.runs:
            written = tables.runs[facts.no]
            tables.runs[facts.no] = replace(facts, operators=written.operators, seed=written.seed)
        for run in fx.begun_anew:
            self._forget_child((run, OWN))
        for run, index, node in [key for key, row in fx.nodes.items() if row is None]:
            tables.nodes.pop((run, index, node), None)
        tables.nodes |= {key: copy.copy(row) for key, row in fx.nodes.items() if row is not None}
        tables.instances |= fx.instances
        tables.demands |= fx.demands
        tables.rounds |= fx.rounds
        tables.pruned -= fx.pruned.keys()
        tables.pruned |= {child for child, is_pruned in fx.pruned.items() if is_pruned}
        tables.told |= {(run, place): trial for run, place, trial in fx.told}
        for key, saved in fx.checkpoints.items():
            if saved is None:
                tables.checkpoints.pop(key, None)
            else:
                tables.checkpoints[key] = saved
        for no, execution in rows.executions.items():
            if execution is None:
                tables.executions.pop(no, None)
            else:
                tables.executions[no] = execution
        for row in fx.results:
            held = frozenset(digest for digest, _ in (*row.contents, *(row.blobs or {}).values()))
            tables.results[row.id] = (row.key, Result(id=row.id, outputs=row.outputs, blobs=row.blobs), held)
        tables.attempts |= {row.id: row.owner for row in fx.attempts}
        self._write_removals(fx)
        self._count(rows)

    def _write_removals(self, fx: Effects) -> None:
        tables = self.tables
        for place in fx.removed_instances:
            self._forget_child(place)
        for run in fx.removed_runs:
            tables.runs.pop(run, None)
            tables.deleted.append(run)
        for agent in fx.removed_agents:
            tables.agents.pop(agent, None)
        for no, (memo_key, result, held) in list(tables.results.items()):
            if memo_key is not None and held & set(fx.missing):
                tables.results[no] = (None, result, held)
        for run, operators in fx.repinned.items():
            known = {no: each.spec for no, each in tables.operators.items()}
            pinned = tuple(type(tables.runs[run].operators[0])(no=no, spec=known[no]) for no in operators)
            tables.runs[run] = replace(tables.runs[run], operators=pinned)

    def _forget_child(self, place: Place) -> None:
        tables = self.tables
        tables.instances.pop(place, None)
        for key in [key for key in tables.nodes if key[:2] == place]:
            del tables.nodes[key]
        tables.demands = {key: each for key, each in tables.demands.items() if key[:2] != place}
        tables.checkpoints = {key: each for key, each in tables.checkpoints.items() if key[:2] != place}
        self._forget_work(lambda owner, place=place: owner[:2] == place)

    def _forget_work(self, of: Any) -> None:
        tables = self.tables
        tables.executions = {no: each for no, each in tables.executions.items() if not of(each.owner)}
        tables.attempts = {no: owner for no, owner in tables.attempts.items() if not of(owner)}

    def _remove(self, run: RunNo) -> None:
        tables = self.tables
        tables.instances = {key: row for key, row in tables.instances.items() if key[0] != run}
        tables.nodes = {key: row for key, row in tables.nodes.items() if key[0] != run}
        tables.demands = {key: each for key, each in tables.demands.items() if key[0] != run}
        tables.rounds = {key: each for key, each in tables.rounds.items() if key[0] != run}
        tables.pruned = {key for key in tables.pruned if key[0] != run}
        tables.told = {key: each for key, each in tables.told.items() if key[0] != run}
        tables.checkpoints = {key: each for key, each in tables.checkpoints.items() if key[0] != run}
        self._forget_work(lambda owner: owner[0] == run)
        tables.deleted.remove(run)

    def _count(self, rows: Rows) -> None:
        tables, old = self.tables, self.tables.numbers
        executions = (*tables.executions, *tables.results, *(row.execution for row in rows.fx.attempts))
        tables.numbers = Numbers(
            sequence=old.sequence if rows.fx.sequence is None else rows.fx.sequence,
            run=max([old.run, *(each.no for each in rows.submitted)]),
            agent=max([old.agent, *(each.no for each in rows.agents)]),
            operator=max([old.operator, *tables.operators]),
            execution=max([old.execution, *executions]),
            allocation=max([old.allocation, *rows.fx.allocations]),
        )
        ids = [each.id for each in tables.runs.values()]
        tables.last_run_id = max(ids) if ids else None


def _run(job: WriteJob[Any]) -> Outcome:
    """Run a job, which finds no database here."""
    nothing: Any = None
    try:
        return Outcome(value=job(nothing))
    except AccioError as error:
        return Outcome(refusal=error)


def _pool_facts(pool: Pool) -> PoolFacts:
    return PoolFacts(
        spec=pool.spec,
        place=pool.place,
        server=pool.server,
        paused=pool.paused,
        floor=pool.floor,
        offers=pool.offers,
        operators=pool.operators,
        used=(pool.day, pool.used_today, pool.used),
    )


def _allocation_row(each: Allocation) -> AllocationRow:
    return AllocationRow(
        no=each.no,
        pool=each.pool,
        state=each.state,
        lasting=each.lasting,
        job=each.job,
        host=each.host,
        agent=each.agent,
        goodbye=each.said_goodbye,
        cancelling=each.cancelling,
        reason=each.reason,
        requested_ms=each.requested_ms,
        began_ms=each.began_ms,
        ended_ms=each.ended_ms,
    )


def _run_facts(run: Run, command: SubmitRun | None) -> RunFacts:
    return RunFacts(
        no=run.no,
        id=run.id,
        single=run.single,
        workflow=run.workflow,
        operators=() if command is None else command.operators,
        sweep=run.sweep,
        seed=run.seed,
        cache=run.cache,
        on_failure=run.on_failure,
        nice=run.nice,
        sequence=run.sequence,
        state=run.state,
        closed=run.closed,
        cursor=run.taken.low,
        removed=tuple(run.taken.removed),
        running=run.running,
        success=run.success,
        failed=run.failed,
        killed=run.killed,
        nodes_ended={state: count for state, count in run.nodes_ended.items() if count},
        created_ms=run.created_ms,
        started_ms=run.started_ms,
        ended_ms=run.ended_ms,
        pins=dict(run.pins),
        owner=run.owner.person,
        reached=(),
        own_state=run.own_state,
        gathered=dict(run.gathered),
    )


def _agent_facts(agent: Agent) -> AgentFacts:
    return AgentFacts(
        no=agent.no,
        name=agent.name,
        agent_id=agent.agent_id,
        incarnation=agent.incarnation,
        version=agent.version,
        resources=agent.resources,
        operators=agent.operators,
        drained=agent.drained,
        heard_ms=agent.heard_ms,
        reason=agent.reason,
        owners=agent.owners,
    )


def _execution_facts(execution: Execution) -> ExecutionFacts:
    return ExecutionFacts(
        id=execution.id,
        key=execution.key,
        owner=execution.owner,
        losses=execution.losses,
        failures=execution.failures,
        attempt=execution.attempt,
        agent_no=None if execution.agent is None else execution.agent.no,
        dispatched_ms=execution.dispatched_ms,
        gpus=tuple(execution.gpus),
        stopping=execution.stopping,
        not_before_ms=execution.not_before_ms,
    )
