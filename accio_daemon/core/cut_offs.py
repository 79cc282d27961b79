"""What the end of an agent's time cuts off: it costs a node neither a retry nor a loss, and it keeps its place.

Only what hosts that last longest have cut off twice ends, as it would go on like that for ever. What saves checkpoints
gets further each time, so that it may take any number of hosts, and needs none that lasts longer.
"""

from accio.domain.failures import Failure
from accio.domain.states import Cause, NodeState, Phase
from accio_daemon.core import attempts
from accio_daemon.core.checkpoints import saved_by
from accio_daemon.core.effects import ATTEMPT_LOST, AttemptRow
from accio_daemon.core.moves import forget_execution
from accio_daemon.core.needs import NEARLY_ALL, Need
from accio_daemon.core.records import Agent, Execution
from accio_daemon.core.remaining import longest_known, spoken
from accio_daemon.core.turn import Turn

_MOST = 2


def cut_off(turn: Turn, agent: Agent, execution: Execution) -> None:
    """Requeue an execution that the end of its agent's time cut off, or end it if no agent lasts long enough."""
    world = turn.world
    attempt, began_ms = execution.attempt, execution.dispatched_ms
    if not execution.has_grant or attempt is None:
        attempts.lost(turn, agent, execution, agent.reason, counts=False)
        return
    attempts.detach(turn, agent, execution, passes_on=False)
    if execution.phase is Phase.OVER or not execution.subscribers:
        forget_execution(world, execution)
        turn.fx.executions[execution.id] = None
        return
    ran = max(0, turn.now.wall_ms - began_ms) / 1000
    node_class = execution.node_class
    gets_further = saved_by(execution, attempt)
    if not gets_further:
        world.needs.setdefault(node_class.id, Need()).cut_off(min(ran, agent.lasts))
    failure = Failure(
        cause=Cause.WALLTIME, message=f"the time of {agent.name}'s host was over after {spoken(ran)} of it"
    )
    world.fenced.keep(attempt, execution.owner)
    ended_ms = turn.now.wall_ms
    row = AttemptRow(attempt, execution.id, execution.owner, agent.no, ATTEMPT_LOST, failure, began_ms, ended_ms)
    attempts.record(turn, execution, row)
    longest = longest_known(world, node_class.operator_no, execution.payer, agent)
    if gets_further:
        execution.cut_offs = 0
    elif ran >= longest * NEARLY_ALL:
        execution.cut_offs += 1
    if execution.cut_offs >= _MOST:
        message = (
            f"the end of its agent's time cut it off {execution.cut_offs} times, lastly after {spoken(ran)} of "
            f"{spoken(longest)}, and no agent that offers {execution.node.operator.name} has more: ask for a longer "
            "walltime"
        )
        attempts.give_up(turn, execution, NodeState.FAILED, Failure(cause=Cause.CANNOT_BE_PLACED, message=message))
        return
    attempts.requeue(turn, execution)
