"""`accio watch [RUN…]`, and what follows runs after other commands."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from accio.errors import AccioError
from accio.exits import NOT_SUCCESS, SUCCESS
from accio_client.cli.notices import Notices, notify_option
from accio_client.cli.output import out
from accio_client.cli.session import Session, accio_command
from accio_client.documents import document, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accio_client.views import RunView


@accio_command
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@notify_option
def watch(session: Session, runs: tuple[str, ...], *, notify: str | None) -> int:
    """Follow runs until they have ended; exit 3 if not all in success. Ctrl-C stops following, not the runs.

    Without RUN, all of yours that haven't ended: how fast each is, when it will end at that rate, and what failed
    first.

    -notify=COMMAND is executed, with a JSON document on its standard input and ACCIO_EVENT, ACCIO_RUN, ACCIO_STATE and
    ACCIO_TEXT set, when the first node of a run fails and when a run has ended; to a URL the document is posted.
    """
    with Notices(session, notify) as notices:
        return follow_runs(session, runs, notices)


def follow_runs(session: Session, runs: Sequence[str], notices: Notices | None = None) -> int:
    """Follow what `accio watch RUN...` follows, and return its exit code."""
    if len(runs) != 1:
        return _watch_all(session, runs, notices)
    from accio_client.cli.following import follow
    from accio_client.cli.rates import from_memo
    from accio_client.cli.studies_shown import reading, tell_best

    with session.client() as client:
        ended, _ = follow(session, client.watch(runs[0]), series=client.series, study=reading(client), notices=notices)
        if ended.kind == "parent":
            with suppress(AccioError):  # the run was deleted meanwhile, or the daemon is older
                if words := from_memo(client.count_nodes(ended.id)):
                    session.say(words)
            tell_best(session, client, ended)
    content = document({"run": run(ended)})
    session.answer(content, [ended.id], lambda: out(f"{ended.id} {ended.state.value}"))
    return SUCCESS if ended.state.value == "success" else NOT_SUCCESS


def _watch_all(session: Session, runs: Sequence[str], notices: Notices | None) -> int:
    from accio_client.cli.watching import follow_all

    found = follow_all(session, runs, notices)
    if not found:
        session.say(f"none of your runs is active; {session.hint('get runs -active')} lists those of everybody")
    content = document({"runs": [run(each) for each in found]})
    session.answer(content, (each.id for each in found), lambda: _show_ended(found))
    return SUCCESS if all(each.state.value == "success" for each in found) else NOT_SUCCESS


def _show_ended(found: Sequence[RunView]) -> None:
    for each in found:
        out(f"{each.id} {each.state.value}")
