"""What a batch of decisions leaves, as plain rows for `writer`.

`render` reads the World's records and runs on the event loop, with nothing awaited between the last decision and it;
`writer.write` runs on the connection's thread and touches nothing but what `render` gave.
"""

from operator import attrgetter
from typing import Any

import orjson

from accio.domain.agent_windows import AgentWindow
from accio.domain.caps import Cap
from accio.domain.children import OWN
from accio.domain.failures import Failure
from accio.domain.states import PHASES_STOPPING, NodeState, RunState
from accio_daemon.core.commands import SubmitRun
from accio_daemon.core.effects import AttemptRow, Effects, ResultRow
from accio_daemon.core.records import Agent, Execution, Run
from accio_daemon.core.terms import RunNo
from accio_daemon.storage import levels
from accio_daemon.storage.codes import NODE_STATES, PARENT, RUN_STATES, SINGLE
from accio_daemon.storage.rows import gathered, owners, pools, rounds

Rows = list[tuple[Any, ...]]

_RUNNING, _SUCCESS = RunState.RUNNING, NodeState.SUCCESS
# What a batch weighs that is soon written, and how long the parameters of a run in it may be.
_SMALL = 32
_SMALL_TEXT = 16_384


class Batch:
    """Everything that one transaction writes, as plain rows."""

    __slots__ = (
        "agents",
        "allocations",
        "begun_anew",
        "caps",
        "events",
        "gathered",
        "grown",
        "keys",
        "missing",
        "new_runs",
        "operators",
        "pools",
        "pruned",
        "removed_agents",
        "removed_checkpoints",
        "removed_instances",
        "removed_nodes",
        "removed_runs",
        "repinned",
        "results",
        "rounds",
        "runs",
        "sequence",
        "tables",
        "told",
        "usage",
        "weight",
        "windows",
    )

    def __init__(self) -> None:
        self.tables: dict[str, Rows] = {}
        self.results: list[ResultRow] = []  # that are among the rows of the tables
        self.keys: list[levels.Entry] = []
        self.new_runs: list[tuple[tuple[Any, ...], SubmitRun]] = []
        self.runs: Rows = []
        self.agents: Rows = []
        self.pools: Rows = []
        self.allocations: Rows = []
        self.caps: dict[str, Cap | None] = {}
        self.windows: dict[str, AgentWindow | None] = {}
        self.usage: Rows = []
        self.operators: Rows = []
        self.events: Rows = []
        self.gathered: Rows = []
        self.rounds: Rows = []
        self.told: Rows = []
        self.pruned: dict[tuple[RunNo, int], bool] = {}
        self.grown: Rows = []
        self.begun_anew: Rows = []
        self.removed_nodes: Rows = []
        self.removed_checkpoints: Rows = []
        self.removed_instances: Rows = []
        self.removed_runs: list[int] = []
        self.removed_agents: list[int] = []
        self.missing: list[bytes] = []
        self.repinned: Rows = []
        self.sequence: int | None = None
        self.weight = 0  # rows, and what long texts add

    @property
    def is_rare(self) -> bool:
        """Whether there is something that takes statements of its own: most batches have nothing of it."""
        return any(_RARE(self))

    def is_small(self) -> bool:
        """Return whether it is soon written: few rows, and only such as single nodes and single runs make."""
        if self.weight > _SMALL or self.is_rare:
            return False
        sweeps = [command.definition.sweep for _, command in self.new_runs]
        return all(sweep.is_single and len(sweep.to_text()) <= _SMALL_TEXT for sweep in sweeps)


_RARE = attrgetter(
    *({*Batch.__slots__} - {"keys", "new_runs", "results", "runs", "sequence", "tables", "usage", "weight"})
)  # of a batch, what takes statements of its own


def digest_blob(digest: str) -> bytes:
    """Return the 32 bytes of "blake3:HEX"."""
    return bytes.fromhex(digest.removeprefix("blake3:"))


def render(fx: Effects, specs: dict[int, Any]) -> Batch:
    """Turn what a batch decided into rows."""
    batch = Batch()
    batch.sequence = fx.sequence
    batch.usage = owners.usage_rows(fx.usage)
    if any(_RARE_EFFECTS(fx)):
        _render_rare(fx, specs, batch)
    _render_runs(fx, batch)
    _render_nodes(fx, batch)
    _render_results(fx, batch)
    _render_executions(fx, batch.tables)
    batch.tables["attempts"] = [_attempt(row) for row in fx.attempts]
    batch.weight = fx.heavy + len(batch.runs) + len(batch.new_runs) + sum(map(len, batch.tables.values()))
    return batch


