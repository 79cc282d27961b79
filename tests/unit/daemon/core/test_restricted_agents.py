"""Agents that take nodes of some owners only: what they get, who waits, and how that is said."""

from dataclasses import replace

from accio.domain.caps import Cap
from accio.domain.people import parse_person
from accio.domain.states import Cause
from accio.domain.workflows import Constant, NodeDefinition, Workflow
from accio_daemon.core.commands import ChangeCap, ChangeGroups, PathsDigested
from accio_daemon.core.readings.explain import stuck
from accio_daemon.core.readings.forecast import Forecaster
from accio_daemon.core.terms import Pin
from accio_daemon.core.world import Settings
from tests import builders
from tests.simulator.cluster import Cluster
from tests.unit.daemon.core.conftest import MakeCluster
from tests.unit.daemon.core.pools import Engine, pool
from tests.unit.daemon.core.test_deadlines import learn
from tests.unit.daemon.core.test_workload import TEN, seen

ANA, BO = "Ana <ana@example.org>", "Bo <bo@example.org>"
ANAS = ("ana@example.org",)
SWEPT = builders.graph({"A": []}, swept=("A",))
OTHER = builders.graph({"B": []}, swept=("B",))


def at(cluster: Cluster, *agents: str) -> list[str]:
    """Name what is at these agents."""
    return sorted(held.node.split("/")[1] for name in agents for held in cluster.agents[name].attempts.values())


def test_a_restricted_agent_takes_nodes_of_its_owners_only(cluster: Cluster) -> None:
    """Those of others wait beside free capacity, and go to an agent that takes everybody's as soon as there is one."""
    cluster.submit(OTHER, sweep=builders.sweep_of(2), owner=BO)
    cluster.submit(SWEPT, sweep=builders.sweep_of(2), owner=ANA)
    cluster.join("anas", builders.offer(8), owners=ANAS)
    assert at(cluster, "anas") == ["A", "A"]
    cluster.join("open", builders.offer(8))
    assert at(cluster, "open") == ["B", "B"]
    assert at(cluster, "anas") == ["A", "A"]


def test_whose_nodes_an_agent_takes_outlives_the_daemon(cluster: Cluster) -> None:
    """An agent that isn't there after a restart is known for whose it is: nothing of others is said to wait for it."""
    anas = cluster.join("anas", builders.offer(8), owners=ANAS)
    cluster.join("open", builders.offer(8))
    cluster.leave(anas, clean=True)
    cluster.restart()
    agents = cluster.world.agent_names
    assert (agents["anas"].owners, agents["open"].owners) == (frozenset(ANAS), frozenset())
    assert not agents["anas"].serves(cluster.world.owners.of(parse_person(BO)))


def test_an_agent_of_a_group_takes_nodes_of_its_members(cluster: Cluster) -> None:
    """Who joins a group gets a place at once; who leaves it gets no more, and what runs goes on."""
    cluster.submit(OTHER, sweep=builders.sweep_of(3), owner=BO)
    cluster.submit(SWEPT, sweep=builders.sweep_of(1), owner="group:lab")
    cluster.join("labs", builders.offer(2), owners=("group:lab",))
    assert at(cluster, "labs") == []
    cluster.ask(ChangeGroups(groups={"bo@example.org": frozenset({"lab", "other"})}))
    assert at(cluster, "labs") == ["B", "B"]
    cluster.ask(ChangeGroups(groups={}))
    cluster.succeed("0/B")
    assert at(cluster, "labs") == ["B"]


def test_no_node_of_others_is_sent_ahead_to_a_restricted_agent(cluster: Cluster) -> None:
    """Nodes of a class that it executes are sent ahead, but only those of its owners."""
    cluster.join("anas", builders.offer(1), prefetch=8, owners=ANAS)
    cluster.submit(builders.graph({"first": []}), owner=ANA)
    cluster.succeed("first", wall_us=1000)
    cluster.submit(OTHER, sweep=builders.sweep_of(5), owner=BO)
    cluster.submit(SWEPT, sweep=builders.sweep_of(3), owner=ANA)
    assert at(cluster, "anas") == ["A", "A", "A"]


