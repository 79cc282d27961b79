"""What a node receives is one thing for the scheduler, for dry runs and for people who look."""

import pytest

from accio.domain.datatypes import STRING, parse_type
from accio.domain.sweeps import Sweep
from accio_daemon.core.plan import ClassRegistry, compile_plan
from accio_daemon.core.terms import CacheMode, RunNo
from accio_daemon.storage.nodes.node_inputs import effective_inputs, read_results
from accio_daemon.storage.runs.runs_query import Found, get_run
from accio_daemon.storage.submitting.dry_run import Subject, dry_run
from tests import builders
from tests.simulator.cluster import Cluster

# An output, with the name of its node; and one that looks like what stands in a key for a long value.
NAMED, FORGED = '"NODE"', '{"blake3":"NODE"}'
MAPS = builders.step("Maps", digest="2", kind=parse_type("map(string,string)"))
RANDOM = builders.step("Random", digest="3", unstable=True)
LINE = {"A": [], "B": ["A"], "C": ["B"]}


def executed(cluster: Cluster, op: str, sweep: Sweep, output: str) -> RunNo:
    """Execute every node of a line of three, which the sweep reaches from its middle on."""
    agent = cluster.join("w1", builders.offer(8))
    no = cluster.submit(builders.graph(LINE, op=op, swept=("B",)), sweep=sweep)
    while running := agent.running():
        cluster.succeed(running[0], output.replace("NODE", running[0]))
    return no


@pytest.mark.parametrize(
    ("op", "output", "children"),
    [("Step", NAMED, 1), ("Step", NAMED, 3), ("Maps", FORGED, 3), ("Random", NAMED, 1), ("Random", NAMED, 3)],
)
def test_a_dry_run_finds_what_was_executed(op: str, output: str, children: int) -> None:
    """The keys that a dry run looks up are those under which the core stored results, whatever the inputs look like."""
    cluster = Cluster(operators=(builders.step(), MAPS, RANDOM))
    try:
        sweep = builders.sweep_of(children)
        executed(cluster, op, sweep, output)
        workflow = builders.graph(LINE, op=op, swept=("B",))
        plan = compile_plan(workflow, sweep, cluster.pinned(workflow), ClassRegistry())
        subject = Subject(sweep=sweep, plan=plan, seed=1, cache=CacheMode.USE, pins={})
        found = dry_run(cluster.disk.connection, subject)
        assert found.cached == found.distinct
        assert found.distinct == len(cluster.disk.rows("SELECT 1 FROM results"))
        assert not found.unknown
    finally:
        cluster.close()


def test_people_see_what_a_node_received(cluster: Cluster) -> None:
    """The inputs that a node's view shows are the document that its agent was sent."""
    no = executed(cluster, "Step", builders.sweep_of(2), '"a"')
    run = get_run(cluster.disk.connection, no)
    assert run is not None
    workflow = builders.graph(LINE, swept=("B",))
    plan = compile_plan(workflow, run.sweep, cluster.pinned(workflow), ClassRegistry())
    results = read_results(cluster.disk.connection, Found(run=run, index=1))
    shown = effective_inputs(run, plan.nodes[1], run.sweep.coordinates(1)[0], results.get)
    assert {port: value.text for port, value in shown.items()} == {"label": '"B"', "p1": '"a"', "x": "1"}
    assert shown["p1"].type == STRING
    ((stored,),) = cluster.disk.rows("SELECT inputs FROM results WHERE run_no = ? AND idx = 1 AND node = 1", no)
    assert stored == '{"label":"B","p1":"a","x":1}'
