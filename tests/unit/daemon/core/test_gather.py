"""Nodes of a sweep itself: they take what all its children gave, once these have ended."""

from collections.abc import Sequence

import pytest

from accio.content.digest import digest_bytes
from accio.domain.children import OWN
from accio.domain.datatypes import parse_type
from accio.domain.jsontext import json_string
from accio.domain.operators import InputPort, OperatorSpec, OutputPort
from accio.domain.resources import Resources
from accio.domain.states import NodeState, RunState
from accio.domain.workflows import Constant, FromChildren, FromNode, FromParam, NodeDefinition, Param, Source, Workflow
from accio_daemon.core.commands import Holding, ValuesGathered
from accio_daemon.core.terms import CacheMode, Gathered, RunNo
from accio_daemon.storage.memo import references
from tests import builders
from tests.simulator.cluster import Cluster
from tests.unit.daemon.core.conftest import MakeCluster

JOIN = OperatorSpec(
    name="Join",
    digest="blake3:" + "7" * 64,
    inputs=(InputPort(name="all", type=parse_type("list(string)")),),
    outputs=(OutputPort(name="data", type=builders.STRING),),
    resources=Resources(),
)


def workflow(*, partial: bool = False) -> Workflow:
    """Make a Step that takes x, a Join of what it gives, and a Step behind that."""
    steps: dict[str, Source] = {"label": Constant(builders.STRING, json_string("A")), "x": FromParam("x")}
    last: dict[str, Source] = {"label": Constant(builders.STRING, json_string("C")), "p1": FromNode("J", "data")}
    return Workflow(
        id="w",
        params=(Param(name="x", type=builders.INTEGER, default="0"),),
        graph=(
            NodeDefinition(op="Step", name="A", inputs=steps),
            NodeDefinition(op="Join", name="J", inputs={"all": FromChildren("A", "data", partial)}),
            NodeDefinition(op="Step", name="C", inputs=last),
        ),
    )


@pytest.fixture
def cluster(make_cluster: MakeCluster) -> Cluster:
    """Make a cluster with an agent that has room for four nodes."""
    cluster = make_cluster(operators=(builders.step(), JOIN))
    cluster.join("w1", builders.offer(4))
    return cluster


def end_children(cluster: Cluster, children: Sequence[int]) -> None:
    """End some children in success."""
    for child in children:
        cluster.succeed(f"{child}/A")


def states(cluster: Cluster, run: RunNo) -> tuple[str, str]:
    """Return how the Join and the Step behind it are."""
    found = cluster.nodes(run, OWN)
    return found["J"], found["C"]


def received(cluster: Cluster, node: str) -> str:
    """Return the inputs that an agent got for a node."""
    agent = cluster.holder(node)
    return agent.attempts[agent.attempt_of(node)].assignment.inputs


def test_it_runs_once_all_children_have_ended(cluster: Cluster) -> None:
    """It takes their values in the order of the sweep, whichever ended first, and its successors follow."""
    run = cluster.submit(workflow(), sweep=builders.sweep_of(3))
    end_children(cluster, [2, 0])
    assert cluster.why(run, 1, OWN) == "waits for 1 of 3 children to end"
    end_children(cluster, [1])
    assert received(cluster, "J") == '{"all":["0/A","1/A","2/A"]}'
    cluster.succeed("J")
    cluster.succeed("C")
    assert cluster.run_is_over(run)
    assert cluster.state(run) is RunState.SUCCESS
    assert states(cluster, run) == ("success", "success")


def test_equal_values_are_gathered_once(cluster: Cluster) -> None:
    """It is memoized like any node, by the values: a sweep in another order of submission gives the same key."""
    first = cluster.submit(workflow(), sweep=builders.sweep_of(2))
    end_children(cluster, [0, 1])
    cluster.succeed("J")
    cluster.succeed("C")
    second = cluster.submit(workflow(), sweep=builders.sweep_of(2), seed=7)
    assert cluster.run_is_over(second)
    assert cluster.disk.rows("SELECT node, cached FROM nodes WHERE run_no = ? AND idx = -1", second) == [(1, 1), (2, 1)]
    assert cluster.run_is_over(first)


