"""`accio logs RUN [NODE]`"""

import sys
from collections.abc import Iterable

import click
import orjson

from accio_client.cli.places_in_runs import run_and_node
from accio_client.cli.session import Session, accio_command, out
from accio_client.cli.text import printable, printable_lines
from accio_client.documents import SCHEMA, log_line
from accio_client.views import LogLine


@accio_command
@click.argument("place", nargs=-1, required=True, metavar="RUN [NODE]")
@click.option("-f", "--follow/--no-follow", default=False, help="Go on until the run has ended.")
def command(session: Session, place: tuple[str, ...], *, follow: bool) -> None:
    """Show what a run's nodes, or one of them, printed.

    A line of standard output goes to stdout, one of standard error to stderr; each begins with the node's name unless
    one is asked for, and if RUN is a sweep with the child's number.
    """
    run, node = run_and_node(place, "RUN or RUN NODE")
    with session.client() as client:
        lines = client.logs(run, node, follow=follow)
        if session.json:
            _print_document(lines)
        else:
            for line in lines:
                _show(line, _origin(line, run, node))


def _print_document(lines: Iterable[LogLine]) -> None:
    """One document, written line by line: a log may be larger than memory."""
    sys.stdout.write(f'{{"schema": "{SCHEMA}", "lines": [')
    for number, line in enumerate(lines):
        sys.stdout.write((",\n  " if number else "\n  ") + orjson.dumps(log_line(line)).decode())
        sys.stdout.flush()
    out("\n]}")


def _origin(line: LogLine, run: str, node: str | None) -> str:
    """What of a line's origin wasn't asked for: `Node`, `3/Node` or `3`, with the number of a sweep's child."""
    _, dot, child = line.run.partition(".")
    return "/".join(([child] if dot and "." not in run else []) + ([line.node] if node is None else []))


def _show(line: LogLine, origin: str) -> None:
    if line.is_note:
        print(printable(f"[{origin or line.node}: {line.text}]"), file=sys.stderr)  # noqa: T201 - a remark, not output
        return
    text = printable_lines(f"{origin}: {line.text}" if origin else line.text)
    stream = sys.stderr if line.stderr else sys.stdout
    stream.write(text + "\n")
    stream.flush()