def _render_rare(fx: Effects, specs: dict[int, Any], batch: Batch) -> None:
    """Turn what most batches have nothing of into rows."""
    batch.agents = [_agent(agent) for agent in fx.agents.values()]
    batch.pools, batch.allocations = pools.render(fx)
    batch.caps, batch.windows = dict(fx.caps), dict(fx.windows)
    batch.operators = [
        (number, spec.name, specs[number], orjson.dumps(spec.to_json()).decode(), announced)
        for number, spec, announced in fx.operators
    ]
    batch.repinned = [(orjson.dumps(numbers).decode(), run_no) for run_no, numbers in fx.repinned.items()]
    batch.gathered = list(gathered.rows_of(fx.gathered))
    batch.rounds = list(rounds.rows_of(fx.rounds))
    batch.told = list(fx.told)
    batch.pruned = dict(fx.pruned)
    batch.grown = [(run.sweep.to_text(), run.no) for run in fx.grown.values()]
    batch.begun_anew = [(run_no, OWN) for run_no in fx.begun_anew]
    batch.removed_runs = list(fx.removed_runs)
    batch.removed_instances = list(fx.removed_instances)
    batch.removed_agents = list(fx.removed_agents)
    batch.missing = [digest_blob(digest) for digest in fx.missing]
    batch.events = [(e.run_no, e.index, e.node, e.attempt, e.kind, e.detail, e.at_ms) for e in fx.events]


_RARE_EFFECTS = attrgetter(
    "agents", "pools", "allocations", "caps", "windows", "operators", "repinned", "gathered", "rounds", "told",
    "pruned", "grown", "begun_anew", "removed_runs", "removed_instances", "removed_agents", "missing", "events",
)  # fmt: skip


def _render_runs(fx: Effects, batch: Batch) -> None:
    """Turn runs, and what is kept of each as a whole, into rows."""
    batch.new_runs = [(_new_run(run, command), command) for run, command in fx.submitted]
    batch.runs = [_run(run) for run in fx.runs.values()]
    batch.tables["pins"] = [
        (run_no, text, digest_blob(pin.digest), pin.size, pin.name) for run_no, text, pin in fx.pins
    ]


def _render_nodes(fx: Effects, batch: Batch) -> None:
    """Turn children and their nodes into rows."""
    tables = batch.tables
    begun = tables["begun_instances"] = Rows()
    others = tables["instances"] = Rows()
    for key, (state, sequence, started, ended) in fx.instances.items():
        if state is _RUNNING and sequence is None and ended is None:
            begun.append((*key, started))
        else:
            others.append((*key, RUN_STATES[state], sequence, started, ended))
    _render_ended_nodes(fx, tables)
    batch.removed_nodes = [key for key, node in fx.nodes.items() if node is None]
    tables["demands"] = [
        (*key, orjson.dumps(demand.resources.to_json()).decode(), demand.timeout_ms, int(demand.forced))
        for key, demand in fx.demands.items()
    ]
    tables["checkpoints"] = [
        (*key, digest_blob(each.digest), each.size, each.number, each.saved_ms, each.attempt, each.basis)
        for key, each in fx.checkpoints.items()
        if each is not None
    ]
    batch.removed_checkpoints = [key for key, each in fx.checkpoints.items() if each is None]


def _render_results(fx: Effects, batch: Batch) -> None:
    """Turn what executions gave into rows, and what content of it is missing."""
    tables = batch.tables
    plain = tables["plain_results"] = Rows()
    others = tables["results"] = Rows()
    for row in fx.results:
        if row.key is None or row.seed is not None or row.blobs is not None or row.log_bytes:
            others.append(_result(row))
        else:
            plain.append(_plain_result(row))
    batch.results = fx.results
    batch.keys = levels.entries_of(fx.results)
    tables["contents"] = [
        (digest_blob(digest), row.id, size)
        for row in fx.results
        if row.contents or row.blobs
        for digest, size in (*row.contents, *(row.blobs or {}).values())
    ]
    tables["series"] = [
        *((row.attempt, *each) for row in fx.results if row.series for each in row.series),
        *((row.id, *each) for row in fx.attempts if row.series for each in row.series),
    ]


def _result(row: ResultRow) -> tuple[Any, ...]:
    return (
        row.id,
        row.key,
        int(row.key is not None),
        row.operator_no,
        row.seed,
        row.inputs,
        orjson.dumps(row.outputs).decode(),
        None if row.blobs is None else orjson.dumps(row.blobs).decode(),
        orjson.dumps(row.metrics).decode(),
        row.attempt,
        row.agent_no,
        row.started_ms,
        row.ended_ms,
        row.recorded_ms,
        row.log_bytes,
        *row.owner,
    )