def test_a_failed_child_cancels_it(cluster: Cluster) -> None:
    """The reason says how many failed and what to do; the sweep has failed."""
    run = cluster.submit(workflow(), sweep=builders.sweep_of(3))
    end_children(cluster, [0, 1])
    cluster.fail("2/A")
    assert cluster.run_is_over(run)
    assert cluster.state(run) is RunState.FAILED
    assert states(cluster, run) == ("cancelled", "cancelled")
    assert "1 of 3 did not succeed" in cluster.cause(run, 1, OWN)


def test_partial_takes_what_there_is(cluster: Cluster) -> None:
    """Children that failed are left out; the sweep has failed all the same."""
    run = cluster.submit(workflow(partial=True), sweep=builders.sweep_of(3))
    end_children(cluster, [0, 2])
    cluster.fail("1/A")
    assert received(cluster, "J") == '{"all":["0/A","2/A"]}'
    cluster.succeed("J")
    cluster.succeed("C")
    assert cluster.run_is_over(run)
    assert cluster.state(run) is RunState.FAILED


@pytest.mark.parametrize("partial", [False, True])
def test_a_retried_child_lets_it_begin_anew(cluster: Cluster, partial: bool) -> None:
    """What was gathered without a child is gathered again with it."""
    run = cluster.submit(workflow(partial=partial), sweep=builders.sweep_of(2))
    end_children(cluster, [0])
    cluster.fail("1/A")
    if partial:
        cluster.succeed("J")
        cluster.succeed("C")
    assert cluster.run_is_over(run)
    assert cluster.retry(run)
    assert cluster.nodes(run, OWN)["J"] == "none", "it waits for the child"
    end_children(cluster, [1])
    assert received(cluster, "J") == '{"all":["0/A","1/A"]}'
    cluster.succeed("J", output='"of both"')
    cluster.succeed("C")
    assert cluster.run_is_over(run)
    assert cluster.state(run) is RunState.SUCCESS


def test_a_child_that_is_retried_takes_it_from_its_agent(cluster: Cluster) -> None:
    """A gather that runs without a child is stopped once that child goes on, and runs again with it."""
    run = cluster.submit(workflow(partial=True), sweep=builders.sweep_of(2))
    end_children(cluster, [0])
    cluster.fail("1/A")
    agent = cluster.holder("J")
    assert cluster.retry(run, 1)
    cluster.ask(agent.telling(*agent.answer_stops()))
    end_children(cluster, [1])
    assert received(cluster, "J") == '{"all":["0/A","1/A"]}'


def test_retrying_it_alone_keeps_what_succeeded(cluster: Cluster) -> None:
    """Children and own nodes that succeeded aren't executed again."""
    run = cluster.submit(workflow(), sweep=builders.sweep_of(2))
    end_children(cluster, [0, 1])
    cluster.succeed("J")
    cluster.fail("C")
    assert cluster.run_is_over(run)
    assert cluster.state(run) is RunState.FAILED
    assert cluster.retry(run)
    assert states(cluster, run) == ("success", "running")
    cluster.succeed("C")
    assert cluster.run_is_over(run)
    assert cluster.state(run) is RunState.SUCCESS


def test_a_restart_gathers_again_or_goes_on(cluster: Cluster) -> None:
    """Whether it waits, gathers or runs: after the daemon's death it goes on with the same values."""
    run = cluster.submit(workflow(), sweep=builders.sweep_of(2))
    end_children(cluster, [0])
    cluster.restart()
    cluster.rejoin(cluster.agents["w1"])
    end_children(cluster, [1])
    cluster.restart()
    agent = cluster.agents["w1"]
    cluster.rejoin(agent, held=dict.fromkeys(agent.attempts, Holding.RUNNING))
    assert received(cluster, "J") == '{"all":["0/A","1/A"]}'
    cluster.succeed("J")
    cluster.succeed("C")
    assert cluster.state(run) is RunState.SUCCESS


