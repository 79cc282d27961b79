"""Workflows after validation: names resolved, types known, constants in canonical text.

`canonical_json()` is what is hashed to the version and stored; `from_canonical_json` reads it back without knowing the
operators. `to_json()` is the definition in the user's form, which can be pushed again.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from typing import Any, TypeAlias

from blake3 import blake3

from accio.domain.datatypes import DataType, parse_type
from accio.domain.ids import WorkflowVersion
from accio.domain.jsontext import canonical_dump
from accio.domain.jsontypes import JsonObject
from accio.domain.operators import OperatorSpec
from accio.domain.people import Person, parse_person
from accio.domain.resources import ResourceChanges, Resources, parse_changes
from accio.domain.values import display
from accio.late import dataclass

VERSION_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Constant:
    """An input fixed by the workflow: canonical text, and the type that the port had when the workflow was pushed."""

    type: DataType
    text: str


@dataclass(frozen=True, slots=True)
class FromParam:
    """An input that takes a parameter's value; without one, the port's default, or nothing."""

    param: str


@dataclass(frozen=True, slots=True)
class FromNode:
    """An input that takes the output `port` of another node."""

    node: str
    port: str


@dataclass(frozen=True, slots=True)
class FromChildren:
    """An input that takes what `node` gave at `port` in all children of a sweep, once they have ended.

    *partial*: those that didn't succeed are left out; else they cancel who gathers.
    """

    node: str
    port: str
    partial: bool = False


Source: TypeAlias = Constant | FromParam | FromNode | FromChildren


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """A parameter; `default` is canonical text of its type."""

    name: str
    type: DataType
    default: str | None = None
    help: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeDefinition:
    """One operator instance. What is None here is as the operator says."""

    op: str
    name: str
    inputs: Mapping[str, Source] = field(default_factory=dict)
    resources: ResourceChanges | None = None
    timeout_ms: int | None = None
    retries: int | None = None
    retry_backoff_ms: int | None = None

    def demand(self, operator: OperatorSpec) -> Resources:
        """Return what the node needs to run."""
        return self.resources.apply(operator.resources) if self.resources else operator.resources

    def predecessors(self) -> tuple[str, ...]:
        """Name the nodes whose outputs it takes or gathers, each once, in order of the ports."""
        sources = (source for source in self.inputs.values() if isinstance(source, FromNode | FromChildren))
        return tuple(dict.fromkeys(source.node for source in sources))

    @property
    def gathers(self) -> bool:
        """Whether it gathers what children gave."""
        return any(isinstance(source, FromChildren) for source in self.inputs.values())


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """A valid workflow.

    `owner` is what the definition says. Whether that counts, and who owns it else, is for the daemon to say. The nodes
    that each child of a sweep has come first in the graph, those of the parent behind them.
    """

    id: str
    name: str | None = None
    notes: str | None = None
    owner: Person | None = None
    params: tuple[Param, ...] = ()
    graph: tuple[NodeDefinition, ...] = ()

    def param(self, name: str) -> Param | None:
        """Find a parameter by name."""
        return next((param for param in self.params if param.name == name), None)

    def node(self, name: str) -> NodeDefinition | None:
        """Find a node by name."""
        return next((node for node in self.graph if node.name == name), None)

    @cached_property
    def per_child(self) -> int:
        """How many nodes each child of a sweep has: the others gather, or depend on one that does, and are the
        parent's.
        """
        return len(self.graph) - len(nodes_of_parent(self.graph))

    def uses(self) -> Iterator[tuple[NodeDefinition, str, Source]]:
        """Go through all inputs: node, port and where its value comes from."""
        for node in self.graph:
            for port, source in node.inputs.items():
                yield node, port, source

    def canonical_json(self) -> str:
        """Return the text that is hashed and stored: keys sorted, values in canonical form with their types."""
        return canonical_dump(_record(self, _stored))

    @cached_property
    def version(self) -> WorkflowVersion:
        """The name of this content: the first 12 hexadecimal digits of the BLAKE3 of its canonical JSON."""
        return WorkflowVersion(blake3(self.canonical_json().encode()).hexdigest()[:VERSION_LENGTH])

    def to_json(self) -> JsonObject:
        """Return the definition in the user's form."""
        return _record(self, _shown)

    @classmethod
    def from_canonical_json(cls, text: str) -> "Workflow":
        """Read what `canonical_json` gave."""
        return _workflow(json.loads(text))


