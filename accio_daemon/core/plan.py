"""A workflow compiled for running: per node its class, its neighbours, and where each input's value comes from.

Made once per run (or shared by runs of the same version and pins), read for every child. Nothing here changes
after `compile_plan`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import count
from math import prod

from accio.domain.absence import NO_VALUE
from accio.domain.datatypes import DataType, Kind
from accio.domain.graph import successors, topological_order
from accio.domain.keys import KeyTemplate
from accio.domain.operators import InputPort, OperatorSpec
from accio.domain.resources import Resources
from accio.domain.retry_demand import NodeDemand
from accio.domain.sweeps import Sweep
from accio.domain.values import cast
from accio.domain.workflows import Constant, FromChildren, FromNode, FromParam, NodeDefinition, Source, Workflow
from accio.late import dataclass
from accio_daemon.core.inputs import Binding, Inputs, received
from accio_daemon.core.outgoing import NodeClass
from accio_daemon.core.terms import Announced, Gather

ClassKey = tuple[int, Resources, int | None, bool]
SingleKey = tuple[int, tuple[int, ...], tuple[str, ...]]  # a workflow in memory, its operators, parameters with values

# Operators whose ports and keys stay prepared; one takes a few kilobytes.
_PREPARED = 256
# Plans of single runs that are kept: the next one of the same workflow differs in its values alone.
_SINGLE = 256


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
    of_parent: bool = False  # whether a sweep has it once, beside its children
    gathers: tuple[Gather, ...] = ()
    whole: bool = False  # whether what it gathers must be complete


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """A compiled workflow."""

    nodes: tuple[NodePlan, ...]  # in the order of the graph: those of each child, then those of the parent
    per_child: int  # how many nodes each child has; all of them in a single run
    order: tuple[int, ...]  # each behind its predecessors
    roots: tuple[int, ...]  # of each child
    roots_of_parent: tuple[int, ...]
    pending: tuple[int, ...]  # number of predecessors of each node
    root_classes: frozenset[int]
    root_axes: frozenset[int] | None  # axes that reach the roots; None if each child's roots are its own

    @property
    def gathers(self) -> bool:
        """Whether the parent has nodes itself."""
        return self.per_child < len(self.nodes)

    def count(self, children: int) -> int:
        """Return how many nodes a run of that many children has, the parent's own included."""
        return children * self.per_child + len(self.nodes) - self.per_child


class ClassRegistry:
    """The NodeClass of each kind of node. Any thread may ask: plans of large workflows are compiled in several."""

    def __init__(self) -> None:
        self.single: dict[SingleKey, tuple[Workflow, Plan]] = {}  # plans of single runs, for others like them
        self._classes: dict[ClassKey, NodeClass] = {}
        self._ids = count(1)

    def get(self, operator_no: int, resources: Resources, timeout_ms: int | None, *, forced: bool = False) -> NodeClass:
        """Return the class of this kind, a new one if there is none."""
        key = (operator_no, resources, timeout_ms, forced)
        found = self._classes.get(key)
        if found is None:
            made = NodeClass(
                id=next(self._ids),
                operator_no=operator_no,
                resources=resources,
                timeout_ms=timeout_ms,
                forced=forced,
            )
            found = self._classes.setdefault(key, made)
        return found

    def demanding(self, operator_no: int, demand: NodeDemand) -> NodeClass:
        """Return the class of nodes that were retried with other demands."""
        return self.get(operator_no, demand.resources, demand.timeout_ms, forced=demand.forced)


def compile_plan(workflow: Workflow, sweep: Sweep, operators: Sequence[Announced], classes: ClassRegistry) -> Plan:
    """Compile a checked workflow for one run; *operators* pins a version for each node, in the graph's order."""
    if not sweep.is_single:
        return _compile(workflow, sweep, operators, classes)
    key = (id(workflow), tuple(each.no for each in operators), tuple(axis.name for axis in sweep.axes))
    known, plan = classes.single.get(key, _NOTHING)
    if plan is not None and known is workflow:
        return _with_values(plan, workflow, sweep, operators)
    plan = _compile(workflow, sweep, operators, classes)
    if len(classes.single) >= _SINGLE:
        classes.single.clear()
    classes.single[key] = (workflow, plan)
    return plan


