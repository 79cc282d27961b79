"""What attempts save for the next one: who may, who finds it, when it goes."""

import pytest

from accio.domain.states import Cause
from accio_daemon.core.commands import AgentSaved
from accio_daemon.core.terms import AttemptNo, Checkpoint
from tests import builders
from tests.simulator.cluster import Cluster
from tests.unit.daemon.core.conftest import MakeCluster

DIGEST = "blake3:" + "a" * 64
OTHER = "blake3:" + "b" * 64


def save(cluster: Cluster, agent: str, attempt: AttemptNo, digest: str = DIGEST) -> None:
    """Say that an attempt saved a checkpoint."""
    session = cluster.agents[agent].session
    assert session is not None
    cluster.ask(AgentSaved(session=session, attempt=attempt, digest=digest, size=3, saved_ms=1))


def only(cluster: Cluster, agent: str) -> tuple[AttemptNo, Checkpoint | None]:
    """Return the only attempt that an agent has, and what it finds."""
    ((number, held),) = cluster.agents[agent].attempts.items()
    return number, held.assignment.checkpoint


def kept(cluster: Cluster) -> int:
    """Count the checkpoints in the database."""
    count: int = cluster.disk.connection.execute("SELECT count(*) FROM checkpoints").fetchone()[0]
    return count


@pytest.fixture
def cluster(make_cluster: MakeCluster) -> Cluster:
    """Make a cluster whose operator is tried several times."""
    return make_cluster(operators=(builders.step(retries=3),))


def test_the_next_attempt_finds_what_the_one_before_saved(cluster: Cluster) -> None:
    """A failure that is retried, a lost agent and a restart of the daemon leave what was saved last."""
    cluster.join("a", builders.offer(1))
    cluster.submit(builders.graph({"t": []}))
    number, found = only(cluster, "a")
    assert found is None
    save(cluster, "a", number, OTHER)
    save(cluster, "a", number)
    cluster.fail("t", Cause.EXCEPTION)
    number, found = only(cluster, "a")
    assert found is not None
    assert (found.digest, found.number) == (DIGEST, 1)
    cluster.lose(cluster.agents["a"])
    cluster.restart()
    cluster.join("b", builders.offer(1))
    _, found = only(cluster, "b")
    assert found is not None
    assert found.digest == DIGEST


def test_an_old_attempt_saves_nothing_any_more(cluster: Cluster) -> None:
    """What an attempt says that isn't the current one of its node changes nothing."""
    cluster.join("a", builders.offer(1))
    cluster.submit(builders.graph({"t": []}))
    old, _ = only(cluster, "a")
    cluster.fail("t", Cause.EXCEPTION)
    current, _ = only(cluster, "a")
    save(cluster, "a", current)
    save(cluster, "a", old, OTHER)
    cluster.fail("t", Cause.EXCEPTION)
    _, found = only(cluster, "a")
    assert found is not None
    assert (found.digest, found.number) == (DIGEST, 2)


def test_success_removes_it(cluster: Cluster) -> None:
    """Once a node has succeeded nothing of what it saved is kept."""
    cluster.join("a", builders.offer(1))
    cluster.submit(builders.graph({"t": []}))
    number, _ = only(cluster, "a")
    save(cluster, "a", number)
    assert kept(cluster)
    cluster.succeed("t")
    assert not kept(cluster)


def test_a_failed_node_finds_it_when_a_user_retries_it(cluster: Cluster) -> None:
    """It stays with the node that failed for good, through restarts, until its run is deleted."""
    cluster.join("a", builders.offer(1))
    run = cluster.submit(builders.graph({"t": []}))
    for _ in range(4):
        number, _ = only(cluster, "a")
        save(cluster, "a", number)
        cluster.fail("t", Cause.EXCEPTION)
    assert cluster.run_is_over(run)
    cluster.restart()
    cluster.rejoin(cluster.agents["a"])
    assert cluster.retry(run)
    _, found = only(cluster, "a")
    assert found is not None
    assert found.number == 4
    assert cluster.delete(run)
    assert not kept(cluster)


def test_who_goes_on_with_a_shared_execution_inherits_it(cluster: Cluster) -> None:
    """The node that an execution was begun for leaves: another one that waits for it has what was saved."""
    first = cluster.submit(builders.graph({"t": []}, id="w1"))
    cluster.submit(builders.graph({"t": []}, id="w2"))
    cluster.join("a", builders.offer(1))
    number, _ = only(cluster, "a")
    save(cluster, "a", number)
    cluster.kill(first)
    cluster.fail("t", Cause.EXCEPTION)
    _, found = only(cluster, "a")
    assert found is not None
    assert found.digest == DIGEST


def test_what_gets_further_may_take_any_number_of_hosts(cluster: Cluster) -> None:
    """A node that saved something before the end of its host's time is no case for a longer walltime."""
    run = cluster.submit(builders.graph({"t": []}))
    for number in range(4):
        agent = cluster.join(f"w{number}", builders.offer(1), ends_in=1000)
        attempt, _ = only(cluster, agent.name)
        cluster.tick(990)
        save(cluster, agent.name, attempt)
        cluster.end_time(agent)
    assert not cluster.run_is_over(run)
    assert cluster.queue() == ["t"]
