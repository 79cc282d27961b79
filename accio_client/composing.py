"""A workflow put together in Python: the definition that a file would hold, from decorated operators.

    workflow = Workflow("geoind")
    events = workflow.add(EventSource, url=workflow.param("uri"))
    noisy = workflow.add(GeoIndistinguishability, data=events.data, epsilon=workflow.param("epsilon"))
    client.submit(workflow, uri="traces", epsilon=logspace(1e-5, 1))

What a single line shows to be wrong (an input or output that there isn't, a name that is taken) is refused there;
types, circles and values are checked by the daemon, as those of files are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accio.domain.issues import Issue
from accio.domain.names import suggest
from accio.errors import InvalidDefinition

if TYPE_CHECKING:
    from accio.sdk.declare import Declaration


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter of a workflow, as an input takes it."""

    name: str


@dataclass(frozen=True, slots=True)
class Output:
    """What a node gives at one of its outputs, as an input of another node takes it."""

    node: str
    port: str

    def gather(self, *, partial: bool = False) -> Gathered:
        """Return what it gives in all children of a sweep, for a node that runs once they have ended.

        *partial* leaves out the children that didn't succeed; otherwise they cancel the node.
        """
        return Gathered(self, partial=partial)


@dataclass(frozen=True, slots=True)
class Gathered:
    """An output of all children of a sweep."""

    output: Output
    partial: bool = False


class Node:
    """A node of a workflow; its outputs are attributes: `noisy.data`, or `noisy["data"]`."""

    def __init__(self, name: str, outputs: tuple[str, ...] | None) -> None:
        self._name = name
        self._outputs = outputs  # None: its operator isn't known here

    def __getitem__(self, port: str) -> Output:
        """Return an output by its name; InvalidDefinition if the operator has none such."""
        if self._outputs is not None and port not in self._outputs:
            raise _refused(f"the node {self._name} has no output {port!r}", port, self._outputs)
        return Output(self._name, port)

    def __getattr__(self, port: str) -> Output:
        if port.startswith("_"):  # what Python and notebooks look for
            raise AttributeError(port)
        try:
            return self[port]
        except InvalidDefinition as error:
            raise AttributeError(str(error)) from None

    def __dir__(self) -> Iterable[str]:
        return [*super().__dir__(), *(self._outputs or ())]

    def __repr__(self) -> str:
        return f"<node {self._name}: {', '.join(self._outputs or ('…',))}>"

    def only_output(self) -> Output:
        """Return its output, where it has exactly one; InvalidDefinition otherwise."""
        if self._outputs is None or len(self._outputs) != 1:
            there = "its operator isn't known here" if self._outputs is None else f"it has {_listed(self._outputs)}"
            raise InvalidDefinition(
                [Issue("", f"expected an output of the node {self._name}, as in node.value: {there}")]
            )
        return self[self._outputs[0]]


