"""From stored facts back to a World: after a restart, or for one ended run that somebody retries or deletes from."""

from collections.abc import Mapping, Sequence
from dataclasses import field

from accio.domain.children import CLOSED_BY_KILL, OPEN, Taken
from accio.domain.people import Person
from accio.domain.retry_demand import NodeDemand
from accio.domain.runs import OnFailure
from accio.domain.states import NODE_TERMINAL, RUN_TERMINAL, NodeState, Phase, RunState
from accio.domain.workflows import Workflow
from accio.late import dataclass
from accio_daemon.core import endings, moves, repeating, trials_over
from accio_daemon.core.attempts import LONGEST_FOR_SPACE, back_off_ms
from accio_daemon.core.facts import InstanceFacts
from accio_daemon.core.plan import compile_plan
from accio_daemon.core.records import Execution, Instance, Run
from accio_daemon.core.retrying import restored_instance
from accio_daemon.core.rounds import Rounds
from accio_daemon.core.run_record import RunRecord
from accio_daemon.core.terms import (
    AgentNo,
    Announced,
    AttemptNo,
    CacheMode,
    ExecutionNo,
    Gather,
    Gathered,
    Pin,
    Place,
    Round,
    RunNo,
)
from accio_daemon.core.told import Told
from accio_daemon.core.turn import Turn
from accio_daemon.core.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts(RunRecord):
    """A run as the World needs it back."""

    workflow: Workflow
    operators: tuple[Announced, ...]
    on_failure: OnFailure
    sequence: int
    pins: dict[str, Pin]
    owner: Person
    reached: tuple[int, ...]  # children at or beyond the cursor that have a row
    own_state: RunState = RunState.SCHEDULED
    gathered: Mapping[Gather, Gathered] = field(default_factory=dict)
    rounds: Mapping[int, Round] = field(default_factory=dict)  # of a run that is repeated until precise, by point
    pruned: frozenset[int] = frozenset()  # children of a study whose trials were ended early
    told: tuple[int, ...] = ()  # of a study that asks for its trials, those that ended, in that order


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionFacts:
    """An open execution as the database has it."""

    id: ExecutionNo
    key: bytes | None
    owner: tuple[RunNo, int, int]
    losses: int
    failures: int
    attempt: AttemptNo | None
    agent_no: AgentNo | None
    dispatched_ms: int | None
    gpus: tuple[int, ...]
    stopping: bool
    not_before_ms: int | None
    demand: NodeDemand | None = None  # of its owner, if that was retried with more


def restore_run(world: World, facts: RunFacts) -> Run:
    """Put a run back into the World, with no child open."""
    run = Run(
        no=facts.no,
        id=facts.id,
        workflow=facts.workflow,
        plan=compile_plan(facts.workflow, facts.sweep, facts.operators, world.classes),
        sweep=facts.sweep,
        single=facts.single,
        seed=facts.seed,
        cache=facts.cache,
        on_failure=facts.on_failure,
        nice=facts.nice,
        sequence=facts.sequence,
        created_ms=facts.created_ms,
        pins=facts.pins,
        owner=world.owners.of(facts.owner),
    )
    moves.restore_run(run, facts.state, facts.own_state)
    run.gathered = dict(facts.gathered)
    run.closed = facts.closed
    run.running, run.success, run.failed, run.killed = facts.running, facts.success, facts.failed, facts.killed
    run.nodes_ended = {state: facts.nodes_ended.get(state, 0) for state in sorted(NODE_TERMINAL)}
    run.started_ms, run.ended_ms = facts.started_ms, facts.ended_ms
    run.taken = Taken.stored(run.size, low=facts.cursor, reached=facts.reached, removed=facts.removed)
    if facts.sweep.until is not None:
        run.rounds = Rounds(facts.sweep, facts.sweep.until, facts.rounds)
    run.pruned = set(facts.pruned)
    if facts.sweep.asks:
        run.told = Told(facts.told)
    world.runs[run.no] = run
    if run.closed == OPEN and run.taken.low < run.size and run.state in (RunState.SCHEDULED, RunState.RUNNING):
        world.unopened.add(run)
    return run


def let_go(world: World, run_no: RunNo) -> None:
    """Remove a run that is over from the World again, if the command that it was put back for changed nothing."""
    run = world.runs.get(run_no)
    if run is not None and run.state in RUN_TERMINAL and not run.open:
        del world.runs[run_no]


