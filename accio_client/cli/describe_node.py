"""`accio describe node RUN/NODE`"""

import click

from accio.errors import BadRequest
from accio_client.cli.places_in_runs import run_and_node
from accio_client.cli.session import Session, accio_command, fields, out, table
from accio_client.cli.text import duration, local_time, printable_lines, shown_value, size
from accio_client.documents import document, metrics, node_details
from accio_client.views import FailureView, NodeDetailsView

_BYTES = frozenset({"peak_memory", "bytes_in", "bytes_out"})


@accio_command
@click.argument("place", nargs=-1, required=True, metavar="RUN/NODE")
def command(session: Session, place: tuple[str, ...]) -> None:
    """Show everything about a node: attempts, inputs, outputs, what it cost, and why it failed."""
    run, node = run_and_node(place, "RUN/NODE")
    if node is None:
        raise BadRequest(f"expected RUN/NODE, found {run!r} only; `accio describe run {run}` lists its nodes")
    with session.client() as client:
        found = client.get_node(run, node)
    session.answer(document(node_details(found)), [f"{found.node.run}/{found.node.name}"], lambda: _show(found))


def _show(found: NodeDetailsView) -> None:
    node = found.node
    facts: list[tuple[str, object]] = [
        ("run", node.run),
        ("node", node.name),
        ("operator", node.operator),
        ("state", node.state.value + (" (cached)" if node.cached else "")),
        ("waits for", node.reason),
        ("agent", node.agent),
        ("started", local_time(node.started_at)),
        ("ended", local_time(node.ended_at)),
        ("took", duration(node.started_at, node.ended_at)),
        ("seed", None if found.seed is None else str(found.seed)),
        ("operator digest", found.operator_digest),
        ("key", found.key),
    ]
    facts += [(f"input {port}", shown_value(value.value)) for port, value in found.inputs.items()]
    for each in found.artifacts:
        shown = shown_value(each.value) if each.blob is None else f"{each.blob} ({size(each.size)})"
        facts.append((f"output {each.port}", shown))
    for name, number in (metrics(found.metrics) or {}).items():
        facts.append((f"metric {name}", size(number) if name in _BYTES else str(number)))
    fields(facts)
    if found.attempts:
        out("")
        rows = [
            (
                each.id,
                each.agent,
                each.state,
                local_time(each.started_at),
                duration(each.started_at, each.ended_at),
                f"{each.failure.cause}: {each.failure.message}" if each.failure else "",
            )
            for each in found.attempts
        ]
        table(("attempt", "agent", "state", "started", "took", "cause"), rows)
    if node.failure is not None:
        _show_failure(node.failure)


def _show_failure(failure: FailureView) -> None:
    for title, text in (
        (failure.cause, failure.message),
        ("traceback", failure.traceback),
        ("last lines of stdout", failure.stdout_tail),
        ("last lines of stderr", failure.stderr_tail),
    ):
        if text:
            out(f"\n{title}:")
            for line in text.rstrip("\n").split("\n"):
                out(f"  {printable_lines(line)}")
