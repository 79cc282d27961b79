"""Tokens: `accio token create|get|revoke`; and who changed what: `get changes`."""

from collections.abc import Sequence

import click

from accio.domain.access import TokenKind
from accio.domain.problems import ValueProblem
from accio.domain.quantities import parse_duration
from accio.errors import BadRequest
from accio_client.calls.numbers import MOST
from accio_client.cli.output import fields, out, table
from accio_client.cli.session import Session, accio_command, limited
from accio_client.cli.text import local_time
from accio_client.documents import change, document, token
from accio_client.views import ChangeView, NewToken, PersonView, TokenView


@accio_command
@click.option(
    "--kind", type=click.Choice([kind.value for kind in TokenKind]), required=True, help="What the token is for."
)
@click.option("--owner", metavar="PERSON", help="Whose token it is: 'Name <email>'; needed for a user's.")
@click.option("--name", default="", metavar="NAME", help="What it is called; of an agent's, its agent's only name.")
@click.option("--group", "groups", multiple=True, metavar="GROUP", help="Put its owner into this group.")
@click.option(
    "--pool", "pools", multiple=True, metavar="POOL", help="Of a pool's, let it serve this pool, and no others."
)
@click.option("--expires", metavar="DURATION", help="How long it holds, such as 90d; for ever by default.")
def create(
    session: Session,
    *,
    kind: str,
    owner: str | None,
    name: str,
    groups: tuple[str, ...],
    pools: tuple[str, ...],
    expires: str | None,
) -> None:
    """Make a token and show its secret, which is kept nowhere: it is shown this once.

    Kinds are user (a person: submits, and changes what is that person's own), agent (one agent), pool (serves pools,
    and makes tokens of their hosts) and admin (everything but being an agent). With -quiet the secret alone is printed.
    """
    lasting = 0 if expires is None else _milliseconds(expires)
    with session.client() as client:
        made = client.create_token(kind, owner=owner, name=name, groups=groups, expires_in_ms=lasting, pools=pools)
    content = document({"token": token(made.token), "secret": made.secret})
    session.answer(content, [made.secret], lambda: _show_made(made))
    session.say("the secret is shown this once; whoever uses the token sets ACCIO_TOKEN to it")


def _milliseconds(text: str) -> int:
    try:
        lasting = parse_duration(text).ms
    except ValueProblem as problem:
        raise BadRequest(f"-expires: {problem.message}") from None
    if lasting <= 0:
        raise BadRequest(f"-expires: expected a time that is yet to come, such as 90d, found {text!r}")
    if lasting > MOST:
        raise BadRequest(
            f"-expires: expected a time before the year 10000, found {text!r}; without it, a token holds for ever"
        )
    return lasting


def _show_made(made: NewToken) -> None:
    found = made.token
    pairs = [
        ("token", found.id),
        ("kind", found.kind),
        ("owner", _person(found.owner)),
        ("name", found.name),
        ("groups", ", ".join(found.groups)),
        ("pools", ", ".join(found.pools)),
        ("expires", local_time(found.expires_at) or "never"),
        ("secret", made.secret),
    ]
    fields((name, value) for name, value in pairs if value != "")


@accio_command
@click.option("--all/--no-all", "ended", default=False, help="Also those that have expired or were revoked.")
def get(session: Session, *, ended: bool) -> None:
    """List tokens, newest first: all of them for administrators, one's own for others. No secret is shown."""
    with session.client() as client:
        found = client.list_tokens(ended=ended)
    content = document({"tokens": [token(each) for each in found]})
    session.answer(content, (str(each.id) for each in found), lambda: _show_list(found))


def _show_list(found: Sequence[TokenView]) -> None:
    rows = [
        (
            each.id,
            _kind(each),
            _person(each.owner),
            each.name,
            ", ".join(each.groups),
            local_time(each.created_at),
            f"revoked {local_time(each.revoked_at)}" if each.revoked_at else _end(each),
            local_time(each.last_used_at),
        )
        for each in found
    ]
    table(("token", "kind", "owner", "name", "groups", "created", "ends", "last used"), rows)


def _kind(found: TokenView) -> str:
    if found.allocation is not None:
        return f"{found.kind} (allocation {found.allocation})"
    return f"{found.kind} ({', '.join(found.pools)})" if found.pools else found.kind


def _end(found: TokenView) -> str:
    if found.allocation is not None:
        return "with it" if found.expires_at is None else f"with it, or {local_time(found.expires_at)}"
    return local_time(found.expires_at) or "never"


def _person(found: PersonView) -> str:
    return f"{found.name} <{found.email}>" if found.email else found.name


@accio_command
@click.argument("tokens", nargs=-1, required=True, type=click.IntRange(min=1), metavar="TOKEN...")
def revoke(session: Session, tokens: tuple[int, ...]) -> None:
    """End tokens by their numbers, at once: with open calls, their agents' sessions, and what was made with them."""
    with session.client() as client:
        found = [client.revoke_token(each) for each in tokens]
    content = document({"tokens": [token(each) for each in found]})
    session.answer(content, (str(each.id) for each in found), lambda: _show_revoked(found))


def _show_revoked(found: Sequence[TokenView]) -> None:
    for each in found:
        out(f"token {each.id} ({each.kind}, {_person(each.owner)}) is revoked")


@accio_command
@limited("List at most N changes; 50 by default.", 50)
@click.option("--cursor", help="Where an earlier page said that the next begins.")
def changes(session: Session, *, limit: int, cursor: str | None) -> None:
    """List who changed what, newest first; what was done to a run is in its own history (`accio get events RUN`)."""
    with session.client() as client:
        page = client.list_changes(limit=limit, cursor=cursor)
    content = document({"changes": [change(each) for each in page.changes], "next": page.next})
    session.answer(content, (), lambda: _show_changes(page.changes))
    if page.next is not None:
        session.say(f"more: {session.hint(f'get changes --cursor={page.next}', like_this=True, without={'cursor'})}")


def _show_changes(found: Sequence[ChangeView]) -> None:
    rows = [(local_time(each.at), each.by, each.token or "file", each.what, each.subject) for each in found]
    table(("at", "by", "token", "what", "of"), rows)