def test_what_an_agent_has_goes_on_when_it_comes_back_with_other_owners(cluster: Cluster) -> None:
    """It isn't taken away, and no more of it is sent."""
    agent = cluster.join("w1", builders.offer(2))
    cluster.submit(OTHER, sweep=builders.sweep_of(4), owner=BO)
    agent.owners = frozenset(ANAS)
    cluster.leave(agent)
    cluster.rejoin(agent)
    assert at(cluster, "w1") == ["B", "B"]
    cluster.succeed("0/B")
    assert at(cluster, "w1") == ["B"]
    agent.owners = frozenset()
    cluster.leave(agent)
    cluster.rejoin(agent)
    assert at(cluster, "w1") == ["B", "B"]


def test_why_tells_whose_nodes_an_agent_takes(cluster: Cluster) -> None:
    """A node that only restricted agents could execute says so, and so does a submission that is watched."""
    run = cluster.submit(OTHER, owner=BO)
    cluster.join("anas", builders.offer(8), owners=(*ANAS, "cy@example.org"))
    told = (
        "no agent that could execute it takes nodes of Bo <bo@example.org>: anas takes only those of ana@example.org, "
        "cy@example.org"
    )
    assert cluster.why(run, 0) == told
    assert stuck(cluster.world, run, None) == f"B waits: {told}"
    cluster.join("small", builders.offer(0.5))
    assert cluster.why(run, 0) == told
    cluster.join("open", builders.offer(1))
    assert stuck(cluster.world, run, None) == ""


def test_a_shared_node_goes_where_one_of_those_who_want_it_is_served(cluster: Cluster) -> None:
    """It counts for whom an agent takes, also if that one joined it later, or its agent did."""
    first = cluster.submit(builders.graph({"A": []}), owner=BO)
    second = cluster.submit(builders.graph({"A": []}), owner=ANA)
    cluster.join("anas", builders.offer(2), owners=ANAS)
    cluster.tick()
    assert at(cluster, "anas") == ["A"]
    cluster.succeed("A")
    assert cluster.run_is_over(first)
    assert cluster.run_is_over(second)
    cluster.submit(OTHER, owner=BO)
    assert at(cluster, "anas") == []
    cluster.submit(OTHER, owner=ANA)
    assert at(cluster, "anas") == ["B"]


def test_a_cap_counts_before_an_agent_does(cluster: Cluster) -> None:
    """Where the one whom an agent takes is capped, a shared node counts for the other, and waits for his agent."""
    cluster.ask(ChangeCap(owner="ana@example.org", cap=Cap(nodes=0)))
    cluster.submit(builders.graph({"A": []}), owner=ANA)
    cluster.submit(builders.graph({"A": []}), owner=BO)
    cluster.join("anas", builders.offer(2), owners=ANAS)
    cluster.tick()
    assert at(cluster, "anas") == []
    cluster.join("open", builders.offer(2))
    assert at(cluster, "open") == ["A"]


def test_no_capacity_of_a_restricted_agent_is_held_back_for_others(make_cluster: MakeCluster) -> None:
    """A large node that waited long gets a reservation at agents that take it, and nowhere else."""
    cluster = make_cluster(settings=Settings(reserve_after=5.0))
    cluster.join("anas", builders.offer(2), owners=ANAS)
    cluster.submit(builders.graph({"one": []}), owner=ANA)
    cluster.submit(builders.graph({"two": []}, demands={"two": builders.offer(2)}), owner=BO)
    cluster.tick(6)
    cluster.submit(builders.graph({"three": []}), owner=ANA)
    assert at(cluster, "anas") == ["one", "three"]


