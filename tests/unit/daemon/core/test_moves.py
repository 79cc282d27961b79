"""Only legal moves are made, and what is counted by state moves along."""

from collections.abc import Callable

import pytest

from accio.domain.states import IllegalMove, NodeState, Phase, RunState
from accio_daemon.core import moves
from tests import builders
from tests.simulator.cluster import Cluster

PAIR = builders.graph({"A": [], "B": ["A"]})


def test_an_illegal_move_changes_nothing(cluster: Cluster) -> None:
    """A node, a child, a run and an execution stay where they are, and so do their counters."""
    cluster.join("w1")
    run = cluster.run(cluster.submit(PAIR))
    instance = run.open[0]
    (execution,) = cluster.world.by_attempt.values()
    illegal: list[Callable[[], None]] = [
        lambda: moves.move_node(instance, 1, NodeState.RUNNING),
        lambda: moves.move_instance(instance, RunState.SCHEDULED),
        lambda: moves.move_run(run, RunState.SCHEDULED),
        lambda: moves.move_execution(cluster.world, execution, Phase.QUEUED),
        lambda: moves.restore_node(instance, 0, NodeState.SUCCESS),
        lambda: moves.restore_instance(instance, RunState.FAILED),
        lambda: moves.restore_run(run, RunState.FAILED),
        lambda: moves.restore_execution(execution, Phase.AHEAD),
    ]
    for move in illegal:
        with pytest.raises(IllegalMove):
            move()
        cluster.check()
    assert instance.states == [NodeState.RUNNING, NodeState.WAITING]
    assert (instance.state, run.state, execution.phase) == (RunState.RUNNING, RunState.RUNNING, Phase.GRANTED)


def test_deleting_a_child_leaves_its_successes(cluster: Cluster) -> None:
    """What ended well in a child that is deleted stays a success, what runs is killed, what waits is cancelled."""
    agent = cluster.join("w1", builders.offer(1))
    three = builders.graph({"A": [], "B": ["A"], "C": ["B"]}, swept=("A",))
    no = cluster.submit(three, sweep=builders.sweep_of(2))
    cluster.succeed(agent.running()[0])
    instance = cluster.run(no).open[0]
    assert instance.states[0] is NodeState.SUCCESS
    cluster.delete(no, 0)
    assert instance.states[0] is NodeState.SUCCESS
    assert NodeState.SUCCESS not in instance.states[1:]
    assert cluster.run(no).nodes_ended[NodeState.SUCCESS] == 0


def test_a_parent_that_lost_its_failed_child_has_succeeded(cluster: Cluster) -> None:
    """Deleting the only child that failed turns an ended parent from failed into success."""
    agent = cluster.join("w1", builders.offer(2))
    no = cluster.submit(builders.graph({"A": []}, swept=("A",)), sweep=builders.sweep_of(2))
    first, second = sorted(agent.running())
    cluster.fail(first)
    cluster.succeed(second)
    assert cluster.state(no) is RunState.FAILED
    cluster.delete(no, 0)
    assert cluster.state(no) is RunState.SUCCESS
