"""By what the right daemon is known where others could take its place: its certificate authority.

Whoever may join is told of it in a *join file* (address, authority, token), or in a *join token*, which holds a digest
of the authority in place of itself: `accio_j1_DIGEST_TOKEN`. Both hold a token, and are kept like one.
"""

import os
import re
import stat
from pathlib import Path
from typing import Self

import orjson

from accio.domain.problems import quote
from accio.errors import BadRequest, FailedPrecondition
from accio.late import dataclass

SERVER_NAME = "accio-daemon"
"""The name in every certificate that a daemon makes: so it doesn't matter by which address it is found."""

SYSTEM = "system"
"""Stands for the authorities that this machine trusts anyway."""

_SCHEMA = "accio/v1"
_PREFIX = "accio_j1_"
_DIGEST = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What a daemon must prove; all of it is TLS."""

    authority: str = ""  # certificates in PEM, or SYSTEM
    digest: str = ""  # of the authority, where no more is known of it
    name: str = ""  # in the daemon's certificate; empty for the host of its address


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """What a join file says. One without a *token* (empty) is for those who get one otherwise, as hosts of pools do."""

    address: str
    trust: Trust
    token: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a join file; one that others can read, or wrote, is refused, as it holds a token. Root is no other."""
        try:
            with path.open("rb") as file:
                found = os.fstat(file.fileno())
                content = file.read(1 << 20)
        except OSError as error:
            raise FailedPrecondition(
                f"the join file {path} can't be read: {error.strerror}; `accio daemon join-file` on the daemon's "
                "machine writes one"
            ) from None
        if found.st_uid not in (os.geteuid(), 0) or stat.S_IMODE(found.st_mode) & 0o077:
            raise FailedPrecondition(
                f"the join file {path} isn't yours alone: chown it to yourself, and chmod 600 {path}"
            )
        return cls._parse(content, path)

    @classmethod
    def _parse(cls, content: bytes, path: Path) -> Self:
        try:
            document = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise BadRequest(f"{path}: line {error.lineno}, column {error.colno}: {error.msg}") from None
        if not isinstance(document, dict) or document.get("kind") != "join":
            raise BadRequest(f"{path}: expected what `accio daemon join-file` writes, found {quote(document)}")
        needed = ["address", "authority", "name"]
        if "token" not in document or document["token"] is not None:  # which says that there is none
            needed.append("token")
        for name in needed:
            if not isinstance(value := document.get(name), str) or not (value or name == "name"):
                raise BadRequest(f'{path}: expected a text under "{name}", found {quote(value)}')
        if document["authority"] != SYSTEM and "BEGIN CERTIFICATE" not in document["authority"]:
            raise BadRequest(f'{path}: expected certificates in PEM under "authority", or "{SYSTEM}"')
        trust = Trust(authority=document["authority"], name=document["name"])
        return cls(address=document["address"], trust=trust, token=document["token"] or "")

    def write(self, path: Path) -> None:
        """Write a join file for its owner alone; nothing is replaced."""
        content = orjson.dumps(self._document(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            raise BadRequest(f"{path} is there already: remove it, or choose another name") from None
        except OSError as error:
            raise BadRequest(f"can't write {path}: {error.strerror}") from None
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)

    def _document(self) -> dict[str, str | None]:
        authority, name = self.trust.authority, self.trust.name
        said: dict[str, str | None] = {"schema": _SCHEMA, "kind": "join", "address": self.address}
        return said | {"authority": authority, "name": name, "token": self.token or None}


def join_token(digest: str, token: str) -> str:
    """Return a token that tells by which authority the daemon is known."""
    return f"{_PREFIX}{digest}_{token}"


def split_token(text: str) -> tuple[str, Trust | None]:
    """Return the token itself, and what a join token says besides; None of another one."""
    if not text.startswith(_PREFIX):
        return text, None
    digest, _, token = text.removeprefix(_PREFIX).partition("_")
    if not _DIGEST.fullmatch(digest) or not token:
        raise BadRequest(
            f"the join token is cut short: expected {_PREFIX}DIGEST_TOKEN, with 32 hexadecimal digits first"
        )
    return token, Trust(digest=digest)
