"""Placing: what fits where, reservations against starvation, GPUs, counters, and what can never be placed."""

import pytest

from accio.domain.resources import Resources
from accio.domain.workflows import Workflow
from accio_daemon.core import reactor, readying
from accio_daemon.core.commands import DrainAgent
from accio_daemon.core.effects import Effects
from accio_daemon.core.ledger import Account, LedgerError
from accio_daemon.core.placement import PLACED_AT_ONCE
from accio_daemon.core.readings import explain
from accio_daemon.core.turn import Turn
from accio_daemon.core.world import Settings
from tests import builders
from tests.simulator.cluster import Cluster
from tests.unit.daemon.core.conftest import MakeCluster


def needs(name: str, **demand: int) -> Workflow:
    """Make a workflow of one node with this demand."""
    cpus = demand.pop("cpus", 1)
    return builders.graph({name: []}, demands={name: builders.offer(cpus, **demand)})


def where(cluster: Cluster) -> dict[str, str]:
    """Return which agent holds which node."""
    return {held.node.split("/")[1]: name for name, a in cluster.agents.items() for held in a.attempts.values()}


def test_whatever_fits_starts_at_once(cluster: Cluster) -> None:
    """A node that doesn't fit now doesn't block later ones that do."""
    cluster.join("w1", builders.offer(2))
    for name, cpus in (("t1", 1), ("t2", 2), ("t3", 1)):
        cluster.submit(needs(name, cpus=cpus))
    assert where(cluster) == {"t1": "w1", "t3": "w1"}
    assert cluster.queue() == ["t2"]


def test_the_least_loaded_agent_is_chosen_then_the_first_by_name(cluster: Cluster) -> None:
    """Equal loads go by name; a larger machine with the same work is less loaded."""
    for name, cpus in (("w2", 2), ("w1", 2), ("w3", 4)):
        cluster.join(name, builders.offer(cpus))
    for number in range(1, 6):
        cluster.submit(needs(f"t{number}"))
    assert where(cluster) == {"t1": "w1", "t2": "w2", "t3": "w3", "t4": "w3", "t5": "w1"}


def test_a_step_assigns_a_portion(cluster: Cluster) -> None:
    """It says that there may be more, and the next ones go on where it stopped."""
    agent = cluster.join("w1", builders.offer(20))
    turn = Turn(cluster.world, Effects(), cluster.clock.now())
    sweep = builders.sweep_of(9)
    reactor.handle(turn, cluster.submission(builders.graph({"A": []}, swept=("A",)), sweep=sweep))
    reactor.advance(turn)
    readying.resolve(turn, {})
    (record,) = cluster.world.agents.values()
    assigned = []
    for _ in range(4):
        more = reactor.advance(turn, settling=4)
        assigned.append((len(record.attempts), more))
    assert assigned == [(4, True), (8, True), (9, False), (9, False)]
    assert agent.session == record.session


def test_an_agent_that_takes_more_than_a_step_assigns_gets_all_of_it(cluster: Cluster) -> None:
    """What waited for an agent that has come is remembered from one step to the next, whatever stands before it."""
    small = cluster.join("w1", builders.offer(1))
    many = PLACED_AT_ONCE + 10
    cluster.submit(builders.graph({"A": []}, swept=("A",)), sweep=builders.sweep_of(many))
    cluster.submit(needs("large", cpus=3))
    assert len(small.running()) == 1
    large = cluster.join("w2", builders.offer(many + 3))
    assert len(large.running()) == many
    assert cluster.queue() == []


def test_agents_that_have_the_inputs_come_first(make_cluster: MakeCluster) -> None:
    """A node goes where most bytes of its datasets are, whatever the load."""
    cluster = make_cluster(operators=(builders.step(kind=builders.DATASET),))
    digest = "blake3:" + "7" * 64
    cluster.join("w1", builders.offer(4))
    cluster.join("w2", builders.offer(4))
    cluster.submit(builders.graph({"busy": []}))
    cluster.submit(builders.graph({"make": []}))
    assert where(cluster) == {"busy": "w1", "make": "w2"}
    cluster.succeed("busy", f'"{"blake3:" + "8" * 64}"')
    cluster.submit(builders.graph({"make": [], "use": ["make"], "more": []}))
    cluster.succeed("make", f'"{digest}"', contents=[(digest, 1000)])
    assert where(cluster)["use"] == "w2"


@pytest.mark.parametrize("demand", [{"memory": 6}, {"disk": 6}, {"gpus": 2}, {"licence": 2}])
def test_no_resource_is_over_committed(cluster: Cluster, demand: dict[str, int]) -> None:
    """Memory, disk, GPUs and custom counters are reserved like CPUs."""
    cluster.join("w1", builders.offer(8, memory=10, disk=10, gpus=3, licence=3))
    cluster.submit(needs("t1", **demand))
    cluster.submit(needs("t2", **demand))
    assert where(cluster) == {"t1": "w1"}
    cluster.succeed("t1")
    assert where(cluster) == {"t2": "w1"}