class Workflow:
    """A workflow that grows by `param` and `add`; `definition` is what a file would hold.

    >>> workflow = Workflow("walks")
    >>> walk = workflow.add("Walk", steps=workflow.param("steps", "integer", default=100))
    >>> _ = workflow.add("Distance", points=walk.points)
    >>> workflow.definition()["graph"][1]
    {'op': 'Distance', 'inputs': {'points': {'reference': 'Walk/points'}}}
    """

    def __init__(self, id: str, *, name: str = "", notes: str = "", owner: str = "") -> None:  # as files say
        self.id = id
        self._head = {"id": id, "name": name, "notes": notes, "owner": owner}
        self._params: dict[str, dict[str, Any]] = {}
        self._kinds: dict[str, dict[str, str]] = {}  # of each parameter, by the inputs that take it
        self._nodes: dict[str, dict[str, Any]] = {}

    def param(self, name: str, kind: str | None = None, *, default: Any = None, help: str = "") -> Param:  # noqa: A002 - the word of workflow files
        """Declare a parameter, or return the one of this name that was declared.

        Its *kind* is a data type as in a file ("double", "list(string)"); by default that of the inputs that take it.
        """
        if name not in self._params:
            self._params[name], self._kinds[name] = {"name": name}, {}
        told = {"kind": kind, "default_value": default, "help": help or None}
        self._params[name] |= {key: value for key, value in told.items() if value is not None}
        return Param(name)

    def add(
        self,
        operator: Callable[..., Any] | str,
        *,
        name: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        resources: Mapping[str, Any] | None = None,
        timeout: str | int | None = None,
        retries: int | None = None,
        retry_backoff: str | int | None = None,
        **values: Any,
    ) -> Node:
        """Add a node of a decorated function or class, or of an operator by its name.

        Inputs take constants, parameters, outputs of other nodes (a node that has one output stands for that), and
        what `gather` returns. Those that are called like an option of this call go into *inputs*. InvalidDefinition if
        the operator has no such input, if one without a default gets nothing, or if the node's name is taken.
        """
        declaration = _declaration(operator)
        op = operator if isinstance(operator, str) else declaration.name if declaration else ""
        called = name or op
        if called in self._nodes:
            raise InvalidDefinition([Issue("/graph", f"there is a node {called!r} already: give this one a name=")])
        given = {**(inputs or {}), **values}
        if declaration is not None:
            _check(called, declaration, given)
        sources = {port: self._source(value) for port, value in given.items()}
        for port in declaration.inputs if declaration is not None else ():
            taken = given.get(port.name)
            if isinstance(taken, Param):
                self._kinds[taken.name][f"{called}/{port.name}"] = str(port.hint.type)
        limits = {"resources": resources, "timeout": timeout, "retries": retries, "retry_backoff": retry_backoff}
        self._nodes[called] = {
            "op": op,
            **({"name": called} if called != op else {}),
            **({"inputs": sources} if sources else {}),
            **{key: value for key, value in limits.items() if value is not None},
        }
        return Node(called, None if declaration is None else tuple(port.name for port in declaration.outputs))

    def definition(self) -> dict[str, Any]:
        """Return the definition as a file would hold it; InvalidDefinition if the kind of a parameter isn't known."""
        params = [self._param(name) for name in self._params]
        return {
            **{key: value for key, value in self._head.items() if value},
            **({"params": params} if params else {}),
            "graph": list(self._nodes.values()),
        }

    def __repr__(self) -> str:
        return f"<workflow {self.id}: {', '.join(self._nodes) or 'no nodes'}>"

    def _param(self, name: str) -> dict[str, Any]:
        told = self._params[name]
        kinds = self._kinds[name]
        if "kind" not in told:
            if len(set(kinds.values())) != 1:
                taken = ", ".join(f"{place} takes {kind}" for place, kind in kinds.items()) or "no input says which"
                message = f"expected the kind of the parameter {name!r}, as in param({name!r}, 'double'): {taken}"
                raise InvalidDefinition([Issue("/params", message)])
            told = {"name": name, "kind": next(iter(kinds.values())), **told}
        return {key: told[key] for key in ("name", "kind", "default_value", "help") if key in told}

    def _source(self, value: Any) -> Any:
        match value:
            case Param():
                if value.name not in self._params:
                    raise InvalidDefinition([Issue("/params", f"the parameter {value.name!r} is another workflow's")])
                return {"param": value.name}
            case Gathered():
                return {"gather": self._place(value.output)} | ({"partial": True} if value.partial else {})
            case Output():
                return {"reference": self._place(value)}
            case Node():
                return {"reference": self._place(value.only_output())}
            case Mapping():
                return {"value": value}
            case _:
                return value

    def _place(self, output: Output) -> str:
        if output.node not in self._nodes:
            raise InvalidDefinition([Issue("/graph", f"the node {output.node!r} is another workflow's")])
        return f"{output.node}/{output.port}"


def _declaration(operator: Callable[..., Any] | str) -> Declaration | None:
    """Return the declaration of what is decorated, None for a name; InvalidDefinition for anything else."""
    if isinstance(operator, str):
        return None
    from accio.sdk.declare import declaration_of

    found = declaration_of(operator)
    if found is None:
        named = getattr(operator, "__name__", repr(operator))
        message = f"expected what @operator decorates, or an operator's name, found {named}: decorate it"
        raise InvalidDefinition([Issue("/graph", message)])
    return found


def _check(node: str, declaration: Declaration, given: Collection[str]) -> None:
    """Refuse inputs that the operator doesn't have, and those without a default that get nothing."""
    from accio.sdk.records import MISSING

    ports = {port.name: port for port in declaration.inputs}
    for name in given:
        if name not in ports:
            raise _refused(f"the operator {declaration.name} has no input {name!r}", name, ports)
    missing = [name for name, port in ports.items() if not port.optional and port.default is MISSING]
    missing = [name for name in missing if name not in given]
    if missing:
        message = f"the node {node} has no value for {_listed(missing)}: each input without a default needs one"
        raise InvalidDefinition([Issue("/graph", message)])


def _refused(what: str, name: str, known: Iterable[str]) -> InvalidDefinition:
    meant = suggest(name, known)
    hint = f"did you mean {meant}?" if meant else f"it has {_listed(known)}"
    return InvalidDefinition([Issue("/graph", f"{what}; {hint}")])


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
