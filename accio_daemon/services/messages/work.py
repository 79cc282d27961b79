"""Assignments as messages: the hot path from the core to agents.

Each node passes through here, so that a few microseconds count: fields are read once, nothing is built that most
assignments don't have. Nobody reads an assignment back into a value: an agent passes the message on to a worker.
"""

from collections.abc import Iterable, Iterator, Sequence

from accio.v1 import agents_pb2
from accio.wire.resources import resources_message
from accio_daemon.core.outgoing import Assignment, NodeClass
from accio_daemon.services.messages.nodes import checkpoint_message

WORK_LIMIT = 128
"""Assignments in one message: more gain nothing, and delay the first."""

_WORK_BYTES = 512 * 1024  # of inputs in one message


class WorkWriter:
    """Writes the Work messages of one session: each node class is described in front of its first node."""

    def __init__(self, operators: Sequence[int]) -> None:
        """Begin a session; *operators* are the numbers of the operators that the agent announced, in its order."""
        self._places: dict[int, int] = {}
        for place, number in enumerate(operators):
            self._places.setdefault(number, place)
        self._known: set[int] = set()

    def messages(self, work: Sequence[Assignment], acks: Sequence[int] = ()) -> Iterator[agents_pb2.DaemonMessage]:
        """Yield the messages for these assignments, in their order; the first one acknowledges reports, too."""
        for group in _groups(work):
            message = agents_pb2.DaemonMessage()
            if acks:
                message.work.acked.extend(acks)
                acks = ()
            classes, add = message.work.classes, message.work.assignments.add
            for assignment in group:
                node_class = assignment.node_class
                if node_class.id not in self._known:
                    self._known.add(node_class.id)
                    classes.append(self._class_message(node_class))
                wire = add()  # filled field by field: given all of them it takes three times as long
                wire.attempt = assignment.attempt
                wire.inputs_json = assignment.inputs
                wire.node = assignment.node
                wire.number = assignment.number
                setattr(wire, "class", node_class.id)  # a word of the language
                if assignment.seed is not None:
                    wire.seed = assignment.seed
                if assignment.reserved:
                    wire.reserved = True
                if assignment.gpus or assignment.contents or assignment.blobs or assignment.checkpoint is not None:
                    _write_more(wire, assignment)
            yield message

    def _class_message(self, node_class: NodeClass) -> agents_pb2.NodeClass:
        return agents_pb2.NodeClass(
            id=node_class.id,
            operator=self._places[node_class.operator_no],
            resources=resources_message(node_class.resources),
            timeout_ms=node_class.timeout_ms or 0,
        )


def _write_more(wire: agents_pb2.Assignment, assignment: Assignment) -> None:
    """Write what most assignments don't have."""
    wire.gpus.extend(assignment.gpus)
    if assignment.checkpoint is not None:
        wire.checkpoint.CopyFrom(checkpoint_message(assignment.checkpoint))
    for text, pin in assignment.contents.items():
        wire.contents.add(text=text, digest=pin.digest, name=pin.name)
    for port, (digest, size) in assignment.blobs.items():
        wire.large_inputs.add(port=port, digest=digest, size=size)


def _groups(work: Sequence[Assignment]) -> Iterable[Sequence[Assignment]]:
    """Split work into pieces of at most WORK_LIMIT assignments, and of so many bytes that a message stays far below its
    limit.
    """
    start = size = 0
    for place, assignment in enumerate(work):
        length = len(assignment.inputs)
        if place > start and (place - start >= WORK_LIMIT or size + length > _WORK_BYTES):
            yield work[start:place]
            start, size = place, 0
        size += length
    if start < len(work):
        yield work[start:] if start else work
