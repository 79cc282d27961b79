"""A workflow compiled for running: per node its class, its neighbours, and where each input's value comes from.

Made once per run (or shared by runs of the same version and pins), read for every child. Nothing here changes
after `compile_plan`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from accio.domain.datatypes import DataType, Kind
from accio.domain.graph import successors, topological_order
from accio.domain.keys import KeyTemplate
from accio.domain.operators import InputPort, OperatorSpec
from accio.domain.resources import Resources
from accio.domain.sweeps import Sweep
from accio.domain.values import cast
from accio.domain.workflows import Constant, FromNode, FromParam, NodeDefinition, Workflow
from accio_daemon.core.inputs import Binding, Inputs, gather
from accio_daemon.core.outgoing import NodeClass
from accio_daemon.core.terms import Announced

ClassKey = tuple[int, Resources, int | None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NodePlan:
    """One node of a compiled workflow."""

    no: int
    name: str
    operator: OperatorSpec
    operator_no: int
    node_class: NodeClass
    bindings: tuple[Binding, ...]  # sorted by port
    constant: Inputs | None  # what it receives, if nothing varies and nothing is a dataset
    predecessors: tuple[int, ...]
    successors: tuple[int, ...]
    axes: frozenset[int]  # axes that reach it
    every_child: bool  # whether an unstable node is among itself and its ancestors: then each child's is its own
    retries: int
    retry_backoff_ms: int
    keys: KeyTemplate | None  # None if nothing can be cached


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """A compiled workflow."""

    nodes: tuple[NodePlan, ...]  # in the order of the graph
    order: tuple[int, ...]  # each behind its predecessors
    roots: tuple[int, ...]
    pending: tuple[int, ...]  # number of predecessors of each node
    root_classes: frozenset[int]
    root_axes: frozenset[int] | None  # axes that reach the roots; None if each child's roots are its own


class ClassRegistry:
    """Gives equal kinds of nodes one NodeClass. Any thread may ask: plans of large workflows are compiled in some."""

    def __init__(self) -> None:
        self._classes: dict[ClassKey, NodeClass] = {}
        self._ids = count(1)

    def get(self, operator_no: int, resources: Resources, timeout_ms: int | None) -> NodeClass:
        """Return the class of this kind, a new one if there is none."""
        key = (operator_no, resources, timeout_ms)
        found = self._classes.get(key)
        if found is None:
            made = NodeClass(id=next(self._ids), operator_no=operator_no, resources=resources, timeout_ms=timeout_ms)
            found = self._classes.setdefault(key, made)
        return found


def compile_plan(workflow: Workflow, sweep: Sweep, operators: Sequence[Announced], classes: ClassRegistry) -> Plan:
    """Compile a checked workflow for one run; *operators* pins a version for each node, in the graph's order."""
    graph = workflow.graph
    place = {node.name: no for no, node in enumerate(graph)}
    axis_of = {axis.name: number for number, axis in enumerate(sweep.axes)}
    defaults = {param.name: (param.type, param.default) for param in workflow.params}
    specs = {pinned.no: pinned.spec for pinned in operators}
    types = {no: {port.name: port.type for port in spec.outputs} for no, spec in specs.items()}
    outputs = [types[pinned.no] for pinned in operators]
    ports = {no: _ports(spec) for no, spec in specs.items()}
    bindings = [
        _bindings(node, ports[pinned.no], place=place, sweep=sweep, axis_of=axis_of, defaults=defaults, outputs=outputs)
        for node, pinned in zip(graph, operators, strict=True)
    ]
    before = {no: tuple(sorted({b.node for b in bound if b.node is not None})) for no, bound in enumerate(bindings)}
    after = successors(before)
    order = topological_order(before)
    templates = {no: KeyTemplate.of(spec) for no, spec in specs.items()}
    reach, shared = _reach(bindings, before, order, [pinned.spec.unstable for pinned in operators])
    nodes = tuple(
        _node(
            no,
            graph[no],
            operators[no],
            bindings[no],
            classes=classes,
            sweep=sweep,
            keys=templates[operators[no].no],
            predecessors=before[no],
            successors=after[no],
            axes=reach[no],
            every_child=shared[no],
        )
        for no in range(len(graph))
    )
    roots = tuple(no for no in range(len(graph)) if not before[no])
    return Plan(
        nodes=nodes,
        order=order,
        roots=roots,
        pending=tuple(len(predecessors) for predecessors in before.values()),
        root_classes=frozenset(nodes[no].node_class.id for no in roots),
        root_axes=None if any(shared[no] for no in roots) else frozenset().union(*(reach[no] for no in roots)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Port:
    """An input port, with what all nodes of its operator have in common."""

    port: InputPort
    label: str
    has_dataset: bool
    absent: Binding | None  # what a node gets that gives it nothing


def _ports(spec: OperatorSpec) -> tuple[_Port, ...]:
    """Prepare an operator's ports, sorted by name: once per operator, as a workflow may have it very often."""
    found: list[_Port] = []
    for port in sorted(spec.inputs, key=lambda port: port.name.encode()):
        label, has_dataset, absent = f'"{port.name}":', port.type.contains(Kind.DATASET), None
        if port.default is not None:
            absent = Binding(
                port=port.name,
                label=label,
                target=port.type,
                source=port.type,
                has_dataset=has_dataset,
                text=port.default,
            )
        found.append(_Port(port=port, label=label, has_dataset=has_dataset, absent=absent))
    return tuple(found)


def _bindings(
    node: NodeDefinition,
    ports: Sequence[_Port],
    *,
    place: Mapping[str, int],
    sweep: Sweep,
    axis_of: Mapping[str, int],
    defaults: Mapping[str, tuple[DataType, str | None]],
    outputs: Sequence[Mapping[str, DataType]],
) -> tuple[Binding, ...]:
    found: list[Binding] = []
    for prepared in ports:
        port, has_dataset = prepared.port, prepared.has_dataset
        given = node.inputs.get(port.name)
        if given is None:
            if prepared.absent is not None:
                found.append(prepared.absent)
            continue
        common = {"port": port.name, "label": prepared.label, "target": port.type}
        match given:
            case FromNode(node=source, port=source_port):
                no = place[source]
                kind = outputs[no][source_port]
                found.append(
                    Binding(**common, source=kind, has_dataset=has_dataset, node=no, node_port=source_port)  # type: ignore[arg-type]  # common is three fields
                )
                continue
            case FromParam(param=param) if param in axis_of and sweep.axes[axis_of[param]].size > 1:
                axis = sweep.axes[axis_of[param]]
                found.append(
                    Binding(**common, source=axis.type, has_dataset=has_dataset, axis=axis_of[param])  # type: ignore[arg-type]  # as above
                )
                continue
            case FromParam(param=param) if param in axis_of:
                axis = sweep.axes[axis_of[param]]
                text: str | None = cast(axis.type, port.type, axis.value_at(0))
            case FromParam(param=param):
                kind, default = defaults[param]
                text = port.default if default is None else cast(kind, port.type, default)
            case Constant(type=kind, text=constant):
                text = cast(kind, port.type, constant)
            case _:
                raise AssertionError(f"unknown source {given!r}")
        if text is not None:
            found.append(Binding(**common, source=port.type, has_dataset=has_dataset, text=text))  # type: ignore[arg-type]  # as above
    return tuple(found)


def _reach(
    bindings: Sequence[Sequence[Binding]],
    before: Mapping[int, tuple[int, ...]],
    order: Sequence[int],
    unstable: Sequence[bool],
) -> tuple[list[frozenset[int]], list[bool]]:
    """Return the axes that reach each node, and whether it differs in every child (validation refused cycles)."""
    axes = [frozenset(b.axis for b in bound if b.axis is not None) for bound in bindings]
    every = list(unstable)
    for no in order:
        axes[no] = axes[no].union(*(axes[predecessor] for predecessor in before[no]))
        every[no] = every[no] or any(every[predecessor] for predecessor in before[no])
    return axes, every


def _node(
    no: int,
    definition: NodeDefinition,
    pinned: Announced,
    bindings: tuple[Binding, ...],
    *,
    classes: ClassRegistry,
    sweep: Sweep,
    keys: KeyTemplate | None,
    predecessors: tuple[int, ...],
    successors: tuple[int, ...],
    axes: frozenset[int],
    every_child: bool,
) -> NodePlan:
    spec = pinned.spec
    constant = all(b.text is not None and not b.has_dataset for b in bindings)
    return NodePlan(
        no=no,
        name=definition.name,
        operator=spec,
        operator_no=pinned.no,
        node_class=classes.get(
            pinned.no,
            definition.demand(spec),
            definition.timeout_ms if definition.timeout_ms is not None else spec.timeout_ms,
        ),
        bindings=bindings,
        constant=gather(bindings, sweep, (), _no_result, {}) if constant else None,
        predecessors=predecessors,
        successors=successors,
        axes=axes,
        every_child=every_child,
        retries=definition.retries if definition.retries is not None else spec.retries,
        retry_backoff_ms=(
            definition.retry_backoff_ms if definition.retry_backoff_ms is not None else spec.retry_backoff_ms
        ),
        keys=keys,
    )


def _no_result(node: int) -> None:
    """Answer for nodes that have no predecessors."""