def test_gpus_are_assigned_by_index_and_kept(cluster: Cluster) -> None:
    """Nobody else gets an index in use, not after a re-join or a restart either."""
    agent = cluster.join("w1", builders.offer(8, gpus=3))
    for name, gpus in (("t1", 1), ("t2", 1), ("t3", 1)):
        cluster.submit(needs(name, gpus=gpus))
    given = {held.node.split("/")[1]: held.assignment.gpus for held in agent.attempts.values()}
    assert given == {"t1": (0,), "t2": (1,), "t3": (2,)}
    cluster.succeed("t1")
    cluster.rejoin(agent)
    cluster.succeed("t3")
    cluster.restart()
    cluster.rejoin(agent)
    cluster.submit(needs("t4", gpus=2))
    assert agent.attempts[agent.attempt_of("t4")].assignment.gpus == (0, 2)


def test_a_large_node_cant_starve(make_cluster: MakeCluster) -> None:
    """Past its wait it gets a reservation on the agent that needs the least to be freed; later nodes take the rest."""
    cluster = make_cluster(settings=Settings(reserve_after=10))
    cluster.join("w1", builders.offer(4))
    cluster.join("w2", builders.offer(4))
    for name in ("s1", "s2", "s3", "s4", "s5"):
        cluster.submit(needs(name))
    large = cluster.submit(needs("large", cpus=3))
    cluster.tick(11)
    assert cluster.why(large, 0).startswith("capacity of w2 is held back for it until there is room for 3 CPUs")
    cluster.submit(needs("s6"))
    cluster.submit(needs("s7"))
    assert where(cluster)["s6"] == "w1"
    assert cluster.queue() == ["large", "s7"]
    for name in [name for name, agent in where(cluster).items() if agent == "w2"]:
        cluster.succeed(name)
        cluster.tick()
    assert where(cluster)["large"] == "w2"
    assert cluster.world.holding == set()


@pytest.mark.parametrize("how", ["lost", "draining", "killed"])
def test_a_reservation_is_given_up_with_its_reason(make_cluster: MakeCluster, how: str) -> None:
    """When the agent goes or drains another one is chosen; when the node goes the capacity is free."""
    cluster = make_cluster(settings=Settings(reserve_after=5))
    cluster.join("w1", builders.offer(2))
    cluster.join("w2", builders.offer(2))
    for name in ("s1", "s2"):
        cluster.submit(needs(name))
    large = cluster.submit(needs("large", cpus=2))
    cluster.tick(6)
    (held,) = cluster.world.holding
    if how == "lost":
        cluster.leave(cluster.agents[held.name])
    elif how == "draining":
        cluster.ask(DrainAgent(name=held.name, draining=True))
    else:
        cluster.kill(large)
    cluster.tick(1)
    if how == "killed":
        assert cluster.world.holding == set()
        cluster.submit(needs("s3"))
        cluster.submit(needs("s4"))
        assert cluster.queue() == []
    else:
        (other,) = cluster.world.holding
        assert other is not held


def test_a_reservation_is_for_the_first_of_its_class(make_cluster: MakeCluster) -> None:
    """A node that returns to an earlier place takes what is held back for a later one: nobody waits for ever."""
    cluster = make_cluster(settings=Settings(reserve_after=5))
    first = cluster.join("w1", builders.offer(2))
    cluster.submit(needs("early", cpus=2))
    assert first.holds("early")
    cluster.join("w2", builders.offer(2))
    cluster.submit(needs("s1"))
    cluster.submit(needs("late", cpus=2))
    cluster.tick(6)
    assert [agent.name for agent in cluster.world.holding] == ["w2"]
    cluster.leave(first, clean=True)
    first.attempts.clear()
    cluster.tick(1)
    cluster.succeed("s1")
    assert where(cluster) == {"early": "w2"}


def test_what_no_agent_can_ever_give_fails_after_a_lease(cluster: Cluster) -> None:
    """Not before: an agent that can may be about to join."""
    cluster.join("w1", builders.offer(4))
    run = cluster.submit(needs("huge", cpus=64))
    cluster.tick(10)
    assert cluster.state_of(run, "huge") == "queued"
    assert cluster.why(run, 0) == "needs 64 CPUs; the largest agent that offers Step has 4 CPUs"
    cluster.tick(6)
    assert cluster.state_of(run, "huge") == "failed"
    assert "cannot be placed" in cluster.cause(run, 0)