def test_a_kill_ends_it(cluster: Cluster) -> None:
    """While children run it is cancelled, once it runs it is killed."""
    early = cluster.submit(workflow(), sweep=builders.sweep_of(2))
    cluster.kill(early)
    assert cluster.state(early) is RunState.KILLED
    assert cluster.run_is_over(early)
    agent = cluster.agents["w1"]
    cluster.ask(agent.telling(*agent.answer_stops()))
    late = cluster.submit(workflow(), sweep=builders.sweep_of(2))
    end_children(cluster, [0, 1])
    cluster.kill(late)
    assert cluster.state(late) is RunState.KILLED
    assert states(cluster, late) == ("killed", "cancelled")


def test_deleting_the_last_child_takes_it_along(cluster: Cluster) -> None:
    """Nothing of the sweep is left, though a node of its own is running."""
    run = cluster.submit(workflow(), sweep=builders.sweep_of(2))
    end_children(cluster, [0, 1])
    assert cluster.state_of(run, "J", OWN) is NodeState.RUNNING
    cluster.delete(run, 0)
    assert cluster.exists(run)
    cluster.delete(run, 1)
    assert not cluster.exists(run)
    assert cluster.disk.rows("SELECT count(*) FROM gathered") == [(0,)]


def test_a_deleted_child_is_not_waited_for(cluster: Cluster) -> None:
    """What it would have given isn't gathered."""
    run = cluster.submit(workflow(), sweep=builders.sweep_of(3))
    end_children(cluster, [0, 2])
    cluster.delete(run, 1)
    assert received(cluster, "J") == '{"all":["0/A","2/A"]}'


def test_a_single_run_gathers_one_value(cluster: Cluster) -> None:
    """There it is a node like the others."""
    run = cluster.submit(workflow())
    cluster.succeed("A")
    assert received(cluster, "J") == '{"all":["A"]}'
    cluster.succeed("J")
    cluster.succeed("C")
    assert cluster.nodes(run) == {"A": "success", "J": "success", "C": "success"}
    assert cluster.run_is_over(run)


def test_a_failure_to_gather_is_told(cluster: Cluster) -> None:
    """What can't be read fails the node, as its staging did, and cancels what is behind it."""
    cluster.daemon.outside.gathered = lambda request: ValuesGathered(  # type: ignore[method-assign]  # a store that fails
        request=request.number, value=None, problem="the blob is gone"
    )
    run = cluster.submit(workflow(), sweep=builders.sweep_of(2))
    end_children(cluster, [0, 1])
    assert cluster.run_is_over(run)
    assert states(cluster, run) == ("failed", "cancelled")
    assert "the blob is gone" in cluster.cause(run, 1, OWN)


def test_what_was_gathered_is_kept_as_long_as_its_sweep(cluster: Cluster) -> None:
    """A list that is a blob, or a folder, is referred to by the run alone: gc must not take it from under a node."""
    blob, folder = digest_bytes(b"a long list"), digest_bytes(b"a folder")
    values = iter([Gathered(blob=(blob, 11), count=2), Gathered(text=json_string(folder), count=2)])
    cluster.daemon.outside.gathered = lambda request: ValuesGathered(  # type: ignore[method-assign]  # a store that has both
        request=request.number, value=next(values)
    )
    runs = []
    for seed in (1, 2):
        runs.append(cluster.submit(workflow(), sweep=builders.sweep_of(2), seed=seed, cache=CacheMode.NONE))
        end_children(cluster, [0, 1])
    assert references(cluster.disk.connection).pinned == {blob, folder}
    cluster.delete(runs[0])
    assert references(cluster.disk.connection).pinned == {folder}
