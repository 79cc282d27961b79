"""The bounds of messages: what is skipped for speed is never more than what would pass."""

from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from accio.errors import BadRequest
from accio.v1 import accio_pb2, agents_pb2, artifacts_pb2, workflows_pb2
from accio_daemon.services.transport import bounds
from tests.property import messages

KINDS = [
    method.input_type
    for file in (accio_pb2, agents_pb2, artifacts_pb2, workflows_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]


def _is_refused(message: Message, plain: bool) -> bool:
    checker = bounds.checker_of(message.DESCRIPTOR)
    assert checker is not None
    try:
        checker.check(message, plain)
    except BadRequest:
        return True
    return False


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(KINDS).flatmap(messages.of))
def test_a_glance_at_the_bytes_finds_what_a_walk_finds(message: Message) -> None:
    """A message that looks plain, and so isn't walked through, is refused exactly if the whole walk refuses it."""
    plain = bounds.is_plain(message.SerializeToString())
    assert _is_refused(message, plain) == _is_refused(message, plain=False)
