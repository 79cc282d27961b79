"""The query language as frozen values: what a text means before anybody asks which fields there are.

`str()` of a filter is its canonical text, and parsing that gives an equal filter. Places in the text that was parsed
are kept for messages; they count for nothing when filters are compared. docs/queries.md describes the language.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from enum import StrEnum
from typing import Generic, TypeAlias, TypeVar

from accio.late import dataclass

T = TypeVar("T")

KEYWORDS = frozenset({"and", "or", "not", "in"})
# What can stand in a query without quotation marks. `!` is an operator only before `=`.
WORD = r"""(?:[^\s()"'=<>~,!]|!(?!=))+"""
_WORD = re.compile(WORD)
# Signs of other languages: as words they would be searched for in silence.
FOREIGN = {"&&": "and", "||": "or", "&": "and", "|": "or"}


class Op(StrEnum):
    """How a field is compared with a value."""

    EQUAL = "="
    DIFFERENT = "!="
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    CONTAINS = "~"


ORDERED = frozenset({Op.LESS, Op.AT_MOST, Op.MORE, Op.AT_LEAST})


@dataclass(frozen=True, slots=True)
class Span:
    """A place in the text that was parsed: the first character, and the one behind the last."""

    start: int = 0
    end: int = 0


_NOWHERE = Span()


@dataclass(frozen=True, slots=True)
class Everything:
    """The empty query: all match."""

    def __str__(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Text:
    """A word, or a phrase in quotation marks, that is searched for."""

    text: str
    at: Span = field(default=_NOWHERE, compare=False, repr=False)

    def __str__(self) -> str:
        return quoted_name(self.text)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`name op value`; the value is text until a context says how it is read."""

    name: str
    op: Op
    value: str
    name_at: Span = field(default=_NOWHERE, compare=False, repr=False)
    value_at: Span = field(default=_NOWHERE, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{quoted_name(self.name)}{self.op}{quoted_value(self.value)}"


@dataclass(frozen=True, slots=True)
class OneOf:
    """`name in (value, value)`."""

    name: str
    values: tuple[str, ...]
    name_at: Span = field(default=_NOWHERE, compare=False, repr=False)
    values_at: tuple[Span, ...] = field(default=(), compare=False, repr=False)

    def __str__(self) -> str:
        return f"{quoted_name(self.name)} in ({', '.join(map(quoted_value, self.values))})"


@dataclass(frozen=True, slots=True)
class Not:
    """What doesn't match."""

    part: "Filter"

    def __str__(self) -> str:
        return f"not {_inside(self.part, (And, Or))}"


@dataclass(frozen=True, slots=True)
class And:
    """What matches all of two parts or more, none of which is an And itself."""

    parts: tuple["Filter", ...]

    def __str__(self) -> str:
        return " ".join(_inside(part, (And, Or)) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Or:
    """What matches any of two parts or more, none of which is an Or itself."""

    parts: tuple["Filter", ...]

    def __str__(self) -> str:
        return " or ".join(_inside(part, (Or,)) for part in self.parts)


Term: TypeAlias = Comparison | OneOf
Leaf: TypeAlias = Text | Comparison | OneOf
Filter: TypeAlias = Everything | Text | Comparison | OneOf | Not | And | Or

EVERYTHING = Everything()
NOTHING = Not(EVERYTHING)


def _inside(part: Filter, bracketed: tuple[type, ...]) -> str:
    text = str(part) if part != EVERYTHING else "()"
    return f"({text})" if isinstance(part, bracketed) else text


def quoted_name(text: str) -> str:
    """Return a name or a word as it stands in a query: in quotation marks where it could be mistaken."""
    return text if _is_plain(text) and text.lower() not in KEYWORDS else _quoted(text)


def quoted_value(text: str) -> str:
    """Return a value as it stands in a query; where a value is due, no word is a keyword."""
    return text if _is_plain(text) else _quoted(text)


def _is_plain(text: str) -> bool:
    return _WORD.fullmatch(text) is not None and text not in FOREIGN


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


# ------------------------------------------------------------------------------------------------------ combinations


def all_of(parts: Sequence[Filter]) -> Filter:
    """Return what matches all of *parts*; what is nested is flattened, and Everything left out."""
    flat: list[Filter] = []
    for part in parts:
        flat += part.parts if isinstance(part, And) else () if part == EVERYTHING else (part,)
    return EVERYTHING if not flat else flat[0] if len(flat) == 1 else And(tuple(flat))


def any_of(parts: Sequence[Filter]) -> Filter:
    """Return what matches any of *parts*, at least one; what is nested is flattened."""
    flat: list[Filter] = []
    for part in parts:
        flat += part.parts if isinstance(part, Or) else (part,)
    if not flat:
        return NOTHING
    return EVERYTHING if EVERYTHING in flat else flat[0] if len(flat) == 1 else Or(tuple(flat))


def conjuncts(filter_: Filter) -> tuple[Filter, ...]:
    """Return the parts of which all must match."""
    if isinstance(filter_, And):
        return filter_.parts
    return () if filter_ == EVERYTHING else (filter_,)


def leaves(filter_: Filter) -> Iterator[Leaf]:
    """Go through the terms and words, from left to right."""
    match filter_:
        case Everything():
            return
        case Not(part=part):
            yield from leaves(part)
        case And(parts=parts) | Or(parts=parts):
            for part in parts:
                yield from leaves(part)
        case _:
            yield filter_


def fold(
    filter_: Filter,
    *,
    everything: Callable[[], T],
    leaf: Callable[[Leaf], T],
    negate: Callable[[T], T],
    conjoin: Callable[[list[T]], T],
    disjoin: Callable[[list[T]], T],
) -> T:
    """Compute from the leaves upwards: the one walk that every meaning of a filter shares."""
    return _Meaning(everything, leaf, negate, conjoin, disjoin).of(filter_)


class _Meaning(Generic[T]):
    """What the parts of a filter mean. A function that calls itself would hold itself, and all that it knows of, until
    the collector of cycles comes.
    """

    def __init__(
        self,
        everything: Callable[[], T],
        leaf: Callable[[Leaf], T],
        negate: Callable[[T], T],
        conjoin: Callable[[list[T]], T],
        disjoin: Callable[[list[T]], T],
    ) -> None:
        self._everything = everything
        self._leaf = leaf
        self._negate = negate
        self._conjoin = conjoin
        self._disjoin = disjoin

    def of(self, part: Filter) -> T:
        match part:
            case Everything():
                return self._everything()
            case Not(part=inner):
                return self._negate(self.of(inner))
            case And(parts=parts):
                return self._conjoin([self.of(each) for each in parts])
            case Or(parts=parts):
                return self._disjoin([self.of(each) for each in parts])
            case _:
                return self._leaf(part)


def substitute(filter_: Filter, known: Callable[[Leaf], Filter]) -> Filter:
    """Return the filter with each leaf replaced by what *known* returns for it, simplified where that decides."""

    def conjoin(parts: list[Filter]) -> Filter:
        return NOTHING if NOTHING in parts else all_of(parts)

    def disjoin(parts: list[Filter]) -> Filter:
        return any_of([part for part in parts if part != NOTHING])

    def negate(part: Filter) -> Filter:
        return EVERYTHING if part == NOTHING else Not(part)

    return fold(filter_, everything=lambda: EVERYTHING, leaf=known, negate=negate, conjoin=conjoin, disjoin=disjoin)
