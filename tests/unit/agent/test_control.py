"""What an agent and its templates say to each other."""

from typing import get_args

import pytest

from accio_agent.protocol import control

MESSAGES: list[control.Message] = [
    control.Spawn(3, "/a folder/3"),
    control.Kill(3, 15),
    control.Approve(),
    control.Imported(),
    control.NotImported("no such module", disk_full=False),
    control.Spawned(3, 4711),
    control.Exited(3, 256),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_messages_are_read_as_they_were_written(message: control.Message) -> None:
    """A message comes back as the same kind with the same fields, in one packet."""
    data = control.write(message)
    found = control.read(data)
    assert (type(found), found) == (type(message), message)
    assert len(data) < control.PACKET


def test_every_kind_of_message_is_tried() -> None:
    """The messages above are of all kinds that there are."""
    assert {type(each) for each in MESSAGES} == set(get_args(control.Message))