_NOTHING: tuple[None, None] = (None, None)


def _with_values(plan: Plan, workflow: Workflow, sweep: Sweep, operators: Sequence[Announced]) -> Plan:
    """Return the plan of another single run with the values of *sweep*: nothing else of it depends on them."""
    binder = _Binder(workflow, sweep, operators)
    nodes = list(plan.nodes)
    for no, (node, definition) in enumerate(zip(plan.nodes, workflow.graph, strict=True)):
        if any(isinstance(source, FromParam) for source in definition.inputs.values()):
            bindings = binder.bind(definition, _prepared(node.operator)[0])
            nodes[no] = replace(node, bindings=bindings, constant=_constant(bindings, sweep))
    return replace(plan, nodes=tuple(nodes))


def _compile(workflow: Workflow, sweep: Sweep, operators: Sequence[Announced], classes: ClassRegistry) -> Plan:
    specs = {pinned.no: pinned.spec for pinned in operators}
    prepared = {no: _prepared(spec) for no, spec in specs.items()}
    bound = _Binder(workflow, sweep, operators).bind_all({no: ports for no, (ports, _) in prepared.items()})
    per_child = len(workflow.graph) if sweep.is_single else workflow.per_child
    before = {no: _predecessors(each, gathered=sweep.is_single) for no, each in enumerate(bound)}
    after = successors(before)
    order = topological_order(before)
    reach, shared = _reach(bound, before, order, [pinned.spec.unstable for pinned in operators])
    nodes = tuple(
        NodePlan(
            no=no,
            name=definition.name,
            operator=pinned.spec,
            operator_no=pinned.no,
            node_class=_class_of(definition, pinned, classes),
            bindings=bound[no],
            constant=_constant(bound[no], sweep),
            predecessors=before[no],
            successors=after[no],
            axes=reach[no],
            every_child=shared[no] and no < per_child,
            of_parent=no >= per_child,
            retries=_own(definition.retries, pinned.spec.retries),
            retry_backoff_ms=_own(definition.retry_backoff_ms, pinned.spec.retry_backoff_ms),
            keys=prepared[pinned.no][1],
            gathers=tuple(dict.fromkeys(b.gather for b in bound[no] if b.gather is not None)),
            whole=any(b.gather is not None and not b.partial for b in bound[no]),
        )
        for no, (definition, pinned) in enumerate(zip(workflow.graph, operators, strict=True))
    )
    roots = tuple(no for no in range(per_child) if not before[no])
    return Plan(
        nodes=nodes,
        per_child=per_child,
        order=order,
        roots=roots,
        roots_of_parent=tuple(no for no in range(per_child, len(nodes)) if not before[no]),
        pending=tuple(len(predecessors) for predecessors in before.values()),
        root_classes=frozenset(nodes[no].node_class.id for no in roots),
        root_axes=None if any(shared[no] for no in roots) else frozenset().union(*(reach[no] for no in roots)),
    )


def distinct_at_most(sweep: Sweep, node: NodePlan) -> int:
    """Return how many different nodes a node of the graph makes at most: children that agree on what reaches it share
    one.
    """
    if node.of_parent:
        return 1
    if node.every_child:
        return sweep.size
    return min(sweep.points, prod(sweep.axes[axis].size for axis in node.axes))


def _predecessors(bindings: Sequence[Binding], *, gathered: bool) -> tuple[int, ...]:
    """Return the nodes that must end before: in a single run those too whose outputs are *gathered*."""
    nodes = {b.node for b in bindings if b.node is not None}
    if gathered:
        nodes |= {b.gather.node for b in bindings if b.gather is not None}
    return tuple(sorted(nodes))


def _class_of(definition: NodeDefinition, pinned: Announced, classes: ClassRegistry) -> NodeClass:
    timeout_ms = definition.timeout_ms if definition.timeout_ms is not None else pinned.spec.timeout_ms
    return classes.get(pinned.no, definition.demand(pinned.spec), timeout_ms)


def _own(own: int | None, of_operator: int) -> int:
    """Return what a node says itself, else what its operator says."""
    return of_operator if own is None else own