def test_each_agent_may_lack_something_else(cluster: Cluster) -> None:
    """What one has enough of isn't named, unless none has enough of anything that is asked for together."""
    cluster.join("w1", builders.offer(64, memory=10))
    cluster.join("w2", builders.offer(2, memory=90))
    demand = Resources(milli_cpus=8000, memory=100)
    assert demand.shortage(agent.resources for agent in cluster.world.agents.values()) == "90 B of memory"
    run = cluster.submit(needs("both", cpus=8, memory=50))
    assert "each agent that offers Step has too little of something" in cluster.why(run, 0)


def test_a_remembered_agent_is_waited_for(cluster: Cluster) -> None:
    """An agent that is away may come back, until it is removed."""
    large = cluster.join("w1", builders.offer(64))
    cluster.join("w2", builders.offer(4))
    cluster.leave(large, clean=True)
    cluster.restart()
    run = cluster.submit(needs("huge", cpus=64))
    cluster.tick(60)
    assert cluster.state_of(run, "huge") == "queued"


def test_without_an_agent_of_the_operator_a_node_waits_and_says_so(make_cluster: MakeCluster) -> None:
    """Nobody offers it: that is no reason to fail."""
    cluster = make_cluster(operators=(builders.step(), builders.step("NoIn", digest="9")))
    cluster.join("w1", builders.offer(8), operators=(builders.step(),))
    run = cluster.submit(builders.graph({"t1": []}, op="NoIn"))
    cluster.tick(60)
    assert cluster.state_of(run, "t1") == "queued"
    assert "NoIn" in cluster.why(run, 0)


def test_an_agent_that_offers_less_than_before_isnt_over_committed(cluster: Cluster) -> None:
    """What runs beyond the new offer goes on; nothing more is placed until it has ended."""
    agent = cluster.join("w1", builders.offer(2))
    for name in ("t1", "t2", "t3"):
        cluster.submit(needs(name))
    agent.resources = builders.offer(1)
    cluster.rejoin(agent)
    assert sorted(where(cluster)) == ["t1", "t2"]
    cluster.succeed("t2")
    assert sorted(where(cluster)) == ["t1"]
    cluster.succeed("t1")
    assert sorted(where(cluster)) == ["t3"]


# --- the ledger -----------------------------------------------------------------------------------------------------


def test_the_ledger_refuses_overdraft_and_double_release() -> None:
    """Both are bugs of the caller, and change nothing."""
    account = Account.of(builders.offer(2, memory=10, gpus=2, licence=1))
    demand = builders.offer(2, memory=10, gpus=1, licence=1)
    gpus = account.reserve(demand)
    before = repr(account)
    for refused in (Resources(milli_cpus=1), builders.offer(0, gpus=2), builders.offer(0, licence=1)):
        with pytest.raises(LedgerError, match="doesn't fit"):
            account.reserve(refused)
    with pytest.raises(LedgerError, match="aren't reserved"):
        account.release(demand, (1,))
    assert repr(account) == before
    account.release(demand, gpus)
    with pytest.raises(LedgerError, match="isn't reserved"):
        account.release(demand, gpus)
    assert account.used() == Resources(milli_cpus=0)


def test_the_ledger_takes_assigned_gpus_or_nothing() -> None:
    """GPUs that are in use, or that the machine doesn't have, can't be taken again."""
    account = Account.of(builders.offer(4, gpus=2))
    demand = builders.offer(1, gpus=1)
    assert account.take(demand, (1,))
    assert not account.take(demand, (1,))
    assert not account.take(demand, (5,))
    assert account.reserve(demand) == (0,)
    assert account.used() == builders.offer(2, gpus=2)


def test_who_watches_a_large_run_looks_at_kinds_of_demands(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a run is stuck is found by kinds of demands, not node by node; what is hopeless is told all the same."""
    cluster.join("w1", builders.offer(2))
    nodes = {f"t{number}": list[str]() for number in range(200)}
    run = cluster.submit(builders.graph(nodes))
    looks: list[Resources] = []
    could_fit = Account.could_ever_fit

    def counting(account: Account, demand: Resources) -> bool:
        looks.append(demand)
        return could_fit(account, demand)

    monkeypatch.setattr(Account, "could_ever_fit", counting)
    assert explain.stuck(cluster.world, run, None) == ""
    assert len(looks) == 1
    large = cluster.submit(builders.graph({"small": [], "large": []}, demands={"large": builders.offer(9)}))
    assert explain.stuck(cluster.world, run, None) == ""
    assert explain.stuck(cluster.world, large, None).startswith("large waits: needs 9 CPUs")
    assert explain.stuck(cluster.world, large, 1) == ""
