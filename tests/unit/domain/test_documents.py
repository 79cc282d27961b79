"""Reading JSON documents: exactly, or with the place of what is wrong."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accio.domain.documents import MAX_DEPTH, JsonProblem, parse_document, parse_json
from accio.domain.issues import Issue
from accio.errors import InvalidDefinition


def refused(data: bytes | str) -> Issue:
    with pytest.raises(InvalidDefinition) as error:
        parse_document(data)
    (issue,) = error.value.issues
    assert error.value.message == str(issue)
    return issue


def nested(depth: int) -> str:
    return '{"a":' + "[" * (depth - 1) + "]" * (depth - 1) + "}"


@pytest.mark.parametrize(
    ("data", "mentioned", "line", "column"),
    [
        (b"", "end of the document", 1, 1),
        (b'{"a":1,}', "key in quotation marks", 1, 8),
        (b'{"a":1\n "b":2}', "','", 2, 2),
        (b'{\n  "a": tru\n}', "expected a value", 2, 8),
        (b'{"a":1} x', "expected the end", 1, 9),
        (b'{"a" 1}', "':'", 1, 6),
        (b'{"a":[1 2]}', "']'", 1, 9),
        (b'{"a":01}', "','", 1, 7),
        (b'{"a":"x', "unterminated", 1, 6),
        (b'{"a":"\t"}', "control character", 1, 7),
        (b'{"a":"\\x"}', "escape", 1, 7),
        (b'{"a":1,\n"b":{"c":1, "c":2}}', "'c' is there twice", 2, 13),
        (b'{"a":NaN}', "expected a value, found 'NaN'", 1, 6),
        (b'{"a":-Infinity}', "expected a value, found '-Infinity'", 1, 6),
        (b'{"a":True}', "expected a value, found 'True'", 1, 6),
        (b"{a:1}", "key in quotation marks, found 'a'", 1, 2),
        (b'{"a":1e999}', "beyond", 1, 6),
        (b'{"a":1e-99999999999999999999}', "beyond", 1, 6),
        (b'{"a":' + b"1" * 1_000_000 + b"}", "1000000", 1, 6),
        (b'{"a":"\\ud800"}', "surrogate", 1, 6),
        (b'{"\\udc00":1}', "surrogate", 1, 2),
        (b'{"a":"x\\u0000"}', "NUL", 1, 6),
        (b'{"a":"\xff"}', "0xff", 1, 7),
        (nested(MAX_DEPTH + 1), "levels", 1, MAX_DEPTH + 5),
        (b"[" * 100_000, "levels", 1, MAX_DEPTH + 1),
        (b'{"a":' * 100_000, "levels", 1, 5 * MAX_DEPTH + 1),
        ('{"a":"\ud800"}', "surrogate", 1, 6),
    ],
)
def test_the_place_of_what_is_wrong(data: bytes | str, mentioned: str, line: int, column: int) -> None:
    """An issue says what was expected, in which line and column; nothing else is raised."""
    issue = refused(data)
    assert mentioned in issue.message
    assert (issue.path, issue.line, issue.column) == ("", line, column)
    assert f"line {line}, column {column}" in str(issue)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_are_named(encoding: str) -> None:
    """A file in UTF-16 or UTF-32 is told from broken UTF-8."""
    assert "UTF-16" in refused('{"a":1}'.encode(encoding)).message


def test_a_document_is_an_object() -> None:
    """Other JSON is refused by what it is."""
    for text, name in (
        ("[1]", "an array"),
        ('"x"', "a text"),
        ("1", "a number"),
        ("null", "null"),
        ("true", "a boolean"),
    ):
        assert name in refused(text).message


def test_a_large_document_is_refused_by_its_size() -> None:
    """A document above the limit isn't even looked at."""
    with pytest.raises(InvalidDefinition, match="at most 10 bytes, found 11"):
        parse_document(b"{" + b" " * 9 + b"}", max_bytes=10)


def test_numbers_are_exact() -> None:
    """Whole numbers are int, all others Decimal, and a byte order mark is tolerated."""
    document = parse_document(b'\xef\xbb\xbf{"a": 9223372036854775808, "b": 0.10, "c": 1e5, "d": -0}')
    assert document == {"a": 9223372036854775808, "b": Decimal("0.10"), "c": Decimal("1e5"), "d": 0}
    assert str(document["b"]) == "0.10"


def test_the_deepest_document_is_read() -> None:
    """Depth up to the limit is fine."""
    assert parse_document(nested(MAX_DEPTH))


def test_escaped_characters_beyond_the_first_plane_are_read() -> None:
    """A pair of escaped surrogates is a character."""
    assert parse_document(b'{"a":"\\ud83d\\ude00"}') == {"a": "\U0001f600"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(st.characters(exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(json_values, st.booleans())
def test_good_json_is_read_as_it_is(value: Any, ascii_only: bool) -> None:
    """What a JSON library writes is read back, escaped or not, unless it isn't Unicode."""
    text = json.dumps(value, ensure_ascii=ascii_only)
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        with pytest.raises(JsonProblem):
            parse_json(text)
    else:
        if "\\u0000" not in text:
            assert parse_json(text) == value


@given(st.text(st.sampled_from('{}[]",:0123456789.eE+-truefalsn \\u\n')))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text raises anything but a problem with a place, and what is accepted is JSON."""
    try:
        document = parse_json(text)
    except JsonProblem as problem:
        place = (problem.line, problem.column)
    else:
        place = (1, 1)
        assert json.loads(text, parse_float=Decimal) == document
    assert place >= (1, 1)
