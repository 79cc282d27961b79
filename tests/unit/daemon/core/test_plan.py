"""Plans: compiled anywhere, with one registry of classes, and what nodes of one operator share."""

from concurrent.futures import ThreadPoolExecutor

from accio.domain.datatypes import INTEGER
from accio.domain.operators import InputPort, OperatorSpec, OutputPort
from accio.domain.resources import Resources
from accio.domain.sweeps import Axis, Sweep
from accio_daemon.core.plan import ClassRegistry, compile_plan
from accio_daemon.core.terms import Announced
from tests import builders

ONE = Sweep((Axis("i", INTEGER, ("1",)),))


def test_threads_get_one_class_for_one_kind() -> None:
    """Plans that are compiled at the same time give equal kinds the same class, and others another."""
    classes = ClassRegistry()
    kinds = [Resources(milli_cpus=number) for number in range(50)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda kind: [classes.get(1, kind, None) for _ in range(20)], kinds * 8))
    assert all(made is each[0] for each in found for made in each)
    assert len({each[0].id for each in found}) == len(kinds)
    assert all(found[at][0] is found[at % len(kinds)][0] for at in range(len(found)))


def test_a_default_is_bound_once_for_all_nodes_of_an_operator() -> None:
    """What a large workflow doesn't give takes no memory per node; an optional port without anything isn't bound."""
    spec = OperatorSpec(
        name="Step",
        inputs=(
            InputPort(name="b", type=INTEGER, default="7"),
            InputPort(name="a", type=INTEGER, optional=True),
        ),
        outputs=(OutputPort(name="data", type=INTEGER),),
        digest="d",
    )
    workflow = builders.graph({"A": [], "B": []})
    plan = compile_plan(workflow, ONE, tuple(Announced(no=1, spec=spec) for _ in workflow.graph), ClassRegistry())
    first, second = plan.nodes
    assert [binding.port for binding in first.bindings] == ["b"]
    assert first.bindings[0] is second.bindings[0]
    assert first.constant is not None
    assert first.constant.wire == '{"b":7}'
