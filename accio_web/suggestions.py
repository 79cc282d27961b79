"""What may be written next in a query (docs/queries.md): names, operators and values for the place of the cursor."""

import re
from collections.abc import Iterable, Sequence

from accio.domain.datatypes import DataType, Kind
from accio.domain.filters import Context, Of, Op, Reads, Subject
from accio.domain.filters.literals import has_order, is_text
from accio.late import dataclass
from accio_client.documents import Document

MOST = 12
LOOKED_AT = 500
"""How much of a text before the cursor is looked at: the patterns below take the square of it, on the event loop."""

_WORD = r"[^\s()\"'=<>~!,]"
_VALUE = re.compile(rf"({_WORD}+)\s*(?:!=|<=|>=|=|<|>|~)\s*(\"[^\"]*|{_WORD}*)$")
_LISTED = re.compile(rf"({_WORD}+)\s+(?:not\s+)?in\s+\(?(?:[^()]*,\s*)?(\"[^\"]*|{_WORD}*)$", re.IGNORECASE)
_NAME = re.compile(rf"{_WORD}*$")
_PLAIN = re.compile(rf"{_WORD}+")
_SPANS = ("1h", "1d", "7d", "30d")
_KEYWORDS = ("and", "or", "not", "in")


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestions:
    """Texts that may stand from *start* to the cursor, each with a remark."""

    start: int
    texts: tuple[tuple[str, str], ...]

    def to_json(self) -> Document:
        """Return the part of a document that tells them."""
        return {"start": self.start, "suggestions": [{"text": text, "help": remark} for text, remark in self.texts]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The word that ends at the cursor: where it begins, and of what it is a value; None where it is a name."""

    start: int
    begun: str
    subject: Subject | None


def place_in(text: str, context: Context) -> Place:
    """Return what is being written at the end of *text*."""
    before = max(0, len(text) - LOOKED_AT)
    looked_at = text[before:]
    match = _VALUE.search(looked_at) or _LISTED.search(looked_at)
    if match is not None and (subject := context.find(match[1])) is not None:
        return Place(start=before + match.start(2), begun=match[2].removeprefix('"'), subject=subject)
    begun = found[0] if (found := _NAME.search(looked_at)) else ""
    return Place(start=len(text) - len(begun), begun=begun, subject=None)


def suggested(place: Place, context: Context, known: Sequence[str]) -> Suggestions:
    """Return what may stand at a place; *known* are values that its subject has, beside those that it can only have."""
    if place.subject is not None:
        begun = place.begun.lower()
        values = [each for each in _values(place.subject, known) if begun in each.lower() and each != place.begun]
        return Suggestions(start=place.start, texts=tuple((_quoted(each), "") for each in values[:MOST]))
    if place.begun and (subject := _exactly(context, place.begun)) is not None:
        operators = tuple((place.begun + op, remark) for op, remark in _operators(subject))
        return Suggestions(start=place.start, texts=operators)
    return Suggestions(start=place.start, texts=tuple(_names(place.begun, context)))


def _exactly(context: Context, name: str) -> Subject | None:
    return context.find(name) if name in context.names() else None


def _names(begun: str, context: Context) -> Iterable[tuple[str, str]]:
    lower = begun.lower()
    names = [name for name in context.names() if lower in name.lower() and name.lower() not in _KEYWORDS]
    first = sorted(names, key=lambda name: not name.lower().startswith(lower))
    for name in first[:MOST]:
        field = context.fields.get(name)
        yield name, field.help if field is not None else _what(context.find(name))


def _what(subject: Subject | None) -> str:
    match subject:
        case Subject(of=Of.PARAMETER, reads=DataType() as datatype):
            return f"a parameter: {datatype}"
        case Subject(of=Of.OUTPUT, reads=DataType() as datatype):
            return f"an output: {datatype}"
        case Subject(of=Of.METRIC):
            return "a metric"
        case _:
            return "a parameter"


def _operators(subject: Subject) -> Iterable[tuple[str, str]]:
    yield Op.EQUAL.value, "is exactly"
    yield Op.DIFFERENT.value, "is anything else"
    if is_text(subject.reads) or subject.reads is Reads.ANY:
        yield Op.CONTAINS.value, "contains"
    if has_order(subject.reads) or subject.reads is Reads.ANY:
        yield Op.LESS.value, "below"
        yield Op.AT_MOST.value, "at most"
        yield Op.MORE.value, "above"
        yield Op.AT_LEAST.value, "at least"
    yield " in ", "is one of"


def _values(subject: Subject, known: Sequence[str]) -> Sequence[str]:
    if subject.choices:
        return subject.choices
    if subject.reads is Reads.TIME:
        return _SPANS
    if isinstance(subject.reads, DataType) and subject.reads.kind is Kind.BOOLEAN:
        return ("true", "false")
    return known


def _quoted(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'