def test_work_of_a_lost_agent_stays_where_others_don_t_take_it(cluster: Cluster) -> None:
    """Who takes only nodes of others can't take it over; who takes everybody's can."""
    lost = cluster.join("w1", builders.offer(1))
    cluster.join("anas", builders.offer(1), owners=ANAS)
    run = cluster.submit(OTHER, owner=BO)
    cluster.vanish(lost)
    assert at(cluster, "anas") == []
    assert "may go on at w1" in cluster.why(run, 0)
    cluster.join("w2", builders.offer(1))
    cluster.tick(cluster.settings.lease + 1)
    assert at(cluster, "w2") == ["B"]


def test_a_restricted_agent_reads_no_inputs_of_others(make_cluster: MakeCluster) -> None:
    """Content is asked of agents that take the run's nodes; `why` says whom it waits for."""
    cluster = make_cluster(operators=(builders.step(kind=builders.DATASET),))
    inputs = {"label": Constant(builders.STRING, '"a"'), "p1": Constant(builders.DATASET, '"/data/in"')}
    run = cluster.submit(Workflow(id="d", graph=(NodeDefinition(op="Step", name="A", inputs=dict(inputs)),)), owner=BO)
    anas = cluster.join("anas", owners=ANAS)
    assert not anas.digests
    assert cluster.why(run, 0) == (
        "waits for an agent that offers Step to read '/data/in': no agent that could execute it takes nodes of "
        "Bo <bo@example.org>: anas takes only those of ana@example.org"
    )
    bos = cluster.join("bos", owners=("bo@example.org",))
    ((request, _),) = bos.digests
    assert bos.session is not None
    pin = Pin(digest="blake3:" + "5" * 64, size=7)
    cluster.ask(PathsDigested(session=bos.session, request=request, digests={"/data/in": pin}))
    assert at(cluster, "bos") == ["A"]
    report = builders.failure(bos.next_seq, next(iter(bos.attempts)), Cause.STAGING, "no such file")
    cluster.ask(bos.telling(bos.end(replace(report, absent=("/data/in",)))))
    assert cluster.state_of(run, "A") == "failed"


def test_agents_of_others_are_no_supply(cluster: Cluster) -> None:
    """A host is asked for though somebody else's agent has room; for its owner's nodes none is."""
    engine = Engine(cluster, pool())
    cluster.join("anas", builders.offer(8), owners=ANAS)
    cluster.submit(OTHER, sweep=builders.sweep_of(2), owner=BO)
    cluster.tick(2)
    assert engine.asked() == [1]


def test_a_run_that_no_agent_takes_never_ends(cluster: Cluster) -> None:
    """Its forecast says so, and what is behind it doesn't wait for it."""
    cluster.join("anas", builders.offer(1), owners=ANAS)
    cluster.submit(OTHER, sweep=builders.sweep_of(50), owner=BO)
    cluster.submit(SWEPT, sweep=builders.sweep_of(2), owner=ANA)
    load = seen(cluster)
    forecaster = Forecaster(load, {operator_no: TEN for operator_no, _ in load.demands})
    bos, anas = (forecaster.serve(run.rests, run.owner) for run in load.runs)
    assert bos.never
    assert bos.why == "no agent that offers Step takes nodes of Bo <bo@example.org>"
    assert anas.low == 20.0


def test_a_host_of_others_isn_t_one_that_lasts_longer(cluster: Cluster) -> None:
    """What needs more time than the hosts have that take it is tried there, though somebody else's lasts longer."""
    learn(cluster, 2000)
    cluster.join("anas", builders.offer(4), owners=ANAS)
    cluster.join("short", builders.offer(1), ends_in=1000)
    cluster.submit(OTHER, owner=BO)
    assert at(cluster, "short") == ["B"]


def test_what_only_hosts_of_others_last_for_fails(cluster: Cluster) -> None:
    """Cut off twice by hosts that last as long as any that take it, it is given up."""
    cluster.join("anas", builders.offer(4), owners=ANAS)
    run = cluster.submit(OTHER, owner=BO)
    for number in range(2):
        agent = cluster.join(f"w{number}", builders.offer(1), ends_in=1000)
        assert at(cluster, agent.name) == ["B"]
        cluster.tick(990)
        cluster.end_time(agent)
    assert "cut it off 2 times" in cluster.cause(run, 0)
