"""Bounds of messages: numbers, lengths and counts, checked at the door, before anything reads the message.

What a field may hold is declared in the protos (`accio/v1/bounds.proto`), and every field has a bound, declared or
not; so nothing behind the door meets a number that neither the database nor another message can hold. From the
descriptors one checker is made per kind of message. A message that is short and holds no large number can break the
bounds of most kinds of messages in no way, which its bytes tell at a glance: so the reports of agents, thousands a
second, aren't walked through.
"""

from collections.abc import Callable
from functools import cache
from math import isfinite
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message

from accio.errors import BadRequest
from accio.v1 import bounds_pb2

LARGE_BITS = 56
MOST = (1 << LARGE_BITS) - 1
"""Of whole numbers of 64 bits, where the contract says nothing else."""
CHARACTERS = 65_536
"""Of a text, where the contract says nothing else."""
ENTRIES = 100_000
"""Of a repeated field or a map, where the contract says nothing else."""

# A number of more than 56 bits takes nine bytes or more, of which all but the last one have the highest bit.
_HIGH = bytes(byte >> 7 for byte in range(256))
_LARGE_NUMBER = b"\1" * (LARGE_BITS // 7)

# What each kind of whole number holds by itself.
_RANGES = {
    FieldDescriptor.CPPTYPE_INT64: (0, MOST),
    FieldDescriptor.CPPTYPE_UINT64: (0, MOST),
    FieldDescriptor.CPPTYPE_INT32: (-(1 << 31), (1 << 31) - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, (1 << 32) - 1),
}
_REALS = frozenset({FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT})
_OURS = "accio.v1."

Parse = Callable[[bytes], Message]


def read(parse: Parse, data: bytes) -> Message:
    """Read the bytes of a message; BadRequest if they are none, or if it holds more than the contract allows."""
    try:
        message = parse(data)
    except DecodeError:
        raise BadRequest(f"expected a message of the contract, found {len(data)} bytes that are none") from None
    checker = checker_of(message.DESCRIPTOR)
    if checker is not None:
        checker.check(message, is_plain(data))
    return message


def is_plain(data: bytes) -> bool:
    """Return whether the message of these bytes can break no bound but those that are narrower than what holds by
    itself.
    """
    return len(data) <= CHARACTERS and _LARGE_NUMBER not in data.translate(_HIGH)


@cache
def checker_of(descriptor: Descriptor) -> "Checker | None":
    """Return the checker of a kind of message; other people's messages (health, reflection) have none."""
    return Checker(descriptor) if descriptor.full_name.startswith(_OURS) else None


class Checker:
    """Checks the messages of one kind. `narrow` tells whether a plain message must be looked at, too."""

    __slots__ = ("_fields", "narrow")

    def __init__(self, descriptor: Descriptor) -> None:
        self._fields = {field.number: _Field(field) for field in descriptor.fields}
        self.narrow: bool = any(field.narrow for field in self._fields.values())

    def check(self, message: Message, plain: bool) -> None:
        """Raise BadRequest at the first field that holds too much."""
        if plain and not self.narrow:
            return
        fields = self._fields
        for descriptor, value in message.ListFields():
            field = fields[descriptor.number]
            if field.narrow or not plain:
                field.check(value, plain)


class _Field:
    """The bounds of one field."""

    __slots__ = ("_entries", "_is_map", "_is_repeated", "_least", "_member", "_most", "_name", "_test", "narrow")

    def __init__(self, field: FieldDescriptor) -> None:
        options = field.GetOptions().Extensions
        most, least, entries = options[bounds_pb2.most], options[bounds_pb2.least], options[bounds_pb2.entries]
        entry = field.message_type if field.message_type and field.message_type.GetOptions().map_entry else None
        self._name = field.full_name.removeprefix(_OURS)
        self._is_map = entry is not None
        self._is_repeated = field.is_repeated
        self._entries = entries or ENTRIES
        self._test: Callable[[Any], None] | None = None
        self._member: Checker | None = None
        self._least, self._most = 0, 0
        value = entry.fields_by_name["value"] if entry is not None else field
        narrow = False
        if value.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
            self._member = checker_of(value.message_type)
            narrow = self._member is not None and self._member.narrow
        elif value.cpp_type in _RANGES:
            first, last = _RANGES[value.cpp_type]
            self._test = self._number
            self._least, self._most = least or first, most or last
            narrow = self._least > first or self._most < last
        elif value.cpp_type in _REALS:
            self._test, narrow = self._real, True
        elif value.type == FieldDescriptor.TYPE_STRING:
            self._test = self._text
            self._most = most or CHARACTERS
            narrow = self._most < CHARACTERS
        self.narrow = narrow or bool(entries and entries < CHARACTERS)

    def check(self, value: Any, plain: bool) -> None:
        """Check what the field holds."""
        if not self._is_repeated:
            self._one(value, plain)
            return
        if len(value) > self._entries:
            raise BadRequest(f"expected at most {self._entries} entries in {self._name}, found {len(value)}")
        if self._is_map:
            for key in value:
                if isinstance(key, str) and len(key) > CHARACTERS:
                    raise BadRequest(f"expected keys of at most {CHARACTERS} characters in {self._name}")
                self._one(value[key], plain)
        elif self._test is not None or self._member is not None:
            for each in value:
                self._one(each, plain)

    def _one(self, value: Any, plain: bool) -> None:
        if self._member is not None:
            self._member.check(value, plain)
        elif self._test is not None:
            self._test(value)

    def _number(self, value: int) -> None:
        if not self._least <= value <= self._most:
            raise BadRequest(f"expected {self._name} from {self._least} to {self._most}, found {value}")

    def _real(self, value: float) -> None:
        if not isfinite(value):
            raise BadRequest(f"expected a finite number in {self._name}, found {value}")

    def _text(self, value: str) -> None:
        if len(value) > self._most:
            raise BadRequest(f"expected at most {self._most} characters in {self._name}, found {len(value)}")
