"""Random messages of any kind: legal ones, absurd ones, and much in between; numbers at the edges of their types."""

from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

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

_RANGES = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}


def of(descriptor: Descriptor, deep: int = 0) -> st.SearchStrategy[Message]:
    """Return messages of a kind."""
    kind = GetMessageClass(descriptor)
    fields = {field.name: _field(field, deep) for field in descriptor.fields if _is_filled(field, deep)}
    in_oneof = {each.name: tuple(field.name for field in each.fields) for each in descriptor.oneofs}

    def made(values: dict[str, Any]) -> Message:
        for names in in_oneof.values():
            for extra in [name for name in names if name in values][1:]:
                del values[extra]
        return kind(**values)

    return st.fixed_dictionaries({}, optional=fields).map(made)


def _is_filled(field: FieldDescriptor, deep: int) -> bool:
    return field.message_type is None or deep < DEEPEST


def _field(field: FieldDescriptor, deep: int) -> st.SearchStrategy[Any]:
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        keys, values = entry.fields_by_name["key"], entry.fields_by_name["value"]
        return st.dictionaries(_value(keys, deep), _value(values, deep), max_size=3)
    one = _value(field, deep)
    return st.lists(one, max_size=3) if field.is_repeated else one


def _value(field: FieldDescriptor, deep: int) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        return of(field.message_type, deep + 1)
    if field.enum_type is not None:
        return st.sampled_from([*(value.number for value in field.enum_type.values), 99])
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.sampled_from(WORDS).map(str.encode) | st.binary(max_size=40)
    if field.type == FieldDescriptor.TYPE_STRING:
        return st.sampled_from(WORDS) | st.text(max_size=20)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return st.booleans()
    if field.cpp_type in _RANGES:
        low, high = _RANGES[field.cpp_type]
        near = [at + by for at in (0, 2**31, 2**32, 2**53, 2**56, 2**63, high) for by in (-1, 0, 1)]
        return st.sampled_from([low, *(at for at in near if low <= at <= high)]) | st.integers(low, high)
    return st.floats()
