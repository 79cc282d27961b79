"""Whether a workflow's inputs fit the operators: ports, parameters, references and their types.

Used when a workflow is checked, and again when a run of it is: operators may have changed in between.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import orjson

from accio.domain.datatypes import DataType, Kind, castable
from accio.domain.findings import Findings
from accio.domain.issues import pointer
from accio.domain.names import Suggestions
from accio.domain.operators import InputPort, OperatorSpec, OutputPort
from accio.domain.values import ValueProblem, parse_to_canonical
from accio.domain.workflows import (
    Constant,
    FromChildren,
    FromNode,
    FromParam,
    NodeDefinition,
    Param,
    Source,
    Workflow,
    nodes_of_parent,
)
from accio.late import dataclass

Operators: TypeAlias = Mapping[str, OperatorSpec]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What inputs can refer to: parameters with their type, nodes with their operator (None: it couldn't be read)."""

    params: Mapping[str, DataType | None]
    nodes: Mapping[str, str | None]


class Linker:
    """Checks sources of inputs against operators; reports to *findings*."""

    def __init__(self, operators: Operators, scope: Scope, findings: Findings) -> None:
        self._operators = operators
        self._scope = scope
        self._findings = findings
        self._operator_names = Suggestions(operators)
        self._param_names = Suggestions(scope.params)
        self._node_names = Suggestions(scope.nodes)

    def operator(self, name: str, path: str) -> OperatorSpec | None:
        """Find a node's operator, or report that there is none; warn if it is deprecated."""
        spec = self._operators.get(name)
        if spec is None:
            known = (
                "; an agent has to offer it first, as with --operators FILE"
                if self._operators
                else ": no agent has announced any operator yet"
            )
            message = f"there is no operator '{name}'{known}"
            self._findings.error(path, message, self._operator_names.closest(name), lacks=name)
        elif spec.deprecated is not None:
            self._findings.warn(path, f"operator '{name}' is deprecated: {spec.deprecated}")
        return spec

    def port(self, spec: OperatorSpec, name: str, path: str) -> InputPort | None:
        """Find an input, or report that there is none."""
        port = spec.input(name)
        if port is None:
            names = [known.name for known in spec.inputs]
            has = f"it has {', '.join(names)}" if names else "it has no inputs"
            message = f"operator '{spec.name}' has no input '{name}'; {has}"
            self._findings.error(path, message, Suggestions(names).closest(name))
        return port

    def source(self, source: Source, port: InputPort | None, path: str) -> None:
        """Check where a port's value comes from; a port that isn't known (None) takes any type."""
        match source:
            case Constant(type=datatype, text=text):
                if port is not None:
                    self._value(datatype, text, port, path)
            case FromParam(param=param):
                self._param(param, port, path)
            case FromNode():
                self._reference(source, port, path)
            case FromChildren():
                self._gathered(source, port, path)

    def _value(self, datatype: DataType, text: str, port: InputPort, path: str) -> None:
        try:
            port.take(datatype, text)
        except ValueProblem as problem:
            self._findings.error(path, f"port '{port.name}' takes {port.type}: {problem.message}")

    def _param(self, name: str, port: InputPort | None, path: str) -> None:
        if name not in self._scope.params:
            suggestion = self._param_names.closest(name)
            self._findings.error(path, f"the workflow has no parameter '{name}'", suggestion)
            return
        datatype = self._scope.params[name]
        if datatype is None or port is None or castable(datatype, port.type):
            return
        message = f"port '{port.name}' takes {port.type}, and parameter '{name}' is of kind {datatype}"
        if castable(port.type, datatype):  # a wider one: `int` is a long in files, and an integer as a hint in Python
            message += f"; write kind {port.type} for the parameter"
        self._findings.error(path, message)

    def _reference(self, source: FromNode, port: InputPort | None, path: str) -> None:
        reference, output = f"{source.node}/{source.port}", self._output(source, path)
        if output is not None and port is not None and not castable(output.type, port.type):
            message = f"port '{port.name}' takes {port.type}, and '{reference}' is of type {output.type}"
            self._findings.error(path, message)

    def _gathered(self, source: FromChildren, port: InputPort | None, path: str) -> None:
        reference, output = f"{source.node}/{source.port}", self._output(source, path)
        if output is not None and port is not None and gathered_type(output.type, port.type) is None:
            forms = f"list({output.type})"
            if output.type.kind is Kind.DATASET:
                forms += " or dataset (a folder)"
            message = f"port '{port.name}' takes {port.type}, and what is gathered of '{reference}' is {forms}"
            self._findings.error(path, message)

    def _output(self, source: FromNode | FromChildren, path: str) -> OutputPort | None:
        """Find the output that a source names, or report that there is none; None, too, if its operator isn't known."""
        reference = f"{source.node}/{source.port}"
        if source.node not in self._scope.nodes:
            message = f"the reference '{reference}' names no node: there is no '{source.node}' in the graph"
            self._findings.error(path, message, self._node_names.closest(source.node))
            return None
        spec = self._operators.get(self._scope.nodes[source.node] or "")
        if spec is None:  # reported where that node stands
            return None
        output = spec.output(source.port)
        if output is None:
            names = [known.name for known in spec.outputs]
            has = f"has {', '.join(names)}" if names else "has no outputs"
            message = f"the reference '{reference}' names no output: operator '{spec.name}' {has}"
            if maps := [known.name for known in spec.outputs if known.type.kind is Kind.MAP]:
                message += (
                    f"; entries of the map '{maps[0]}' can't be connected: make each an output of its own"
                    " (in Python return a NamedTuple or dataclass instead of a dict)"
                )
            self._findings.error(path, message, Suggestions(names).closest(source.port))
        return output

    def missing(self, spec: OperatorSpec, given: Mapping[str, object], path: str) -> None:
        """Report the required inputs that have no source; *path* is that of the inputs."""
        for port in spec.inputs:
            if port.required and port.name not in given:
                message = f"input '{port.name}' ({port.type}) of operator '{spec.name}' needs a value"
                self._findings.error(path + pointer(port.name), message)


