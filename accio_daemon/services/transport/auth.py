"""Who calls: bearer tokens, and the file that names them.

The token file has one `TOKEN Name <email>` per line; the name may be missing: such a token proves that the caller may
use the daemon, and who he is, is what his requests say. Lines that begin with # are comments. Only its owner may read
the file.
"""

import hashlib
import hmac
import stat
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from pathlib import Path

from accio.domain.people import Person, parse_person
from accio.domain.problems import ValueProblem
from accio.errors import BadRequest, PermissionDenied, Unauthenticated

_SCHEME = "bearer "


class Tokens:
    """The tokens that this daemon takes. Only their digests are kept, and each comparison takes the same time."""

    def __init__(self, entries: Iterable[tuple[str, Person | None]]) -> None:
        """Accept these tokens, each with whom it identifies."""
        self._entries = [(_digest(token), person) for token, person in entries]

    def identify(self, authorization: str | bytes | None) -> Person | None:
        """Return whom an `authorization` header identifies (None: a token without a name), or raise Unauthenticated."""
        header = authorization.decode("ascii", "replace") if isinstance(authorization, bytes) else authorization
        if not header:
            raise Unauthenticated(
                "expected a bearer token, found none: set ACCIO_TOKEN, or ACCIO_DATA_DIR to the daemon's data folder"
            )
        found = _digest(header[len(_SCHEME) :].strip()) if header.lower().startswith(_SCHEME) else b""
        match: list[Person | None] = [person for token, person in self._entries if hmac.compare_digest(token, found)]
        if not match:
            raise Unauthenticated("the daemon doesn't know this token: set ACCIO_TOKEN to one of its token file")
        return match[0]


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def read_tokens(path: Path) -> Tokens:
    """Read a token file; one that others may read or change, or without a token, is refused."""
    mode = path.stat().st_mode
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise PermissionDenied(f"{path} may be used by others (mode {stat.S_IMODE(mode):04o}); run: chmod 600 {path}")
    tokens = Tokens(entries := list(parse_tokens(path.read_text(encoding="utf-8").splitlines(), str(path))))
    if not entries:
        raise BadRequest(f"{path} holds no token; delete it and the daemon writes a new one")
    return tokens


def parse_tokens(lines: Sequence[str], place: str) -> Iterable[tuple[str, Person | None]]:
    """Read the lines of a token file."""
    for number, line in enumerate(lines, start=1):
        token, _, person = line.strip().partition(" ")
        if not token or token.startswith("#"):
            continue
        if len(token) < 16:
            raise BadRequest(f"{place}, line {number}: expected a token of at least 16 characters, found {len(token)}")
        yield token, _person(person, f"{place}, line {number}: ")


def _person(text: str, place: str = "") -> Person | None:
    """Read a person, None for an empty text."""
    if not text.strip():
        return None
    try:
        return parse_person(text)
    except ValueProblem as problem:
        raise BadRequest(f"{place}{problem.message}") from None


IDENTITY: ContextVar[Person | None] = ContextVar("IDENTITY", default=None)
"""Whom the token of the current call identifies."""


def caller(claimed: str) -> Person:
    """Return who calls: whom the token identifies, else who the request says it is, else somebody without a name."""
    return IDENTITY.get() or _person(claimed) or Person(name="anonymous")
