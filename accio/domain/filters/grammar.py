"""Reading a query: tokens, and a parser by recursive descent. Work is linear in the text, whose length is bounded."""

import re
from enum import Enum, auto
from functools import lru_cache

from accio.domain.filters.problems import FilterProblem
from accio.domain.filters.syntax import (
    EVERYTHING,
    FOREIGN,
    KEYWORDS,
    WORD,
    Comparison,
    Filter,
    Not,
    OneOf,
    Op,
    Span,
    Text,
    all_of,
    any_of,
)
from accio.late import dataclass

MAX_LENGTH = 10_000
REMEMBERED = 64
MAX_DEPTH = 50
"""Levels of parentheses and `not`: they bound the recursion here, and of everything that walks a filter."""

# Operators of other languages, longest first, and what they are called here.
_MISTAKEN = {"=~": "~", "!~": "not … ~", "==": "=", "=<": "<=", "=>": ">=", "<>": "!="}
_TOKEN = re.compile(
    rf"""\s*(?:(?P<mistaken>=~|!~|==|=<|=>|<>)|(?P<op>!=|<=|>=|=|<|>|~)|(?P<open>\()|(?P<close>\))|(?P<comma>,)"""
    rf"""|(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<unclosed>["'].*)|(?P<word>{WORD})|(?P<end>\Z))""",
    re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class _Kind(Enum):
    OP = auto()
    OPEN = auto()
    CLOSE = auto()
    COMMA = auto()
    QUOTED = auto()
    WORD = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: _Kind
    text: str
    at: Span

    def is_keyword(self, word: str) -> bool:
        return self.kind is _Kind.WORD and self.text.lower() == word

    def __str__(self) -> str:
        return "the end" if self.kind is _Kind.END else f"'{self.text}'"


@lru_cache(maxsize=REMEMBERED)
def parse(text: str) -> Filter:
    """Read a query; FilterProblem says what is wrong, and where.

    The last ones are remembered: pages ask the same again and again, and one that is as long as it may be takes long.
    """
    if len(text) > MAX_LENGTH:
        raise FilterProblem(f"a query has at most {MAX_LENGTH} characters, found {len(text)}", MAX_LENGTH, len(text))
    return _Parser(_tokens(text)).read()


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while not tokens or tokens[-1].kind is not _Kind.END:
        match = _TOKEN.match(text, at)
        assert match is not None, "each character begins some token"
        name = str(match.lastgroup)
        found, span = match[name], Span(*match.span(name))
        at = span.end
        if name == "unclosed":
            raise FilterProblem(f"the quotation mark {found[0]} isn't closed", span.start, span.end)
        if name == "mistaken":
            raise FilterProblem(f"there is no operator '{found}'", span.start, span.end, _MISTAKEN[found])
        if name == "word" and found in FOREIGN:
            raise FilterProblem(f"there is no '{found}' in queries", span.start, span.end, FOREIGN[found])
        if name == "quoted":
            found = _unquoted(found, span)
        tokens.append(_Token(_Kind[name.upper()], found, span))
    return tokens


def _unquoted(text: str, at: Span) -> str:
    """Return the text between quotation marks; a backslash stands before a quotation mark or a backslash."""
    for escape in _ESCAPED.finditer(text):
        if escape[1] not in "\"'\\":
            place = at.start + escape.start()
            message = r"in quotation marks, a backslash stands before another one (\\) or a quotation mark"
            raise FilterProblem(f"{message}, found '{escape[0]}'", place, place + 2)
    return _ESCAPED.sub(r"\1", text[1:-1])


class _Parser:
    """Or binds weakest, then and (or nothing between two parts), then not."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def read(self) -> Filter:
        if self._next().kind is _Kind.END:
            return EVERYTHING
        found = self._or(0)
        if self._next().kind is not _Kind.END:
            raise self._unexpected()
        return found

    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _unexpected(self) -> FilterProblem:
        token = self._next()
        match token.kind:
            case _Kind.CLOSE:
                message = "there is no open parenthesis for this one"
            case _Kind.COMMA:
                message = (
                    "commas stand in lists only, as in 'state in (failed, killed)'; put other texts in quotation marks"
                )
            case _Kind.OP:
                message = f"expected a field before {token}"
            case _:
                message = f"expected a field or a word, found {token}"
        return FilterProblem(message, token.at.start, token.at.end)

    def _or(self, depth: int) -> Filter:
        parts = [self._and(depth)]
        while self._next().is_keyword("or"):
            self._take()
            parts.append(self._and(depth))
        return any_of(parts)

    def _and(self, depth: int) -> Filter:
        parts = [self._not(depth)]
        while True:
            if self._next().is_keyword("and"):
                self._take()
            elif self._next().kind not in (_Kind.WORD, _Kind.QUOTED, _Kind.OPEN) or self._next().is_keyword("or"):
                return all_of(parts)
            parts.append(self._not(depth))

    def _not(self, depth: int) -> Filter:
        token = self._next()
        if depth > MAX_DEPTH:
            raise FilterProblem(f"a query nests to at most {MAX_DEPTH} levels", token.at.start, token.at.end)
        if token.is_keyword("not"):
            self._take()
            return Not(self._not(depth + 1))
        if token.kind is not _Kind.OPEN:
            return self._term()
        self._take()
        if self._next().kind is _Kind.CLOSE:  # what nothing restricts: everything, and after `not`, nothing
            self._take()
            return EVERYTHING
        inner = self._or(depth + 1)
        if self._next().kind is _Kind.END:
            raise FilterProblem("this parenthesis isn't closed", token.at.start, token.at.end)
        if self._next().kind is not _Kind.CLOSE:
            raise self._unexpected()
        self._take()
        return inner

    def _term(self) -> Filter:
        token = self._next()
        is_name = token.kind is _Kind.QUOTED or (token.kind is _Kind.WORD and token.text.lower() not in KEYWORDS)
        if not is_name:
            raise self._unexpected()
        self._take()
        if self._next().kind is _Kind.OP:
            op = Op(self._take().text)
            value = self._value(f"a value after '{token.text} {op}'")
            return Comparison(token.text, op, value.text, token.at, value.at)
        if self._next().is_keyword("in"):
            self._take()
            return self._one_of(token)
        if self._next().is_keyword("not") and self._tokens[self._at + 1].is_keyword("in"):
            self._at += 2
            return Not(self._one_of(token))
        return Text(token.text, token.at)

    def _one_of(self, name: _Token) -> OneOf:
        brackets = self._next().kind is _Kind.OPEN
        opened = self._take() if brackets else self._next()
        values = [self._value(f"a value after '{name.text} in'")]
        while self._next().kind is _Kind.COMMA:
            self._take()
            values.append(self._value("a value after the comma"))
        if brackets:
            if self._next().kind is _Kind.END:
                raise FilterProblem("this parenthesis isn't closed", opened.at.start, opened.at.end)
            if self._next().kind is not _Kind.CLOSE:
                message = f"expected a comma or ')' in the list, found {self._next()}"
                raise FilterProblem(message, self._next().at.start, self._next().at.end)
            self._take()
        texts, places = tuple(value.text for value in values), tuple(value.at for value in values)
        return OneOf(name.text, texts, name.at, places)

    def _value(self, expected: str) -> _Token:
        token = self._next()
        if token.kind not in (_Kind.WORD, _Kind.QUOTED):
            hint = "; put a value that contains such signs in quotation marks" if token.kind is not _Kind.END else ""
            raise FilterProblem(f"expected {expected}, found {token}{hint}", token.at.start, token.at.end)
        return self._take()
