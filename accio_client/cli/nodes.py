"""Nodes: `accio describe node`, `why`, `logs`."""

import sys
from collections.abc import Iterable, Sequence
from itertools import islice

import click
import orjson

from accio.domain.sizes import size
from accio.domain.states import NodeState
from accio.errors import BadRequest
from accio_client.cli.acting import selected, where_option
from accio_client.cli.operators import shown_resources
from accio_client.cli.output import fields, out, table
from accio_client.cli.places_in_runs import run_and_node
from accio_client.cli.session import Session, accio_command, limited
from accio_client.cli.sparkline import sparkline
from accio_client.cli.text import duration, local_time, printable, printable_lines, shown_value
from accio_client.documents import SCHEMA, document, log_line, metrics, node_details, why
from accio_client.views import CheckpointView, FailureView, LogLine, NodeDetailsView, RunFilter, SeriesView, WhyView

_SHAPE_WIDTH = 24
_BYTES = frozenset({"peak_memory", "bytes_in", "bytes_out"})


@accio_command
@click.argument("place", nargs=-1, required=True, metavar="RUN/NODE")
def describe(session: Session, place: tuple[str, ...]) -> None:
    """Show everything about a node: attempts, inputs, outputs, what it cost, and why it failed."""
    run, node = run_and_node(place, "RUN/NODE")
    if node is None:
        raise BadRequest(f"expected RUN/NODE, found {run!r} only; `accio describe run {run}` lists its nodes")
    with session.client() as client:
        found = client.get_node(run, node)
    session.answer(document(node_details(found)), [f"{found.node.run}/{found.node.name}"], lambda: _show_details(found))


def _show_details(found: NodeDetailsView) -> None:
    node = found.node
    facts: list[tuple[str, object]] = [
        ("run", node.run),
        ("node", node.name),
        ("operator", node.operator),
        ("state", node.state.value + (" (cached)" if node.cached else "")),
        ("stands" if node.state is NodeState.RUNNING else "waits for", node.reason),
        ("shares", node.shares if node.state is NodeState.RUNNING else None),
        ("agent", node.agent),
        ("started", local_time(node.started_at)),
        ("ended", local_time(node.ended_at)),
        ("took", duration(node.started_at, node.ended_at)),
        ("seed", None if found.seed is None else str(found.seed)),
        ("demands", None if found.demand is None else shown_resources(found.demand)),
        ("time-out", None if found.timeout_ms is None else f"{found.timeout_ms / 1000:g} s"),
        ("changed by a retry", found.demand_changed),
        ("checkpoint", None if found.checkpoint is None else _saved(found.checkpoint)),
        ("operator digest", found.operator_digest),
        ("the run pins now", found.pinned_digest if found.pinned_digest != found.operator_digest else None),
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
                each.agent or "removed",
                each.state,
                local_time(each.started_at),
                duration(each.started_at, each.ended_at),
                f"{each.failure.cause}: {each.failure.message}" if each.failure else "",
            )
            for each in found.attempts
        ]
        table(("attempt", "agent", "state", "started", "took", "cause"), rows)
    if found.series:
        out("")
        table(("series", "attempt", "points", "last", "at step", "shape"), map(_series_row, found.series))
    if node.failure is not None:
        _show_failure(node.failure)


def _series_row(series: SeriesView) -> tuple[object, ...]:
    last = series.points[-1]
    shape = sparkline(series.points, _SHAPE_WIDTH)
    return (series.name, series.attempt, f"{series.total:,}", f"{last.value:.6g}", f"{last.step:,}", shape)


def _saved(checkpoint: CheckpointView) -> str:
    return f"{size(checkpoint.size)}, saved {local_time(checkpoint.saved_at)} by attempt {checkpoint.attempt}"


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


CHILDREN = 1000
"""Of how many children of a sweep it tells, unless more are asked for: each is a question of its own."""
ALIKE = 5
"""How many answers that differ in values alone are told one by one."""