def _plain_result(row: ResultRow) -> tuple[Any, ...]:
    """Return the row of a result that the memo keeps, of an operator without a seed that printed nothing."""
    return (
        row.id,
        row.key,
        row.operator_no,
        row.inputs,
        orjson.dumps(row.outputs).decode(),
        orjson.dumps(row.metrics).decode(),
        row.attempt,
        row.agent_no,
        row.started_ms,
        row.ended_ms,
        row.recorded_ms,
        *row.owner,
    )


def _render_ended_nodes(fx: Effects, tables: dict[str, Rows]) -> None:
    plain = tables["plain_nodes"] = Rows()
    others = tables["nodes"] = Rows()
    texts: dict[int, str | None] = {}  # one kill fails thousands in one way
    for key, row in fx.nodes.items():
        if row is None:
            continue
        if row.state is _SUCCESS and not row.cached and row.failure is None:
            plain.append((*key, row.sequence, row.result, row.ended_ms))
        else:
            known = id(row.failure)
            failure = texts[known] if known in texts else texts.setdefault(known, _failure(row.failure))
            cached = 1 if row.cached else 0
            ended = (row.sequence, row.result, failure, row.ended_ms, row.operator_no)
            others.append((*key, NODE_STATES[row.state], cached, *ended))


def _attempt(row: AttemptRow) -> tuple[Any, ...]:
    failure, times = _failure(row.failure), (row.started_ms, row.ended_ms)
    return (row.id, row.execution, *row.owner, row.agent_no, row.state, failure, *times, row.operator_no)


def _failure(failure: Failure | None) -> str | None:
    return None if failure is None else orjson.dumps(failure.to_json()).decode()


def _render_executions(fx: Effects, tables: dict[str, Rows]) -> None:
    plain = tables["plain_executions"] = Rows()
    others = tables["executions"] = Rows()
    ended = tables["ended_executions"] = Rows()
    for number, execution in fx.executions.items():
        if execution is None:
            ended.append((number,))
            continue
        agent = execution.agent
        if (
            execution.losses
            or execution.failures
            or execution.gpus
            or execution.not_before_ms is not None
            or execution.phase in PHASES_STOPPING
        ):
            others.append(_execution(execution))
        else:
            agent_no = None if agent is None else agent.no
            plain.append(
                (number, execution.key, *execution.owner, execution.attempt, agent_no, execution.dispatched_ms)
            )


def _execution(execution: Execution) -> tuple[Any, ...]:
    return (
        execution.id,
        execution.key,
        *execution.owner,
        execution.losses,
        execution.failures,
        execution.attempt,
        None if execution.agent is None else execution.agent.no,
        execution.dispatched_ms,
        orjson.dumps(execution.gpus).decode() if execution.gpus else None,
        int(execution.stopping),
        execution.not_before_ms,
    )


def _new_run(run: Run, command: SubmitRun) -> tuple[Any, ...]:
    definition = command.definition
    options: dict[str, object] = {"on_failure": definition.on_failure.to_json(), "cache": command.cache.value}
    if definition.nice:
        options["nice"] = True
    return (
        run.no,
        run.id,
        SINGLE if run.single else PARENT,
        command.workflow_no,
        command.owner_name,
        command.owner_email,
        definition.name or "",
        definition.notes or "",
        run.seed,
        run.sweep.to_text(),
        orjson.dumps(options).decode(),
        orjson.dumps([pinned.no for pinned in command.operators]).decode(),
        run.sweep.budget,
        run.plan.per_child,
        run.sequence,
        run.created_ms,
        len(run.plan.nodes) - run.plan.per_child,
    )


def _run(run: Run) -> tuple[Any, ...]:
    return (
        RUN_STATES[run.state],
        run.closed,
        run.taken.low,
        orjson.dumps(run.taken.removed).decode() if run.taken.removed else "[]",
        run.running,
        run.success,
        run.failed,
        run.killed,
        _counts(run.nodes_ended),
        run.sequence,
        run.started_ms,
        run.ended_ms,
        run.no,
    )


def _counts(counts: dict[NodeState, int]) -> str:
    return "{" + ",".join(f'"{state.value}":{count}' for state, count in counts.items() if count) + "}"


def _agent(agent: Agent) -> tuple[Any, ...]:
    return (
        agent.no,
        agent.name,
        agent.agent_id,
        agent.incarnation,
        agent.version,
        orjson.dumps(agent.resources.to_json()).decode(),
        orjson.dumps(sorted(agent.operators)).decode(),
        int(agent.drained),
        agent.heard_ms,
        agent.reason,
        orjson.dumps(sorted(agent.owners)).decode(),
    )
