"""Which columns of a run are wanted: names of outputs, of members of maps and of metrics, checked against its nodes."""

from collections.abc import Iterable, Mapping

from accio.domain.datatypes import DataType
from accio.domain.members import MOST_MEMBERS, UNASKED_MEMBERS, member_type
from accio.domain.names import is_node_name, suggest
from accio.domain.operators import OutputPort
from accio.errors import BadRequest, NotFound
from accio.v1 import accio_pb2
from accio_daemon.services.messages.columns import NUMBERS, TEXTS, WantedMap, WantedNode

Outputs = Mapping[str, tuple[OutputPort, ...]]
"""The output ports of each node of a run, in the order of its workflow."""


def is_single(datatype: DataType) -> bool:
    """Return whether values of a type are cells of a column."""
    return datatype.kind in NUMBERS or datatype.kind in TEXTS


def is_foldout(datatype: DataType) -> bool:
    """Return whether a type is that of maps whose members are cells of columns."""
    inner = member_type(datatype)
    return inner is not None and is_single(inner)


def wanted_columns(outputs: Outputs, request: accio_pb2.ColumnsRequest) -> dict[int, WantedNode]:
    """Return what is wanted of a run's nodes, by their places; refuse names that aren't there."""
    names = set(request.ports)
    for name in request.ports:
        _require_port(name, outputs)
    metrics = [_metric(name, outputs) for name in request.metrics]
    wanted: dict[int, WantedNode] = {}
    for no, (node, ports) in enumerate(outputs.items()):
        asked = ports if request.outputs else ()
        chosen = tuple((port.name, port.type) for port in asked if _is_chosen(node, port, names))
        maps = tuple(found for port in asked if (found := _map(node, port, names)) is not None)
        measured = tuple(dict.fromkeys(metric for of, metric in metrics if of == node))
        if chosen or maps or measured:
            wanted[no] = WantedNode(name=node, ports=chosen, maps=maps, metrics=measured)
    return wanted


def _is_chosen(node: str, port: OutputPort, names: set[str]) -> bool:
    if not names:
        return port.type.kind in NUMBERS
    return is_single(port.type) and not names.isdisjoint(_names_of(node, port))


def _map(node: str, port: OutputPort, names: set[str]) -> WantedMap | None:
    inner = member_type(port.type)
    if inner is None or not is_single(inner):
        return None
    if not names:
        return WantedMap(port=port.name, type=port.type, most=UNASKED_MEMBERS) if inner.kind in NUMBERS else None
    if not names.isdisjoint(_names_of(node, port)):
        return WantedMap(port=port.name, type=port.type, most=MOST_MEMBERS)
    members = frozenset(_members(f"{node}/{port.name}.", names))
    return WantedMap(port=port.name, type=port.type, most=len(members), members=members) if members else None


def _members(prefix: str, names: Iterable[str]) -> list[str]:
    return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]


def _require_port(name: str, outputs: Outputs) -> None:
    """Refuse the name of an output that isn't there, or that holds no single values."""
    ports = [(node, port) for node, ports in outputs.items() for port in ports]
    named = [port for node, port in ports if name in _names_of(node, port)]
    if any(is_single(port.type) or is_foldout(port.type) for port in named):
        return
    if any(is_foldout(port.type) and name.startswith(f"{node}/{port.name}.") for node, port in ports):
        return
    if named:
        raise BadRequest(
            f"'{name}' is a {named[0].type}: columns hold single values, and members of maps of such; "
            "accio export writes other collections"
        )
    known = [each for node, port in ports for each in _names_of(node, port)]
    raise NotFound(f"the run has no node or output '{name[:100]}'{_hint(name, known, outputs)}")


def _names_of(node: str, port: OutputPort) -> tuple[str, str, str]:
    return node, port.name, f"{node}/{port.name}"


def _metric(name: str, outputs: Outputs) -> tuple[str, str]:
    """Read `Node.metric`."""
    node, _, metric = name.rpartition(".")
    if not metric or not is_node_name(node):
        raise BadRequest(
            f"expected a metric as Node.metric, such as {next(iter(outputs))}.wall_us, found '{name[:100]}'"
        )
    if node not in outputs:
        raise NotFound(f"the run has no node '{node[:100]}'{_hint(node, outputs, outputs, member=metric)}")
    return node, metric


def _hint(name: str, known: Iterable[str], outputs: Outputs, *, member: str = "") -> str:
    """Say what there is, and how a *member* of a map is named: which members there are is known of values alone."""
    names = list(dict.fromkeys(known))
    if meant := suggest(name, names):
        return f"; did you mean {meant}?"
    hint = f"; it has {', '.join(names[:10])}"
    maps = [f"{node}/{port.name}" for node, ports in outputs.items() for port in ports if is_foldout(port.type)]
    member = member or name.rpartition(".")[2]
    return f"{hint}; a member of the map {maps[0]} is named {maps[0]}.{member[:100]}" if maps and member else hint