def nodes_of_parent(graph: Sequence[NodeDefinition]) -> frozenset[str]:
    """Name the nodes that a sweep has once: those that gather, and all that depend on one of them."""
    found = {node.name for node in graph if node.gathers}
    after: dict[str, list[str]] = {}
    for node in graph if found else ():
        for before in node.predecessors():
            after.setdefault(before, []).append(node.name)
    left = list(found)
    while left:
        new = [name for name in after.get(left.pop(), ()) if name not in found]
        found.update(new)
        left.extend(new)
    return frozenset(found)


def in_order(graph: Sequence[NodeDefinition]) -> tuple[NodeDefinition, ...]:
    """Return the nodes of each child first, then those of the parent, otherwise as they stood."""
    of_parent = nodes_of_parent(graph)
    return tuple(sorted(graph, key=lambda node: node.name in of_parent))


def _stored(datatype: DataType, text: str) -> Any:
    # The value stays text inside the text: a JSON library in between can't change a digit of it.
    return {"text": text, "type": str(datatype)}


def _shown(datatype: DataType, text: str) -> Any:
    return display(datatype, text)


def _record(workflow: Workflow, render: Any) -> JsonObject:
    document: JsonObject = {"id": workflow.id}
    if workflow.name is not None:
        document["name"] = workflow.name
    if workflow.notes is not None:
        document["notes"] = workflow.notes
    if workflow.owner is not None:
        document["owner"] = str(workflow.owner)
    document["params"] = [_param_record(param, render) for param in workflow.params]
    document["graph"] = [_node_record(node, render) for node in workflow.graph]
    return document


def _param_record(param: Param, render: Any) -> JsonObject:
    document: JsonObject = {"name": param.name, "kind": str(param.type)}
    if param.default is not None:
        document["default_value"] = render(param.type, param.default)
    if param.help:
        document["help"] = param.help
    return document


def _node_record(node: NodeDefinition, render: Any) -> JsonObject:
    document: JsonObject = {"op": node.op, "name": node.name}
    document["inputs"] = {port: _source_record(source, render) for port, source in sorted(node.inputs.items())}
    if node.resources is not None:
        document["resources"] = node.resources.to_json()
    if node.timeout_ms is not None:
        document["timeout"] = node.timeout_ms
    if node.retries is not None:
        document["retries"] = node.retries
    if node.retry_backoff_ms is not None:
        document["retry_backoff"] = node.retry_backoff_ms
    return document


def _source_record(source: Source, render: Any) -> JsonObject:
    match source:
        case Constant(type=datatype, text=text):
            return {"value": render(datatype, text)}
        case FromParam(param=param):
            return {"param": param}
        case FromNode(node=node, port=port):
            return {"reference": f"{node}/{port}"}
        case FromChildren(node=node, port=port, partial=partial):
            return {"gather": f"{node}/{port}"} | ({"partial": True} if partial else {})


def _workflow(document: JsonObject) -> Workflow:
    owner = document.get("owner")
    return Workflow(
        id=document["id"],
        name=document.get("name"),
        notes=document.get("notes"),
        owner=None if owner is None else parse_person(owner),
        params=tuple(_param(param) for param in document["params"]),
        graph=tuple(_node(node) for node in document["graph"]),
    )


def _param(document: JsonObject) -> Param:
    default = document.get("default_value")
    return Param(
        name=document["name"],
        type=parse_type(document["kind"]),
        default=None if default is None else default["text"],
        help=document.get("help", ""),
    )


def _node(document: JsonObject) -> NodeDefinition:
    resources = document.get("resources")
    return NodeDefinition(
        op=document["op"],
        name=document["name"],
        inputs={port: _source(source) for port, source in document["inputs"].items()},
        resources=None if resources is None else parse_changes(resources)[0],
        timeout_ms=document.get("timeout"),
        retries=document.get("retries"),
        retry_backoff_ms=document.get("retry_backoff"),
    )


def _source(document: JsonObject) -> Source:
    if "param" in document:
        return FromParam(document["param"])
    if "reference" in document:
        node, _, port = document["reference"].partition("/")
        return FromNode(node, port)
    if "gather" in document:
        node, _, port = document["gather"].partition("/")
        return FromChildren(node, port, document.get("partial", False))
    value = document["value"]
    return Constant(parse_type(value["type"]), value["text"])
