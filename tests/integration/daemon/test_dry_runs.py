"""A dry run's closed form agrees with counting every node of every child."""

import sqlite3
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from accio.domain.axes import Axis
from accio.domain.datatypes import DOUBLE
from accio.domain.operators import InputPort, OperatorSpec, OutputPort
from accio.domain.sweeps import Sweep
from accio.domain.workflows import Constant, FromChildren, FromNode, FromParam, NodeDefinition, Param, Source, Workflow
from accio_daemon.core.plan import ClassRegistry, compile_plan
from accio_daemon.core.terms import Announced, CacheMode
from accio_daemon.storage.file.database import migrations
from accio_daemon.storage.submitting.dry_run import Subject, dry_run

PORTS = ("p", "q")
STABLE, DRAWING = (
    OperatorSpec(
        name=name,
        digest=f"blake3:{letter * 64}",
        unstable=name == "Drawing",
        inputs=tuple(InputPort(name=port, type=DOUBLE, default="0.0") for port in PORTS),
        outputs=(OutputPort(name="value", type=DOUBLE),),
    )
    for name, letter in (("Stable", "a"), ("Drawing", "b"))
)


@st.composite
def workflows(draw: st.DrawFn) -> tuple[Workflow, Sweep]:
    """Draw a graph whose inputs are constants, parameters and outputs of earlier nodes, and a sweep of it."""
    names = [f"x{n}" for n in range(draw(st.integers(1, 3)))]
    graph: list[NodeDefinition] = []
    for number in range(draw(st.integers(1, 5))):
        sources: list[st.SearchStrategy[Source]] = [
            st.sampled_from(["1.0", "2.0"]).map(lambda text: Constant(DOUBLE, text)),
            st.sampled_from(names).map(FromParam),
        ]
        if graph:
            sources.append(st.sampled_from([node.name for node in graph]).map(lambda node: FromNode(node, "value")))
        inputs = {port: draw(st.one_of(sources)) for port in PORTS if draw(st.booleans())}
        operator = draw(st.sampled_from([STABLE.name, STABLE.name, DRAWING.name]))
        graph.append(NodeDefinition(op=operator, name=f"N{number}", inputs=inputs))
    axes = tuple(Axis(name, DOUBLE, tuple(f"{value}.5" for value in range(draw(st.integers(1, 3))))) for name in names)
    params = tuple(Param(name=name, type=DOUBLE) for name in names)
    return Workflow(id="w", params=params, graph=tuple(graph)), Sweep(axes, draw(st.integers(1, 3)))


def distinct_nodes(workflow: Workflow, sweep: Sweep) -> int:
    """Count the different nodes of all children: by operator, inputs all the way back, and seed."""
    found: set[Any] = set()
    for child in range(sweep.size):
        params = sweep.child(child)
        identity: dict[str, Any] = {}
        for node in workflow.graph:
            inputs: list[Any] = []
            for port in PORTS:
                match node.inputs.get(port):
                    case Constant(text=text):
                        inputs.append(text)
                    case FromParam(param=param):
                        inputs.append(params[param])
                    case FromNode(node=before):
                        inputs.append(identity[before])
                    case FromChildren():
                        raise AssertionError("none of these workflows gathers")
                    case None:
                        inputs.append("0.0")
            seed = (child, node.name) if node.op == DRAWING.name else None
            identity[node.name] = (node.op, tuple(inputs), seed)
        found.update(identity.values())
    return len(found)


@settings(deadline=None, max_examples=200)
@given(workflows())
def test_distinct_nodes_are_counted_in_closed_form(drawn: tuple[Workflow, Sweep]) -> None:
    """Axes that reach a node, and unstable nodes before it, tell how many different ones there are.

    The count may be too high only where different places of the graph happen to compute the same from different values.
    """
    workflow, sweep = drawn
    connection = sqlite3.connect(":memory:")
    for _, script in migrations():
        connection.executescript(script)
    operators = {STABLE.name: Announced(no=1, spec=STABLE), DRAWING.name: Announced(no=2, spec=DRAWING)}
    pinned = tuple(operators[node.op] for node in workflow.graph)
    plan = compile_plan(workflow, sweep, pinned, ClassRegistry())
    outcome = dry_run(connection, Subject(sweep=sweep, plan=plan, seed=1, cache=CacheMode.USE, pins={}))
    connection.close()
    expected = distinct_nodes(workflow, sweep)
    assert outcome.children == sweep.size
    assert outcome.nodes == sweep.size * len(workflow.graph)
    assert expected <= outcome.distinct <= outcome.nodes
    names = {
        param
        for node in workflow.graph
        for s in node.inputs.values()
        if isinstance(s, FromParam)
        for param in (s.param,)
    }
    if len(names) <= 1 and not any(isinstance(s, Constant) for node in workflow.graph for s in node.inputs.values()):
        assert outcome.distinct == expected
    assert outcome.cached == 0