def _constant(bindings: Sequence[Binding], sweep: Sweep) -> Inputs | None:
    """Return a node's inputs if they are the same in every child, whatever its predecessors give."""
    if any(bound.text is None or bound.has_dataset for bound in bindings):
        return None
    return received(bindings, sweep, (), _no_result, {})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Port:
    """An input port, with what all nodes of its operator have in common."""

    port: InputPort
    label: str
    has_dataset: bool
    absent: Binding | None = None  # what a node gets that gives it nothing

    def bound(
        self,
        source: DataType,
        *,
        text: str | None = None,
        axis: int | None = None,
        node: int | None = None,
        node_port: str = "",
    ) -> Binding:
        """Return where the value of this port comes from: one of text, axis, node, or none if it is gathered."""
        return Binding(
            port=self.port.name,
            label=self.label,
            target=self.port.type,
            source=source,
            has_dataset=self.has_dataset,
            says_none=self.port.default is not None,
            text=text,
            axis=axis,
            node=node,
            node_port=node_port,
        )


@lru_cache(maxsize=_PREPARED)
def _prepared(spec: OperatorSpec) -> tuple[tuple[_Port, ...], KeyTemplate | None]:
    """Prepare an operator's ports, sorted by name, and its keys: once, as many nodes and runs may have it."""
    found: list[_Port] = []
    for port in sorted(spec.inputs, key=lambda port: port.name.encode()):
        bare = _Port(port=port, label=f'"{port.name}":', has_dataset=port.type.contains(Kind.DATASET))
        default = None if port.default is None else bare.bound(port.type, text=port.default)
        found.append(replace(bare, absent=default))
    return tuple(found), KeyTemplate.of(spec)


class _Binder:
    """Finds out where the inputs of one workflow's nodes come from."""

    def __init__(self, workflow: Workflow, sweep: Sweep, operators: Sequence[Announced]) -> None:
        types = {pinned.no: {port.name: port.type for port in pinned.spec.outputs} for pinned in operators}
        self._graph = workflow.graph
        self._operators = operators
        self._axes = sweep.axes
        self._place = {node.name: no for no, node in enumerate(workflow.graph)}
        self._axis_of = {axis.name: number for number, axis in enumerate(sweep.axes)}
        self._defaults = {param.name: (param.type, param.default) for param in workflow.params}
        self._outputs = [types[pinned.no] for pinned in operators]

    def bind_all(self, ports: Mapping[int, Sequence[_Port]]) -> list[tuple[Binding, ...]]:
        """Return the bindings of each node, given the ports of each operator."""
        return [self.bind(node, ports[pinned.no]) for node, pinned in zip(self._graph, self._operators, strict=True)]

    def bind(self, node: NodeDefinition, ports: Sequence[_Port]) -> tuple[Binding, ...]:
        """Return the bindings of one node, given the ports of its operator."""
        return tuple(self._bindings(node, ports))

    def _bindings(self, node: NodeDefinition, ports: Sequence[_Port]) -> Iterator[Binding]:
        for prepared in ports:
            given = node.inputs.get(prepared.port.name)
            found = prepared.absent if given is None else self._binding(prepared, given)
            if found is not None:
                yield found

    def _binding(self, prepared: _Port, given: Source) -> Binding | None:
        """Return where one input comes from; None if it gets nothing."""
        port = prepared.port
        match given:
            case FromNode(node=source, port=source_port):
                no = self._place[source]
                return prepared.bound(self._outputs[no][source_port], node=no, node_port=source_port)
            case FromChildren(node=source, port=source_port, partial=partial):
                gather = Gather(self._place[source], source_port, port.type)
                return replace(prepared.bound(port.type), gather=gather, partial=partial)
            case FromParam(param=param) if param in self._axis_of:
                axis = self._axes[self._axis_of[param]]
                if axis.size > 1:
                    return prepared.bound(axis.type, axis=self._axis_of[param])
                value = axis.value_at(0)
                text: str | None = value if value == NO_VALUE else cast(axis.type, port.type, value)
            case FromParam(param=param):
                kind, default = self._defaults[param]
                text = port.default if default is None else cast(kind, port.type, default)
            case Constant(type=kind, text=constant):
                text = cast(kind, port.type, constant)
            case _:
                raise AssertionError(f"unknown source {given!r}")
        return None if text is None else prepared.bound(port.type, text=text)


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


def _no_result(node: int) -> None:
    """Answer for nodes that have no predecessors."""
