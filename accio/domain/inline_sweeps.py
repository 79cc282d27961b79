"""The short forms of a sweep on the command line: `x=1,2,3`, `x=1..5`, `x=1..10:2`, `x=1e-5..1:log`, `x={"from":…}`.

Numbers, booleans, distances, durations and timestamps have them, and so do texts where all are listed that there are.
Every other type keeps its text whole, since a comma or two dots may well belong to it. Values and bounds stay text,
also `null` (no value): whoever checks the definition reads them by the type.
"""

import re
from collections.abc import Collection, Sequence
from typing import Any

from accio.domain.datatypes import INTEGRAL, DataType, Kind
from accio.domain.documents import parse_document
from accio.domain.jsontypes import JsonObject
from accio.domain.numbers import integer
from accio.domain.problems import ValueProblem, quote
from accio.domain.quantities import parse_duration
from accio.errors import InvalidDefinition

_RANGES = INTEGRAL | {Kind.DOUBLE, Kind.DISTANCE, Kind.DURATION, Kind.TIMESTAMP}
_LISTS = _RANGES | {Kind.BOOLEAN}
_LOG = re.compile(r"log(?:2|10)?", re.ASCII)
_FORMS = "FROM..TO, FROM..TO:STEP, FROM..TO:count=N or FROM..TO:log"


def inline_form(
    datatype: DataType | None,
    texts: Sequence[str | None],
    *,
    continuous: bool = False,
    words: Collection[str] = (),
) -> JsonObject:
    """Return the form of a run definition that the *texts* of one parameter mean; without a type, they are values, and
    None is no value.

    A *continuous* range, which is sampled, needs no step. Where *words* lists all values, commas that belong to none of
    them separate values. ValueProblem if the texts mean nothing.
    """
    kind = None if datatype is None else datatype.kind
    if datatype is not None and kind in _RANGES:
        whole = [text for text in texts if text is not None and (".." in text or text.lstrip().startswith("{"))]
        if whole and len(texts) > 1:
            raise ValueProblem(f"expected one range, or values, found {quote(whole[0])} beside others")
        if whole:
            (text,) = whole
            is_form = ".." not in text or text.lstrip().startswith("{")
            return _object(text) if is_form else _range(datatype, text, continuous=continuous)
    lists = kind in _LISTS or bool(words)
    values = [
        piece for text in texts for piece in ([text] if text is None or text in words or not lists else _pieces(text))
    ]
    return {"value": values[0]} if len(values) == 1 else {"values": values}


def _pieces(text: str) -> list[str]:
    pieces = [piece.strip() for piece in text.split(",")]
    if len(pieces) > 1 and not all(pieces):
        raise ValueProblem(f"expected a value before and after each comma, found {quote(text)}")
    return pieces if len(pieces) > 1 else [text]


def _object(text: str) -> JsonObject:
    """Read a form that is written as in a file."""
    try:
        form: Any = parse_document(text.encode())
    except InvalidDefinition as error:
        expected = 'a form such as {"from": 1, "to": 5, "step": 1}'
        raise ValueProblem(f"expected {expected}, found {quote(text)}: {error.issues[0].message}") from None
    return dict(form)


def _range(datatype: DataType, text: str, *, continuous: bool) -> JsonObject:
    if "," in text:  # none of the types with ranges has one in a value
        raise ValueProblem(f"expected one range, or values with commas, found both in {quote(text)}: list all values")
    start, _, rest = (part.strip() for part in text.partition(".."))
    end, options = _options(datatype, rest)
    if not start or not end or ".." in end:
        raise ValueProblem(f"expected a range such as {_FORMS}, found {quote(text)}")
    form: JsonObject = {"from": start, "to": end}
    for option in options:
        key, value = _option(option, text)
        if key in form:
            raise ValueProblem(f"expected '{key}' once, found it twice in {quote(text)}")
        form[key] = value
    if not options and not continuous:
        if datatype.kind not in INTEGRAL:
            log = datatype.kind is not Kind.TIMESTAMP
            needs = "a step, a count or 'log'" if log else "a step or a count"
            ways = [f"{text}:STEP", f"{text}:count=N", *([f"{text}:log"] if log else [])]
            raise ValueProblem(f"a range of {datatype} needs {needs}, found {quote(text)}; write {' or '.join(ways)}")
        if _goes_down(start, end):
            raise ValueProblem(f"{quote(text)} goes down, and without a step it goes up by 1; write {text}:-1")
        form["step"] = "1"
    return form


def _goes_down(start: str, end: str) -> bool:
    try:
        return integer(Kind.LONG, start) > integer(Kind.LONG, end)
    except ValueProblem:  # whoever checks the definition says what is wrong with a bound
        return False


def _options(datatype: DataType, text: str) -> tuple[str, list[str]]:
    """Return the end of a range, and what follows it after colons."""
    if datatype.kind is not Kind.TIMESTAMP:
        end, *options = text.split(":")
        return end.strip(), [option.strip() for option in options]
    options = []
    while ":" in text:  # a timestamp has colons of its own, and none before a duration or a word
        before, _, option = text.rpartition(":")
        if not _is_option(option.strip()):
            break
        text, options = before, [option.strip(), *options]
    return text.strip(), options


def _is_option(text: str) -> bool:
    if "=" in text or _LOG.fullmatch(text):
        return True
    try:
        parse_duration(text)
    except ValueProblem:
        return False
    return not re.fullmatch(r"[0-9]{2}(?:\.[0-9]+)?", text)  # the minutes or seconds of a timestamp


def _option(option: str, text: str) -> tuple[str, Any]:
    """Return the key and value of the form that an option of a range stands for."""
    if _LOG.fullmatch(option):
        return option, True
    key, equal, value = (part.strip() for part in option.partition("="))
    if not equal:
        key, value = "step", key
    if key not in ("step", "count") or not value:
        raise ValueProblem(
            f"expected a step, 'count=N' or 'log' after the colon, found {quote(option)} in {quote(text)}"
        )
    if key == "count":
        if not (value.isascii() and value.isdigit()):
            raise ValueProblem(f"expected a whole number in 'count=N', found {quote(option)} in {quote(text)}")
        return key, int(value)
    return key, value