def restore_children(world: World, run: Run, children: Sequence[InstanceFacts]) -> None:
    """Open the children that had begun and not ended: what is ready of them becomes ready again, at its old place."""
    instances = [restored_instance(run, facts, run.sequence) for facts in children]  # all, or none is opened
    for instance in instances:
        run.open[instance.index] = instance
        ready_again(world, instance)


def ready_again(world: World, instance: Instance) -> None:
    """Make every waiting node ready whose predecessors all succeeded."""
    for no, state in enumerate(instance.states):
        if state is NodeState.WAITING and instance.waiting[no] == 0:
            moves.move_node(instance, no, NodeState.QUEUED)
            world.ready.append((instance, no))


def restore_execution(turn: Turn, facts: ExecutionFacts) -> None:
    """Put an open execution back: whoever wants it again finds it by owner or key; its agent may still work on it."""
    world = turn.world
    run = world.runs.get(facts.owner[0])
    if run is None:  # over: it was being stopped
        turn.fx.executions[facts.id] = None
        return
    node = run.plan.nodes[facts.owner[2]]
    node_class = node.node_class
    if facts.demand is not None:
        node_class = world.classes.demanding(node.operator_no, facts.demand)
    place = Place(2**62, facts.owner[1], facts.owner[2])
    execution = Execution(facts.id, node, node_class, facts.owner, place, run.owner)
    execution.nice = True  # nobody wants it yet who isn't
    execution.key = facts.key
    execution.losses, execution.failures = facts.losses, facts.failures
    execution.dispatched_ms = facts.dispatched_ms or 0
    if facts.not_before_ms is not None and facts.not_before_ms > turn.now.wall_ms:
        # A wall clock that was set back meanwhile makes nobody wait longer than the whole back-off.
        longest = back_off_ms(execution) if execution.failures else int(1000 * LONGEST_FOR_SPACE)
        execution.back_off(min(facts.not_before_ms - turn.now.wall_ms, longest), turn.now)
    world.executions[execution.id] = execution
    owner = run.open.get(facts.owner[1])
    wanted = not facts.stopping and owner is not None and owner.states[facts.owner[2]] is NodeState.QUEUED
    if wanted:  # else it is being stopped, and nobody may join it
        world.restored[facts.owner] = execution
    if wanted and facts.key is not None and run.cache is CacheMode.USE:
        execution.joinable = (facts.key, node_class.id, node.retries)
        world.joinable[execution.joinable] = execution
    agent = world.agents.get(facts.agent_no) if facts.agent_no is not None else None
    if facts.attempt is None or agent is None:
        return
    execution.attempt = facts.attempt
    execution.agent = agent
    agent.attempts[facts.attempt] = execution
    age = max(0, turn.now.wall_ms - (facts.dispatched_ms or turn.now.wall_ms)) / 1000
    execution.dispatched_mono = execution.granted_mono = turn.now.mono - age
    execution.payer.take(node_class.resources, execution.granted_mono)
    world.by_attempt[facts.attempt] = execution
    class_id = node_class.id
    execution.gpus = facts.gpus
    if agent.account.take(node_class.resources, facts.gpus):
        agent.running[class_id] = agent.running.get(class_id, 0) + 1
        moves.restore_execution(execution, Phase.GRANTED)
    else:  # it had been sent ahead of free capacity
        moves.restore_execution(execution, Phase.AHEAD)
        agent.prefetched[class_id][execution] = None


def drop_unwanted(turn: Turn) -> None:
    """Stop executions that nobody wants any more, after everything that is ready found its own again."""
    world = turn.world
    for execution in list(world.executions.values()):
        if execution.subscribers:
            continue
        if execution.agent is None:
            moves.forget_execution(world, execution)
            turn.fx.executions[execution.id] = None
        else:
            moves.stop_execution(world, execution)
    world.restored.clear()


def go_on_ending(turn: Turn) -> None:
    """Go on with what was decided and takes several decisions: kills, whose open children are killed.

    Children that were open without having begun aren't there any more. A run of which no other was left ends now.
    """
    for run in list(turn.world.runs.values()):
        repeating.resume(turn, run)
        trials_over.resume(turn, run)
        if not run.open:
            endings.run_over(turn, run)
        elif run.closed == CLOSED_BY_KILL:
            turn.world.killing.append(run)
