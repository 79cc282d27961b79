"""Reading the JSON of definitions: exact numbers, and a clear issue with line and column for whatever is no JSON.

The fast path is the standard parser, told to refuse what is dangerous. Only when it refuses does a second, slower
reader look for the place, so that a good document of many megabytes costs no more than it must.
Refused besides syntax errors: duplicate keys, NaN and infinities, numbers beyond a double or of very many digits,
nesting deeper than MAX_DEPTH, lone surrogates, the character NUL, and encodings other than UTF-8.
"""

import json
import re
from decimal import Decimal
from typing import Any, Never

from accio.domain.issues import Issue
from accio.domain.jsontypes import JsonObject
from accio.errors import InvalidDefinition

MAX_DEPTH = 64
MAX_BYTES = 64 * 1024 * 1024
MAX_NUMBER = 1000

# Escapes that may be a NUL or a lone surrogate; a real pair is looked at more closely.
_SUSPECT = re.compile(r"\\u(?:[dD][89a-fA-F]|0000)")
_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
# What is shown of the place where something else was expected.
_WORD = re.compile(r"[+-]?\w{1,20}|.", re.DOTALL)
_STRINGS = json.JSONDecoder()
_WORDS = {"true": True, "false": False, "null": None}


class JsonProblem(ValueError):
    """A text that is no acceptable JSON; line and column count from 1."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


class _Refused(ValueError):
    """Raised inside the standard parser; the slow reader finds out where and why."""


def parse_document(data: bytes | str, max_bytes: int = MAX_BYTES) -> JsonObject:
    """Read a definition, which is one JSON object; InvalidDefinition if it is none."""
    size = len(data)
    if size > max_bytes:
        raise InvalidDefinition([Issue("", f"expected at most {max_bytes} bytes, found {size}")])
    text = data if isinstance(data, str) else _decoded(data)
    try:
        document = parse_json(text)
    except JsonProblem as problem:
        raise InvalidDefinition([Issue("", problem.message, None, problem.line, problem.column)]) from None
    if not isinstance(document, dict):
        raise InvalidDefinition([Issue("", f"expected a JSON object, found {_name(document)}")])
    return document


def parse_json(text: str) -> Any:
    """Read any JSON text exactly (integers as int, other numbers as Decimal); JsonProblem if it is none."""
    text = text.removeprefix("\ufeff")
    if _SUSPECT.search(text) is None and _is_unicode(text):
        try:
            document = _FAST.decode(text)
        except (ValueError, RecursionError):
            pass
        else:
            if not _too_deep(document):
                return document
    return _SlowReader(text).document()


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or (b"\0" in data[:4]):
        raise InvalidDefinition([Issue("", "expected JSON in UTF-8, found UTF-16 or UTF-32: save the file as UTF-8")])
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        good = data[: error.start].decode()
        line, column = _place(good, len(good))
        message = f"expected JSON in UTF-8, found the byte 0x{data[error.start]:02x}, which is none"
        raise InvalidDefinition([Issue("", message, None, line, column)]) from None


def _place(text: str, at: int) -> tuple[int, int]:
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def _name(document: Any) -> str:
    names = {list: "an array", str: "a text", bool: "a boolean", type(None): "null"}
    return names.get(type(document), "a number")


def _unique(pairs: list[tuple[str, Any]]) -> JsonObject:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Refused
    return members


def _whole(text: str) -> int:
    if len(text) > MAX_NUMBER:
        raise _Refused
    return int(text)


def _fraction(text: str) -> Decimal:
    if len(text) > MAX_NUMBER or float(text) in (float("inf"), float("-inf")):
        raise _Refused
    _, _, exponent = text.lower().partition("e")
    # An exponent may be astronomic, and then even a comparison of decimals would not end.
    if int(exponent or 0) < -MAX_NUMBER:
        raise _Refused
    return Decimal(text)


def _constant(text: str) -> Never:
    raise _Refused(text)


_FAST = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_fraction, parse_int=_whole, parse_constant=_constant)


def _too_deep(document: Any) -> bool:
    """Return whether arrays and objects nest deeper than MAX_DEPTH; works level by level, without recursion."""
    level = [document]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below.extend(member for member in value.values() if isinstance(member, dict | list))
            elif isinstance(value, list):
                below.extend(member for member in value if isinstance(member, dict | list))
        if not below:
            return False
        level = below
    return True


class _SlowReader:
    """A JSON reader that knows where it is; recursion is bounded by MAX_DEPTH."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def document(self) -> Any:
        self._skip()
        value = self._value(1)
        self._skip()
        if self._at < len(self._text):
            raise self._problem(f"expected the end of the document, found {self._found()}")
        return value

    def _problem(self, message: str, at: int | None = None) -> JsonProblem:
        return JsonProblem(message, *_place(self._text, self._at if at is None else at))

    def _found(self) -> str:
        match = _WORD.match(self._text, self._at)
        return "the end of the document" if match is None else repr(match[0])

    def _skip(self) -> None:
        match = _SPACE.match(self._text, self._at)
        if match is not None:
            self._at = match.end()

    def _take(self, wanted: str) -> bool:
        taken = self._text.startswith(wanted, self._at)
        if taken:
            self._at += len(wanted)
        return taken

    def _value(self, level: int) -> Any:
        if self._text.startswith(("{", "["), self._at):
            if level > MAX_DEPTH:
                raise self._problem(f"expected at most {MAX_DEPTH} levels of arrays and objects, found more")
            return self._object(level) if self._take("{") else self._array(level)
        if self._text.startswith('"', self._at):
            return self._string()
        for word, value in _WORDS.items():
            if self._take(word):
                return value
        return self._number()

    def _array(self, level: int) -> list[Any]:
        self._take("[")
        elements: list[Any] = []
        self._skip()
        if self._take("]"):
            return elements
        while True:
            self._skip()
            elements.append(self._value(level + 1))
            self._skip()
            if self._take("]"):
                return elements
            if not self._take(","):
                raise self._problem(f"expected ',' or ']', found {self._found()}")

    def _object(self, level: int) -> JsonObject:
        members: JsonObject = {}
        self._skip()
        if self._take("}"):
            return members
        while True:
            self._skip()
            start = self._at
            if not self._text.startswith('"', start):
                raise self._problem(f"expected a key in quotation marks, found {self._found()}")
            key = self._string()
            if key in members:
                raise self._problem(f"the key {key!r} is there twice in one object", start)
            self._skip()
            if not self._take(":"):
                raise self._problem(f"expected ':' after the key {key!r}, found {self._found()}")
            self._skip()
            members[key] = self._value(level + 1)
            self._skip()
            if self._take("}"):
                return members
            if not self._take(","):
                raise self._problem(f"expected ',' or '}}', found {self._found()}")

    def _string(self) -> str:
        start = self._at
        text: str
        try:
            text, self._at = _STRINGS.raw_decode(self._text, start)
        except json.JSONDecodeError as error:
            reason = error.msg[0].lower() + error.msg[1:].removesuffix(" at")
            raise self._problem(f"expected a text in quotation marks: {reason}", error.pos) from None
        if "\0" in text:
            raise self._problem("a text holds the character NUL, which is not allowed", start)
        try:
            text.encode()
        except UnicodeEncodeError:
            message = "a text holds a lone surrogate (\\ud800 to \\udfff), which is no character"
            raise self._problem(message, start) from None
        return text

    def _number(self) -> int | Decimal:
        match = _NUMBER.match(self._text, self._at)
        if match is None:
            raise self._problem(f"expected a value, found {self._found()}")
        text = match[0]
        if len(text) > MAX_NUMBER:
            raise self._problem(f"expected a number of at most {MAX_NUMBER} digits, found {len(text)}")
        try:
            number = _fraction(text) if match[1] or match[2] else _whole(text)
        except _Refused:
            raise self._problem(f"the number {text[:40]} is beyond what a double holds") from None
        self._at = match.end()
        return number