@accio_command
@click.argument("place", nargs=-1, required=True, metavar="RUN[/NODE]")
@limited(f"Ask about at most N children; {CHILDREN} by default.")
@click.option("--all/--no-all", "everything", default=False, help="Of all children, however many.")
def explain(session: Session, place: tuple[str, ...], *, limit: int | None, everything: bool) -> None:
    """Say why a node (or each node of a run) was executed, taken from the cache, or waits.

    On a sweep it means that node, or each node, of its children, and the nodes of the sweep itself, which gather;
    those whose answers differ in values alone are told by one of them. -json has each.
    """
    run, node = run_and_node(place, "RUN or RUN/NODE")
    with session.client() as client:
        asked = client.get_run(run, nodes=False).run
        own = [each.name for each in client.get_run(run).nodes] if asked.kind == "parent" else []
        of_children = asked.kind == "parent" and node not in own
        most = None if everything or not of_children else limit or CHILDREN
        runs = islice(client.iterate_runs(RunFilter(parent=asked.id)), most) if of_children else (asked,)
        found = [answer for each in runs for answer in client.why(each.id, node)]
        if own and of_children and node is None:
            found += client.why(asked.id, None)
    if most is not None and (asked.children or 0) > most:
        session.say(f"{most} of {asked.children} children were asked about: -n N for more, -all, or name one")
    answers = [why(each) for each in found]
    single = node is not None and not of_children
    content = answers[0] if single and answers else {"run": asked.id, "nodes": answers}
    session.answer(document(content), (f"{each.run}/{each.node}" for each in found), lambda: _show_reasons(found))


def _show_reasons(found: Sequence[WhyView]) -> None:
    alike: dict[tuple[object, ...], list[WhyView]] = {}
    for each in found:
        alike.setdefault(_kind(each), []).append(each)
    for group in alike.values():
        if len(group) > ALIKE:
            _show_reason(group[0], f" (and {len(group) - 1:,} others alike)")
        else:
            for each in group:
                _show_reason(each)


def _show_reason(each: WhyView, others: str = "") -> None:
    reason = f": {each.reason}" if each.reason else ""
    out(printable(f"{each.run}/{each.node}{others}: {each.answer}{reason}"))
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


def _kind(found: WhyView) -> tuple[object, ...]:
    """Return what answers have in common that are told by one of them: all but the values in them."""
    told = "" if found.source or found.differences else found.reason
    return (found.node, found.answer, bool(found.source), told, *(each.component for each in found.differences))


@accio_command
@click.argument("place", nargs=-1, metavar="[RUN [NODE]]")
@where_option
@click.option("-f", "--follow/--no-follow", default=False, help="Go on until the run has ended.")
def logs(session: Session, place: tuple[str, ...], *, where: str, follow: bool) -> None:
    """Show what a run's nodes, or one of them, printed.

    A line of standard output goes to stdout, one of standard error to stderr; each begins with the node's name unless
    one is asked for, and if RUN is a sweep with the child's number.
    """
    if where and follow:
        raise click.UsageError("-f follows one run or a whole sweep: without -where")
    if not where and not place:
        raise click.UsageError("nothing to show: give RUN, RUN NODE, or -where=QUERY for every run that matches")
    run, node = ("", None) if where and not place else run_and_node(place, "RUN, RUN NODE or -where=QUERY")
    with session.client() as client:
        runs = [each.id for each in selected(session, client, [run] if run else [], where)] if where else [run]
        lines = (line for each in runs for group in client.log_groups(each, node, follow=follow) for line in group)
        if session.json:
            _print_document(lines)
            return
        line = None
        for line in lines:
            _show_line(line, f"{line.run}/{line.node}" if where else _origin(line, run, node))
        if not runs:
            session.say(f"no {'child' if run else 'run'} matches")
        elif line is None:
            session.say("nothing was printed" + (" by what matches" if where else ""))


def _print_document(lines: Iterable[LogLine]) -> None:
    """Print one document line by line: a log may be larger than memory."""
    sys.stdout.write(f'{{"schema": "{SCHEMA}", "lines": [')
    for number, line in enumerate(lines):
        sys.stdout.write((",\n  " if number else "\n  ") + orjson.dumps(log_line(line)).decode())
        sys.stdout.flush()
    out("\n]}")


def _origin(line: LogLine, run: str, node: str | None) -> str:
    """Return what of a line's origin wasn't asked for: `Node`, `3/Node` or `3`, with the number of a sweep's child."""
    _, dot, child = line.run.partition(".")
    return "/".join(([child] if dot and "." not in run else []) + ([line.node] if node is None else []))


def _show_line(line: LogLine, origin: str) -> None:
    if line.is_note:
        print(printable(f"[{origin or line.node}: {line.text}]"), file=sys.stderr)  # noqa: T201 - a remark, not output
        return
    text = printable_lines(f"{origin}: {line.text}" if origin else line.text)
    stream = sys.stderr if line.stderr else sys.stdout
    stream.write(text + "\n")
    stream.flush()
