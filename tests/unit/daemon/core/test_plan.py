"""Plans: compiled anywhere, with one registry of classes, and what nodes of one operator share."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from accio.domain.axes import Axis
from accio.domain.datatypes import DATASET, DOUBLE, INTEGER
from accio.domain.operators import InputPort, OperatorSpec, OutputPort
from accio.domain.resources import Resources
from accio.domain.sweeps import Sweep
from accio.domain.workflows import FromNode, FromParam, NodeDefinition, Param, Workflow
from accio_daemon.core.inputs import received
from accio_daemon.core.plan import ClassRegistry, NodePlan, compile_plan
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


def test_what_is_prepared_is_that_of_the_version() -> None:
    """Versions of one operator that differ in a default or in their code alone have plans of their own."""
    workflow = builders.graph({"A": []})

    def keyed(default: str, digest: str) -> tuple[str, bytes]:
        port = InputPort(name="a", type=INTEGER, default=default)
        spec = OperatorSpec(
            name="Step", inputs=(port,), outputs=(OutputPort(name="data", type=INTEGER),), digest=digest
        )
        (node,) = compile_plan(workflow, ONE, (Announced(no=1, spec=spec),), ClassRegistry()).nodes
        assert node.constant is not None
        assert node.keys is not None
        return node.constant.wire, node.keys.key_of(node.constant.key_inputs)

    versions = [("7", "d"), ("8", "d"), ("7", "e")]
    found = [keyed(*version) for version in versions]
    assert [wire for wire, _ in found] == ['{"a":7}', '{"a":8}', '{"a":7}']
    assert len({key for _, key in found}) == 3
    assert [keyed(*version) for version in versions] == found


def test_single_runs_of_one_workflow_share_all_but_their_values() -> None:
    """The plan of a run after another one is what it would be by itself: with its values, given, absent or defaults."""
    ports = [
        InputPort(name=name, type=DOUBLE, optional=True, default=text) for name, text in (("b", "0.5"), ("a", None))
    ]
    output = OutputPort(name="data", type=DOUBLE)
    spec = OperatorSpec(name="Step", inputs=tuple(ports), outputs=(output,), digest="d")
    first = NodeDefinition(name="A", op="Step", inputs={"a": FromParam("i"), "b": FromParam("j")})
    second = NodeDefinition(name="B", op="Step", inputs={"a": FromNode("A", "data")})
    params = (Param(name="i", type=DOUBLE), Param(name="j", type=DOUBLE, default="2.5"))
    workflow = Workflow(id="w", params=params, graph=(first, second))
    operators = (Announced(no=1, spec=spec),) * 2
    shared = ClassRegistry()

    for axes in ({"i": "1.5"}, {"i": "7.0"}, {"i": "null"}, {"i": "1.5", "j": "3.0"}, {"i": "7.0"}, {}):
        sweep = Sweep(tuple(Axis(name, DOUBLE, (text,)) for name, text in axes.items()))
        plan, alone = (compile_plan(workflow, sweep, operators, each) for each in (shared, ClassRegistry()))
        assert plan.nodes[0].bindings == alone.nodes[0].bindings
        assert [_wire(node) for node in plan.nodes] == [_wire(node) for node in alone.nodes]
        assert (plan.order, plan.roots, plan.pending) == (alone.order, alone.roots, alone.pending)
        assert {node.node_class.id for node in plan.nodes} == {1}
    assert len(shared.single) == 3


def _wire(node: NodePlan) -> str | None:
    return None if node.constant is None else node.constant.wire


@pytest.mark.parametrize("texts", [("null",), ("5", "null")])
def test_no_value_is_left_out_or_told(texts: tuple[str, ...]) -> None:
    """An optional input gets nothing; one with a default, which it would have then, gets null. So do their keys."""
    ports = [
        InputPort(name=name, type=DOUBLE, optional=True, default=text) for name, text in (("b", "0.5"), ("a", None))
    ]
    spec = OperatorSpec(name="Step", inputs=tuple(ports), outputs=(), digest="d")
    inputs = {port.name: FromParam("i") for port in ports}
    workflow = Workflow(id="w", graph=(NodeDefinition(name="A", op="Step", inputs=inputs),))
    sweep = Sweep((Axis("i", INTEGER, texts),))
    (node,) = compile_plan(workflow, sweep, (Announced(no=1, spec=spec),), ClassRegistry()).nodes
    found = received(node.bindings, sweep, (len(texts) - 1,), lambda no: None, {})
    assert found is not None
    assert (found.wire, found.key_inputs) == ('{"b":null}', '{"b":null}')
    if len(texts) > 1:
        other = received(node.bindings, sweep, (0,), lambda no: None, {})
        assert other is not None
        assert other.wire == '{"a":5.0,"b":5.0}'


def test_no_dataset_is_pinned_for_no_value() -> None:
    """An input that is a dataset and has none lacks nothing."""
    port = InputPort(name="data", type=DATASET, optional=True, default='"/a"')
    spec = OperatorSpec(name="Step", inputs=(port,), outputs=(), digest="d")
    workflow = Workflow(id="w", graph=(NodeDefinition(name="A", op="Step", inputs={"data": FromParam("d")}),))
    sweep = Sweep((Axis("d", DATASET, ("null", '"/b"')),))
    (node,) = compile_plan(workflow, sweep, (Announced(no=1, spec=spec),), ClassRegistry()).nodes
    none, some = (received(node.bindings, sweep, (at,), lambda no: None, {}) for at in (0, 1))
    assert none is not None
    assert some is not None
    assert (none.key_inputs, list(none.missing), list(some.missing)) == ('{"data":null}', [], ["/b"])
