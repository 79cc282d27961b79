"""Checking workflow definitions: everything that is wrong, in one pass."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from accio.domain.datatypes import DataType, TypeProblem, parse_type
from accio.domain.findings import Findings, is_ignored
from accio.domain.graph import cycles
from accio.domain.issues import Checked, pointer
from accio.domain.limits import LONGEST_MS, Limits
from accio.domain.linking import Linker, Operators, Scope, Use, check_choices, check_sides, reading_type, uses_of_params
from accio.domain.names import (
    NODE_RULE,
    PARAMETER_RULE,
    is_node_name,
    is_parameter_name,
    is_workflow_id,
)
from accio.domain.operators import InputPort, OperatorSpec
from accio.domain.people import Person, parse_person
from accio.domain.problems import quote
from accio.domain.quantities import parse_duration
from accio.domain.resources import ResourceChanges, parse_changes, parse_count
from accio.domain.values import ValueProblem, caster, parse_to_canonical
from accio.domain.workflows import (
    Constant,
    FromChildren,
    FromNode,
    FromParam,
    NodeDefinition,
    Param,
    Source,
    Workflow,
    in_order,
)
from accio.late import dataclass

_WORKFLOW_KEYS = ("id", "name", "notes", "owner", "params", "graph")
_PARAM_KEYS = ("name", "kind", "default_value", "help")
_NODE_KEYS = ("op", "name", "inputs", "resources", "timeout", "retries", "retry_backoff")
_SOURCE_KEYS = ("value", "param", "reference", "gather")


def check_workflow(
    document: Any,
    operators: Operators,
    *,
    default_id: str | None = None,
    base_path: str | None = None,
    limits: Limits | None = None,
) -> Checked[Workflow]:
    """Check a definition against the operators that are known.

    *default_id* is the id of a definition without one; relative dataset paths are joined to *base_path*.
    """
    checker = _Checker(operators, base_path, limits or Limits())
    workflow = checker.check(document, default_id)
    findings = checker.findings
    return Checked(
        value=None if findings.errors else workflow,
        errors=tuple(findings.errors),
        warnings=tuple(findings.warnings),
    )


@dataclass(slots=True)
class _DraftParam:
    """A parameter as far as it could be read."""

    at: int
    name: str
    type: DataType | None
    document: Mapping[str, Any]
    help: str


@dataclass(slots=True)
class _DraftNode:
    """A node as far as it could be read."""

    at: int
    op: str | None
    name: str | None
    spec: OperatorSpec | None
    raw_inputs: Mapping[str, Any] | None
    resources: ResourceChanges | None = None
    timeout_ms: int | None = None
    retries: int | None = None
    retry_backoff_ms: int | None = None
    inputs: dict[str, Source] = field(default_factory=dict)

    def definition(self) -> NodeDefinition:
        return NodeDefinition(
            op=self.op or "",
            name=self.name or "",
            inputs=self.inputs,
            resources=self.resources,
            timeout_ms=self.timeout_ms,
            retries=self.retries,
            retry_backoff_ms=self.retry_backoff_ms,
        )


class _Checker:
    """Reads one definition: first names and shapes, then what refers to them."""

    def __init__(self, operators: Operators, base_path: str | None, limits: Limits) -> None:
        self.findings = Findings()
        self._operators = operators
        # Without a folder, relative paths are refused: nobody could tell later what they meant.
        self._base_path = base_path or ""
        self._limits = limits

    def check(self, value: Any, default_id: str | None) -> Workflow | None:
        document = self.findings.object(value, "", "a workflow")
        if document is None:
            return None
        if "workflow" in document and "graph" not in document:
            self.findings.error("", "this is a run of a workflow: submit it (`accio submit FILE`)")
            return None
        self.findings.known_keys(document, _WORKFLOW_KEYS, "", "a workflow")
        workflow_id = self._id(document, default_id)
        name = self.findings.text(document, "name", "", self._limits.name_bytes)
        notes = self.findings.text(document, "notes", "", self._limits.notes_bytes)
        owner = self._owner(document)
        params = self._params(document)
        nodes = self._nodes(document)
        graph = self._linked(params, nodes)
        uses = uses_of_params(graph, self._operators)
        read = tuple(self._param(param, uses.get(param.name, [])) for param in params)
        self._unused(params, nodes)
        check_choices(read, uses, self.findings)
        return Workflow(id=workflow_id, name=name, notes=notes, owner=owner, params=read, graph=graph)

    # ------------------------------------------------------------------------------------------------------- the head

    def _id(self, document: Mapping[str, Any], default_id: str | None) -> str:
        given = "id" in document
        found = self.findings.text(document, "id", "") if given else default_id
        if found is None:
            if not given:
                self.findings.error("/id", "expected an id, found none")
            return ""
        if not is_workflow_id(found):
            whence = "" if given else " (the file's name; give the workflow an id)"
            self.findings.error("/id", f"expected an id ({NODE_RULE}), found {quote(found)}{whence}")
        return found

    def _owner(self, document: Mapping[str, Any]) -> Person | None:
        text = self.findings.text(document, "owner", "", self._limits.name_bytes)
        if text is None:
            return None
        try:
            person = parse_person(text)
        except ValueProblem as problem:
            self.findings.problem("/owner", problem)
            return None
        if not person.email:
            self.findings.error("/owner", f"expected an owner as 'Name <email>', found {quote(text)}")
        return person

    # ----------------------------------------------------------------------------------------------------- parameters

    def _params(self, document: Mapping[str, Any]) -> list[_DraftParam]:
        listed = self.findings.array(document.get("params", []), "/params", "a list of parameters") or []
        params: list[_DraftParam] = []
        seen: set[str] = set()
        for at, value in enumerate(listed):
            path = pointer("params", at)
            entry = self.findings.object(value, path, "a parameter")
            if entry is None:
                continue
            self.findings.known_keys(entry, _PARAM_KEYS, path, "a parameter")
            name = self._required_text(entry, "name", path)
            help_text = self.findings.text(entry, "help", path, self._limits.notes_bytes) or ""
            datatype = self._kind(entry, path)
            if name is None:
                continue
            if not is_parameter_name(name):
                message = f"expected the name of a parameter ({PARAMETER_RULE}), found {quote(name)}"
                self.findings.error(path + "/name", message)
            elif name in seen:
                self.findings.error(path + "/name", f"there are two parameters '{name}'")
                continue
            seen.add(name)
            params.append(_DraftParam(at, name, datatype, entry, help_text))
        return params

    def _required_text(self, document: Mapping[str, Any], key: str, path: str) -> str | None:
        if key not in document:
            self.findings.error(path + pointer(key), f"expected '{key}' (a text), found none")
            return None
        return self.findings.text(document, key, path)

    def _kind(self, document: Mapping[str, Any], path: str) -> DataType | None:
        text = self._required_text(document, "kind", path)
        if text is None:
            return None
        try:
            return parse_type(text)
        except TypeProblem as problem:
            self.findings.error(path + "/kind", problem.message, problem.suggestion)
            return None

    def _param(self, draft: _DraftParam, uses: list[Use]) -> Param:
        """Read the default, now that the ports it may go to are known."""
        default: str | None = None
        if draft.type is not None and "default_value" in draft.document:
            path = pointer("params", draft.at, "default_value")
            value = draft.document["default_value"]
            try:
                default = parse_to_canonical(reading_type(draft.type, uses), value, base_path=self._base_path)
                for use in uses:
                    if caster(draft.type, use.port.type) is not None:  # else the port was reported
                        use.port.take(draft.type, default)
            except ValueProblem as problem:
                self.findings.problem(path, problem)
        # A type that couldn't be read has been reported, so that the workflow isn't used.
        return Param(name=draft.name, type=draft.type or parse_type("string"), default=default, help=draft.help)

    def _unused(self, params: list[_DraftParam], nodes: list[_DraftNode]) -> None:
        # By what is written, not by what could be linked: a use that is wrong is still one.
        used = {
            value["param"]
            for node in nodes
            for value in (node.raw_inputs or {}).values()
            if isinstance(value, Mapping) and isinstance(value.get("param"), str)
        }
        for param in params:
            if param.name not in used:
                self.findings.warn(pointer("params", param.at), f"parameter '{param.name}' is unused")

    # ---------------------------------------------------------------------------------------------------------- nodes

    def _nodes(self, document: Mapping[str, Any]) -> list[_DraftNode]:
        if "graph" not in document:
            self.findings.error("/graph", "expected a graph (an array of nodes), found none")
            return []
        listed = self.findings.array(document["graph"], "/graph", "a graph")
        if listed is None:
            return []
        if not 0 < len(listed) <= self._limits.nodes:
            self.findings.error("/graph", f"expected 1 to {self._limits.nodes} nodes, found {len(listed)}")
            return []
        linker = Linker(self._operators, Scope(params={}, nodes={}), self.findings)
        nodes: list[_DraftNode] = []
        names: dict[str, int] = {}
        for at, value in enumerate(listed):
            path = pointer("graph", at)
            entry = self.findings.object(value, path, "a node")
            if entry is not None:
                node = self._node(at, entry, linker)
                self._node_name(node, "name" in entry, names)
                nodes.append(node)
        return nodes

    def _node(self, at: int, entry: Mapping[str, Any], linker: Linker) -> _DraftNode:
        path = pointer("graph", at)
        self.findings.known_keys(entry, _NODE_KEYS, path, "a node")
        op = self._required_text(entry, "op", path)
        spec = None if op is None else linker.operator(op, path + "/op")
        name = self.findings.text(entry, "name", path) if "name" in entry else op
        inputs = self.findings.object(entry.get("inputs", {}), path + "/inputs", "inputs by port")
        node = _DraftNode(at, op, name, spec, inputs)
        self._overrides(node, entry, path)
        return node

    def _node_name(self, node: _DraftNode, given: bool, names: dict[str, int]) -> None:
        path = pointer("graph", node.at)
        if node.name is None:  # neither name nor operator could be read, which was reported
            return
        if not is_node_name(node.name):
            if given or node.spec is not None:
                message = f"expected the name of a node ({NODE_RULE}), found {quote(node.name)}"
                self.findings.error(path + "/name", message)
        elif node.name in names:
            hint = "" if given else "; give this one a name"
            message = f"there are two nodes '{node.name}' (the other is /graph/{names[node.name]}){hint}"
            self.findings.error(path + "/name", message)
        names.setdefault(node.name, node.at)

    def _overrides(self, node: _DraftNode, entry: Mapping[str, Any], path: str) -> None:
        if "resources" in entry:
            node.resources, issues = parse_changes(entry["resources"], path + "/resources")
            self.findings.errors.extend(issues)
        node.timeout_ms = self._duration(entry, "timeout", path, least=1)
        node.retry_backoff_ms = self._duration(entry, "retry_backoff", path, least=0)
        if "retries" in entry:
            try:
                node.retries = parse_count(entry["retries"])
            except ValueProblem as problem:
                self.findings.problem(path + "/retries", problem)

    def _duration(self, entry: Mapping[str, Any], key: str, path: str, *, least: int) -> int | None:
        if key not in entry:
            return None
        where = path + pointer(key)
        try:
            ms = parse_duration(entry[key]).ms
        except ValueProblem as problem:
            self.findings.problem(where, problem)
            return None
        if ms < least:
            self.findings.error(where, f"expected a duration of at least {least} ms, found {quote(entry[key])}")
        if ms > LONGEST_MS:
            self.findings.error(where, f"expected a duration of at most ten years, found {quote(entry[key])}")
        return ms

    # --------------------------------------------------------------------------------------------------------- inputs

    def _linked(self, params: list[_DraftParam], nodes: list[_DraftNode]) -> tuple[NodeDefinition, ...]:
        by_name: dict[str, str | None] = {}
        for node in nodes:
            if node.name is not None:
                by_name.setdefault(node.name, node.op)
        scope = Scope(params={param.name: param.type for param in params}, nodes=by_name)
        linker = Linker(self._operators, scope, self.findings)
        for node in nodes:
            inputs = pointer("graph", node.at, "inputs")
            if node.raw_inputs is None:
                continue
            for name, value in node.raw_inputs.items():
                if not is_ignored(name):
                    self._input(node, name, value, linker, inputs + pointer(name))
            if node.spec is not None:
                linker.missing(node.spec, node.raw_inputs, inputs)
        self._cycles(nodes)
        graph = tuple(node.definition() for node in nodes)
        if any(node.gathers for node in graph):
            places = [pointer("graph", node.at, "inputs") for node in nodes]
            check_sides(zip(graph, places, strict=True), self.findings)
        return in_order(graph)

    def _input(self, node: _DraftNode, name: str, value: Any, linker: Linker, path: str) -> None:
        port: InputPort | None = None
        if node.spec is not None:
            port = linker.port(node.spec, name, path)
        source = self._source(value, port, path)
        if source is not None:
            node.inputs[name] = source
            linker.source(source, port, path)

    def _source(self, value: Any, port: InputPort | None, path: str) -> Source | None:
        if not isinstance(value, Mapping):
            return self._constant(value, port, path)
        found = [key for key in _SOURCE_KEYS if key in value]
        if len(found) != 1:
            forms = 'one of {"value": …}, {"param": "p"}, {"reference": "Node/port"}, {"gather": "Node/port"}'
            hint = '; a map constant is written {"value": {…}}' if port is None or port.type.kind == "map" else ""
            self.findings.no_form(value, _SOURCE_KEYS, path, f"expected a constant or {forms}{hint}")
            return None
        known = [*found, "partial"] if found[0] == "gather" else found
        self.findings.known_keys(value, known, path, f"an input with '{found[0]}'")
        content = value[found[0]]
        if found[0] == "value":
            return self._constant(content, port, path)
        if not isinstance(content, str):
            what = "the name of a parameter" if found[0] == "param" else 'a reference "Node/port"'
            self.findings.error(path, f"expected {what} (a text), found {quote(content)}")
            return None
        if found[0] == "param":
            return FromParam(content)
        node, slash, output = content.partition("/")
        if not (node and slash and output) or "/" in output:
            self.findings.error(path, f'expected a reference "Node/port", found {quote(content)}')
            return None
        if found[0] == "reference":
            return FromNode(node, output)
        partial = value.get("partial", False)
        if not isinstance(partial, bool):
            message = f"expected true or false (whether to leave out what failed), found {quote(partial)}"
            self.findings.error(path + "/partial", message)
            return None
        return FromChildren(node, output, partial)

    def _constant(self, value: Any, port: InputPort | None, path: str) -> Source | None:
        if port is None:  # its type isn't known, since its operator isn't
            return None
        try:
            text = parse_to_canonical(port.type, value, base_path=self._base_path)
        except ValueProblem as problem:
            self.findings.error(path, f"port '{port.name}': {problem.message}")
            return None
        return Constant(port.type, text)

    def _cycles(self, nodes: list[_DraftNode]) -> None:
        places: dict[str, int] = {}
        needed: dict[str, list[str]] = {}
        for node in nodes:
            if node.name is not None and node.name not in places:
                places[node.name] = node.at
                needed[node.name] = [
                    source.node for source in node.inputs.values() if isinstance(source, FromNode | FromChildren)
                ]
        for cycle in cycles(needed):
            who = "these nodes wait for each other" if len(cycle) > 1 else "this node waits for itself"
            self.findings.error(pointer("graph", places[cycle[0]]), f"{who}: {' → '.join((*cycle, cycle[0]))}")
