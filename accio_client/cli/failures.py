"""`accio failures`: which kinds of failures a sweep has, what they have in common, and how to run them again."""

from functools import partial
from typing import TYPE_CHECKING

import click

from accio_client.cli.output import out
from accio_client.cli.session import Session, accio_command, limited
from accio_client.cli.text import printable
from accio_client.documents import document

if TYPE_CHECKING:
    from accio_client.analysis.explain import Explanation
    from accio_client.analysis.fingerprints import Group
    from accio_client.selected import Selected

_SHOWN = 20


@accio_command
@click.argument("identifier", metavar="RUN")
@click.option("--where", metavar="QUERY", default="", help="Only children that match (docs/queries.md).")
@limited(f"At most N kinds; {_SHOWN} by default.", _SHOWN)
def show(session: Session, *, identifier: str, where: str, limit: int) -> None:
    """Show why nodes of a run failed: the kinds of failures with examples, and the parameters that explain them.

    Failures are of one kind where cause, exception and message are the same but for numbers, paths and addresses.
    """
    with session.client() as client:
        found = client.selected(identifier, where=where, outputs=False, failures=True)
    from accio_client.documents.failures import failures, found_failures, retry_words

    groups, explanations = found_failures(found)
    retry = session.hint(retry_words(found, groups, explanations, where))
    content = failures(found, groups, explanations, limit, retry)
    session.answer(
        document(content),
        _examples(found, groups),
        partial(_print, session, found, groups, explanations, limit, retry),
    )


def _examples(found: "Selected", groups: "tuple[Group, ...]") -> list[str]:
    from accio_client.documents.failures import run_of

    return [run_of(found, group.examples[0].child) for group in groups]


def _print(
    session: Session,
    found: "Selected",
    groups: "tuple[Group, ...]",
    explanations: "tuple[Explanation, ...]",
    limit: int,
    retry: str,
) -> None:
    from accio.domain.states import RunState
    from accio_client.documents.failures import run_of
    from accio_client.failures import lines

    if not found.mask.any():
        out("no child matches" if found.query else "there are no children")
        return
    for line in lines(found, groups, explanations, limit):
        out(printable(line))
    if not groups:
        if killed := int((found.mask & found.table.in_state(RunState.KILLED)).sum()):
            by = session.hint(f"get events {found.table.run}")
            out(f"{killed:,} {'was' if killed == 1 else 'were'} killed, which is no failure; by whom: {by}")
        _say_what_goes_on(session, found)
        return
    out("")
    example = groups[0].examples[0]
    look = session.hint(f"describe node {run_of(found, example.child)}/{example.node}")
    out(f"look at one:     {look}")
    out(f"run them again:  {retry}")
    _say_what_goes_on(session, found)


def _say_what_goes_on(session: Session, found: "Selected") -> None:
    """Say that this isn't all, where children may still fail."""
    if going_on := found.not_ended:
        session.say(f"so far: {going_on:,} {'child has' if going_on == 1 else 'children have'} not ended")