def gathered_type(of: DataType, port: DataType) -> DataType | None:
    """Return the type in which a port takes what is gathered of outputs of type *of*; None if it can't.

    That is the list of the values, or, of datasets, one dataset: a folder.
    """
    if port.kind is Kind.LIST and castable(of, port.args[0]):
        return port
    return port if port.kind is Kind.DATASET and of.kind is Kind.DATASET else None


def check_sides(nodes: Iterable[tuple[NodeDefinition, str]], findings: Findings) -> None:
    """Check that nodes of each child and nodes of the parent take each other's outputs in the right form.

    *nodes* are those of one graph, each with the pointer to its inputs.
    """
    listed = list(nodes)
    of_parent = nodes_of_parent([node for node, _ in listed])
    of_children = {node.name for node, _ in listed} - of_parent
    for node, inputs in listed:
        for port, source in node.inputs.items():
            path = inputs + pointer(port)
            if isinstance(source, FromChildren) and source.node in of_parent:
                message = f"'{source.node}' runs once for a whole sweep, as it gathers: there is one value to take"
                findings.error(path, message, f'{{"reference": "{source.node}/{source.port}"}}')
            elif isinstance(source, FromNode) and node.name in of_parent and source.node in of_children:
                message = f"'{node.name}' runs once for a whole sweep, as it gathers, and '{source.node}' in each child"
                findings.error(path, message, f'{{"gather": "{source.node}/{source.port}"}}')


def check_fit(workflow: Workflow, operators: Operators, findings: Findings) -> None:
    """Check a stored workflow against the operators as they are now; pointers are into its definition."""
    scope = Scope(
        params={param.name: param.type for param in workflow.params},
        nodes={node.name: node.op for node in workflow.graph},
    )
    linker = Linker(operators, scope, findings)
    for at, node in enumerate(workflow.graph):
        spec = linker.operator(node.op, pointer("graph", at, "op"))
        if spec is None:
            continue
        inputs = pointer("graph", at, "inputs")
        for name, source in node.inputs.items():
            path = inputs + pointer(name)
            port = linker.port(spec, name, path)
            if port is not None:
                linker.source(source, port, path)
        linker.missing(spec, node.inputs, inputs)
    check_choices(workflow.params, uses_of_params(workflow.graph, operators), findings)


@dataclass(frozen=True, slots=True)
class Use:
    """A port that a parameter feeds."""

    node: str
    port: InputPort


def uses_of_params(graph: tuple[NodeDefinition, ...], operators: Operators) -> dict[str, list[Use]]:
    """Map each parameter that feeds something to the ports that it feeds; unknown operators and ports are left out."""
    uses: dict[str, list[Use]] = {}
    for node in graph:
        spec = operators.get(node.op)
        for name, source in node.inputs.items():
            if isinstance(source, FromParam) and spec is not None and (port := spec.input(name)) is not None:
                uses.setdefault(source.param, []).append(Use(node.name, port))
    return uses


def choices_of(datatype: DataType, uses: Iterable[Use]) -> tuple[str, ...] | None:
    """Return the canonical texts of the values of a type that all ports take, in the first's order; None if no port
    lists what it takes.
    """
    ports = [use.port for use in uses if use.port.choices and castable(datatype, use.port.type)]
    if not ports:
        return None
    takers = [port.taker(datatype) for port in ports]
    first = ports[0]
    texts = (text if first.type == datatype else _read(datatype, text) for text in first.choices)
    return tuple(text for text in texts if text is not None and all(_takes(take, text) for take in takers))


def _read(datatype: DataType, text: str) -> str | None:
    try:
        return parse_to_canonical(datatype, orjson.loads(text))
    except ValueProblem:
        return None


def _takes(take: Callable[[str], str], text: str) -> bool:
    try:
        take(text)
    except ValueProblem:
        return False
    return True


def check_choices(params: Iterable[Param], uses: Mapping[str, list[Use]], findings: Findings) -> None:
    """Report parameters that can't have a value, as ports that they feed list other ones."""
    for at, param in enumerate(params):
        fed = uses.get(param.name, [])
        if param.default is None and choices_of(param.type, fed) == ():
            listed = "; ".join(f"{use.node}/{use.port.name} takes {use.port.listed}" for use in fed if use.port.choices)
            message = f"no value of parameter '{param.name}' ({param.type}) fits every input that it feeds: {listed}"
            say = findings.error if any(use.port.required for use in fed) else findings.warn
            say(pointer("params", at), message)


def reading_type(datatype: DataType, uses: list[Use]) -> DataType:
    """Return the type by which a parameter's values are read: its own, with dataset for a string that is only ever one.

    A string parameter that feeds nothing but dataset ports holds paths: relative ones are resolved like those of a
    dataset parameter. The canonical text is the same for both types.
    """
    views = {_dataset_view(datatype, use.port.type) for use in uses if castable(datatype, use.port.type)}
    return views.pop() if len(views) == 1 else datatype


def _dataset_view(datatype: DataType, target: DataType) -> DataType:
    if datatype.kind is Kind.STRING and target.kind is Kind.DATASET:
        return target
    inner = tuple(_dataset_view(arg, outer) for arg, outer in zip(datatype.args, target.args, strict=True))
    return DataType(datatype.kind, inner)
