"""The hot path from the core to agents."""

from accio.domain.resources import Resources
from accio_daemon.core.outgoing import Assignment, NodeClass
from accio_daemon.core.terms import AttemptNo, Pin
from accio_daemon.services.messages.work import WORK_LIMIT, WorkWriter

DIGEST = f"blake3:{'0' * 64}"


def node_class(number: int = 1, *, operator: int = 7) -> NodeClass:
    return NodeClass(id=number, operator_no=operator, resources=Resources(), timeout_ms=None)


def assignment(number: int, kind: NodeClass | None = None, inputs: str = "{}") -> Assignment:
    return Assignment(
        attempt=AttemptNo(number),
        node_class=kind or node_class(),
        inputs=inputs,
        seed=None,
        reserved=True,
        node="run/Node",
        number=1,
        contents={},
        blobs={},
        gpus=(),
    )


def test_a_class_is_described_once_before_its_first_node() -> None:
    """Each class travels with the first message that has a node of it, and never again in the session."""
    writer = WorkWriter([5, 7])
    first, second = node_class(1), node_class(2, operator=5)
    (message,) = writer.messages([assignment(1, first), assignment(2, first), assignment(3, second)])
    assert [(each.id, each.operator) for each in message.work.classes] == [(1, 1), (2, 0)]
    assert [getattr(each, "class") for each in message.work.assignments] == [1, 1, 2]
    (later,) = writer.messages([assignment(4, first)])
    assert not later.work.classes


def test_work_travels_in_groups() -> None:
    """No message has more assignments than the limit, or so many bytes of inputs that it couldn't be received."""
    writer = WorkWriter([7])
    messages = list(writer.messages([assignment(number) for number in range(2 * WORK_LIMIT + 1)]))
    assert [len(message.work.assignments) for message in messages] == [WORK_LIMIT, WORK_LIMIT, 1]
    large = [assignment(number, inputs='{"x":"' + "y" * 300_000 + '"}') for number in range(5)]
    messages = list(writer.messages(large))
    assert max(message.ByteSize() for message in messages) < 4 << 20
    assert [each.attempt for message in messages for each in message.work.assignments] == list(range(5))


def test_acknowledgements_travel_with_the_first_work() -> None:
    """The first message of work acknowledges reports; those behind it don't repeat that."""
    messages = list(WorkWriter([7]).messages([assignment(number) for number in range(WORK_LIMIT + 1)], [3, 5]))
    assert [list(message.work.acked) for message in messages] == [[3, 5], []]


def test_an_assignment_keeps_every_field() -> None:
    """Seed, contents, blobs and GPUs travel with their node; a seed of 0 is a seed."""
    work = assignment(1)
    work.seed, work.reserved, work.gpus = 0, False, (2, 3)
    work.contents = {"/data": Pin(digest=DIGEST, size=3, name="x.csv")}
    work.blobs = {"big": (DIGEST, 99)}
    (message,) = WorkWriter([7]).messages([work])
    (told,) = message.work.assignments
    assert (told.HasField("seed"), told.seed, told.reserved, list(told.gpus)) == (True, 0, False, [2, 3])
    assert [(each.text, each.digest, each.name) for each in told.contents] == [("/data", DIGEST, "x.csv")]
    assert [(each.port, each.digest, each.size) for each in told.large_inputs] == [("big", DIGEST, 99)]
