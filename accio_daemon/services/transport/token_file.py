"""The token file: who may call before there is any other token, and who always may.

It has one `TOKEN Name <email>` per line; the name may be missing. Lines that begin with # are comments. Only its owner
may read the file. Its first token is that of the data folder's owner, an administrator's; so is any without a name,
which proves that the caller may use the daemon, while who it is, is what its requests say. The others are their
people's. With any of them agents may join, as before there were tokens of their own for that.
"""

import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from accio.domain.access import Caller, TokenKind
from accio.domain.people import Person, parse_person
from accio.domain.problems import ValueProblem
from accio.errors import BadRequest, PermissionDenied
from accio.places import read_token_file

EVERYTHING = frozenset({TokenKind.USER, TokenKind.AGENT, TokenKind.ADMIN})
OWN_THINGS = frozenset({TokenKind.USER, TokenKind.AGENT})


def read_entries(path: Path) -> list[tuple[str, Person | None]]:
    """Read a token file; one that others may read or change, or without a token, is refused."""
    mode = path.stat().st_mode
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise PermissionDenied(f"{path} may be used by others (mode {stat.S_IMODE(mode):04o}); run: chmod 600 {path}")
    entries = list(parse_entries(read_token_file(path).splitlines(), str(path)))
    if not entries:
        raise BadRequest(f"{path} holds no token; delete it and the daemon writes a new one")
    return entries


def parse_entries(lines: Sequence[str], place: str) -> Iterable[tuple[str, Person | None]]:
    """Read the lines of a token file."""
    for number, line in enumerate(lines, start=1):
        token, _, person = line.strip().partition(" ")
        if not token or token.startswith("#"):
            continue
        if len(token) < 16:
            raise BadRequest(f"{place}, line {number}: expected a token of at least 16 characters, found {len(token)}")
        yield token, read_person(person, f"{place}, line {number}: ")


def callers(entries: Iterable[tuple[str, Person | None]]) -> Iterable[tuple[str, Caller]]:
    """Yield each token of a file with whom it identifies; a token that stands there twice is the first one's."""
    seen: set[str] = set()
    for place, (token, person) in enumerate(entries):
        if token not in seen:
            seen.add(token)
            kinds = EVERYTHING if place == 0 or person is None else OWN_THINGS
            yield token, Caller(kinds=kinds, person=person)


def read_person(text: str, place: str = "") -> Person | None:
    """Read a person, None for an empty text."""
    if not text.strip():
        return None
    try:
        return parse_person(text)
    except ValueProblem as problem:
        raise BadRequest(f"{place}{problem.message}") from None
