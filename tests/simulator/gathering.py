"""Nodes of a sweep itself in the simulation: what they gather, when, and what must come of it."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from accio.domain.jsontext import json_string
from accio.domain.states import NodeState
from accio.domain.workflows import Constant, FromChildren, NodeDefinition, Workflow
from accio_daemon.core.commands import SubmitRun
from tests import builders
from tests.simulator.outside import Request
from tests.simulator.truth import JOIN, expected, output

if TYPE_CHECKING:
    from tests.simulator.simulation import Simulation

_NAME = "J"
_SOON = 0.001
_SLOWEST = 3.0


def with_join(workflow: Workflow, node: str, *, partial: bool) -> Workflow:
    """Append a node that gathers what *node* gives in all children."""
    label = Constant(builders.STRING, json_string(_NAME))
    join = NodeDefinition(
        op=JOIN.name, name=_NAME, inputs={"label": label, "xs": FromChildren(node, "data", partial)}, resources=None
    )
    return replace(workflow, graph=(*workflow.graph, join))


def answering(story: "Simulation", what: str, *, slowly: bool = True) -> Callable[[Request], None]:
    """Return what takes requests of the present life of the daemon, which may end before they are answered; *what* says
    in the past what happens then.
    """
    life = story.life

    def answer(request: Request) -> None:
        if story.life != life or story.daemon is None:
            story.loop.note(f"the daemon died while {what}")
            return
        story.loop.note(what)
        story.post(story.daemon.outside.answer_to(request))

    def take(request: Request) -> None:
        delay = story.loop.between(_SOON, _SLOWEST) if slowly else _SOON
        story.loop.after(delay, lambda: answer(request))

    return take


def expected_of_sweep(command: SubmitRun) -> tuple[int, NodeState, str | None] | None:
    """Return number, state and output of the node that gathers, in a world without faults; None without one."""
    place = len(command.workflow.graph) - 1
    join = command.workflow.graph[place]
    source = join.inputs.get("xs")
    if not isinstance(source, FromChildren):
        return None
    of = next(no for no, node in enumerate(command.workflow.graph) if node.name == source.node)
    sweep = command.definition.sweep
    children = [expected(command, index) for index in range(sweep.size)]
    texts = [str(nodes[of][1]) for nodes in children if nodes[of][0] is NodeState.SUCCESS]
    if sweep.is_single:  # a predecessor as any other
        wanted = bool(texts)
    else:
        wanted = source.partial or all(state is NodeState.SUCCESS for nodes in children for state, _ in nodes)
    if not wanted:
        return place, NodeState.CANCELLED, None
    inputs = "{" + f'"label":{orjson.dumps(_NAME).decode()},"xs":[{",".join(texts)}]' + "}"
    return place, NodeState.SUCCESS, output(JOIN.name, inputs, None)
