"""Random messages of any kind: legal ones, absurd ones, and much in between; numbers at the edges of their types, or of
what the contract allows: most of the others are refused at the first number, and nothing behind the door meets them.
"""

import math
import struct
from functools import partial
from random import Random
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

from accio.v1 import bounds_pb2

DEEPEST = 4
"""Levels of messages in messages that are filled."""

WORDS = (
    "",
    "a",
    "w",
    "Double",
    "value",
    "1",
    '"text"',
    "{}",
    "[" * 300 + "]" * 300,
    "integer",
    "map(string,list(double))",
    "blake3:" + "0" * 64,
    "accio:a/b/c",
    "exception",
    "é\u2028\x00\x1b[31m",
    " " * 20_000 + "<",
    "x" * 70_000,
    "Me <me@example.org>",
    '{"workflow": "w"}',
)

FLOATS = (0.0, -0.0, 0.5, 1.0, -1.0, 5e-324, 1.8e308, 2.0**53, 2.0**63, math.inf, -math.inf, math.nan)
_RARE = (0, 9, 10, 27, 0x85, 0xA0, 0xE9, 0x2028, 0x202E, 0xFEFF, 0xFFFD, 0x1F600)
CHARACTERS = "".join(map(chr, (*range(0x20, 0x7F), *_RARE)))
LONGEST = 20
MOST = 3
"""Members of a list or a map."""

_RANGES = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}


_LARGE = (0, 2**56 - 1)
_WIDE = {FieldDescriptor.CPPTYPE_INT64: _LARGE, FieldDescriptor.CPPTYPE_UINT64: _LARGE}
"""What the contract allows where a field says nothing else."""
CHARACTERS_ALLOWED = 65_536


def made(descriptor: Descriptor, random: Random, deep: int = 0, *, legal: bool = False) -> Message:
    """Return a message of a kind; a *legal* one is within the contract's bounds: what it says is judged."""
    return GetMessageClass(descriptor)(**_fields(descriptor, random, deep, legal))


def of(descriptor: Descriptor) -> st.SearchStrategy[Message]:
    """Return messages of a kind, for a search that makes what it finds smaller."""
    return st.randoms(use_true_random=False).map(partial(made, descriptor))


def _fields(descriptor: Descriptor, random: Random, deep: int, legal: bool) -> dict[str, Any]:
    often = random.choice((0.1, 0.5, 0.9))
    values: dict[str, Any] = {}
    filled = set()
    for field in descriptor.fields:
        if (field.message_type is not None and deep >= DEEPEST) or random.random() > often:
            continue
        within = field.containing_oneof
        if within is not None and within.name in filled:
            continue
        filled.add(None if within is None else within.name)
        values[field.name] = _field(field, random, deep, legal)
    return values


def _field(field: FieldDescriptor, random: Random, deep: int, legal: bool) -> Any:
    if not field.is_repeated:
        return _value(field, random, deep, legal)
    count = random.randint(0, MOST)
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        keys, values = entry.fields_by_name["key"], entry.fields_by_name["value"]
        return {_value(keys, random, deep, legal): _value(values, random, deep, legal) for _ in range(count)}
    return [_value(field, random, deep, legal) for _ in range(count)]


def _value(field: FieldDescriptor, random: Random, deep: int, legal: bool) -> Any:
    if field.message_type is not None:
        return made(field.message_type, random, deep + 1, legal=legal)
    if field.enum_type is not None:
        return random.choice([*(value.number for value in field.enum_type.values), 99])
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _word(random).encode() if random.random() < 0.5 else random.randbytes(random.randint(0, 2 * LONGEST))
    if field.type == FieldDescriptor.TYPE_STRING:
        return _word(random)[: _most(field, CHARACTERS_ALLOWED) if legal else None]
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return random.random() < 0.5
    if field.cpp_type in _RANGES:
        return _number(*(_allowed(field) if legal else _RANGES[field.cpp_type]), random)
    return _real(random) if legal else _float(random)


def _most(field: FieldDescriptor, default: int) -> int:
    return field.GetOptions().Extensions[bounds_pb2.most] or default


def _allowed(field: FieldDescriptor) -> tuple[int, int]:
    low, high = _WIDE.get(field.cpp_type, _RANGES[field.cpp_type])
    return field.GetOptions().Extensions[bounds_pb2.least] or low, _most(field, high)


def _word(random: Random) -> str:
    if random.random() < 0.5:
        return random.choice(WORDS)
    return "".join(random.choices(CHARACTERS, k=random.randint(0, LONGEST)))


def _number(low: int, high: int, random: Random) -> int:
    near = random.choice((0, 2**31, 2**32, 2**53, 2**56, 2**63, low, high)) + random.randint(-1, 1)
    return near if low <= near <= high and random.random() < 0.7 else random.randint(low, high)


def _float(random: Random) -> float:
    if random.random() < 0.5:
        return random.choice(FLOATS)
    found: float = struct.unpack("<d", random.randbytes(8))[0]
    return found


def _real(random: Random) -> float:
    found = _float(random)
    return found if math.isfinite(found) else 0.5
