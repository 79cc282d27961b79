"""`accio why RUN[/NODE]`"""

from collections.abc import Sequence

import click

from accio_client.cli.places_in_runs import run_and_node
from accio_client.cli.session import Session, accio_command, out
from accio_client.cli.text import local_time, printable
from accio_client.documents import document, why
from accio_client.views import WhyView


@accio_command
@click.argument("place", nargs=-1, required=True, metavar="RUN[/NODE]")
def command(session: Session, place: tuple[str, ...]) -> None:
    """Say why a node (or each node of a run) was executed, taken from the cache, or waits."""
    run, node = run_and_node(place, "RUN or RUN/NODE")
    with session.client() as client:
        found = client.why(run, node)
    answers = [why(each) for each in found]
    content = answers[0] if node is not None and answers else {"run": found[0].run if found else run, "nodes": answers}
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
