"""`accio why RUN[/NODE]`"""

from collections.abc import Sequence
from itertools import islice

import click

from accio_client.cli.places_in_runs import run_and_node
from accio_client.cli.session import Session, accio_command, out
from accio_client.cli.text import local_time, printable
from accio_client.documents import document, why
from accio_client.views import RunFilter, WhyView

CHILDREN = 1000
"""Of how many children of a sweep it tells, unless more are asked for: each is a question of its own."""


@accio_command
@click.argument("place", nargs=-1, required=True, metavar="RUN[/NODE]")
@click.option("-n", "--limit", type=click.IntRange(min=1), metavar="N", help=f"Of so many children, not {CHILDREN}.")
@click.option("--all/--no-all", "everything", default=False, help="Of all children, however many.")
def command(session: Session, place: tuple[str, ...], *, limit: int | None, everything: bool) -> None:
    """Say why a node (or each node of a run) was executed, taken from the cache, or waits.

    On a sweep it means that node, or each node, of its children.
    """
    run, node = run_and_node(place, "RUN or RUN/NODE")
    with session.client() as client:
        asked = client.get_run(run, nodes=False).run
        most = None if everything else limit or CHILDREN
        runs = islice(client.iterate_runs(RunFilter(parent=asked.id)), most) if asked.kind == "parent" else (asked,)
        found = [answer for each in runs for answer in client.why(each.id, node)]
    if most is not None and (asked.children or 0) > most:
        session.say(f"{most} of {asked.children} children were asked about: -n N for more, -all, or name one")
    answers = [why(each) for each in found]
    single = node is not None and asked.kind != "parent"
    content = answers[0] if single and answers else {"run": asked.id, "nodes": answers}
    session.answer(document(content), (f"{each.run}/{each.node}" for each in found), lambda: _show(found))


def _show(found: Sequence[WhyView]) -> None:
    for each in found:
        out(printable(f"{each.run}/{each.node}: {each.answer}" + (f": {each.reason}" if each.reason else "")))
        when = f"{local_time(each.computed_at)}{f' on {each.agent}' if each.agent else ''}" if each.computed_at else ""
        if each.source and each.answer == "cached":
            out(printable(f"  taken from: {each.source}" + (f" ({when})" if when else "")))
        elif when:
            out(f"  computed: {when}")
        if each.source and each.answer != "cached":
            out(printable(f"  nearest earlier result: {each.source}"))
        for difference in each.differences:
            before, after = difference.before or "(nothing)", difference.after or "(nothing)"
            out(printable(f"  {difference.component}: {before} → {after}"))
