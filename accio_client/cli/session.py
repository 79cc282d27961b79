"""What every command works with: its connection, and the three ways to answer (tables, `--json`, `-quiet`).

Answers go to stdout, everything else to stderr. Tables are drawn with colour on a terminal, and are plain text with
nothing left out elsewhere.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
import orjson

from accio.domain.issues import Issue
from accio_client.cli.exits import INVALID
from accio_client.cli.spelling import rewrite
from accio_client.cli.text import columns, printable, printable_lines

if TYPE_CHECKING:
    from accio.errors import InvalidDefinition
    from accio_client.sync import Client

Document = dict[str, Any]

STATE_COLOURS = {
    "success": "green",
    "connected": "green",
    "failed": "red",
    "lost": "red",
    "killed": "yellow",
    "cancelled": "yellow",
    "suspect": "yellow",
    "draining": "yellow",
    "running": "cyan",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    json: bool
    quiet: bool
    addr: str | None = None
    cluster: str | None = None

    @contextmanager
    def client(self) -> Iterator["Client"]:
        """A connection to the daemon that the options or the environment name."""
        from accio_client.sync import Client

        with Client(self.addr, cluster=self.cluster) as client:
            yield client

    def answer(self, content: Document, ids: Iterable[str], show: Callable[[], None]) -> None:
        """Give the command's result: *content* with `--json`, *ids* with `-quiet`, else what *show* prints."""
        if self.json:
            print_document(content)
        elif self.quiet:
            for each in ids:
                out(printable(each))
        else:
            show()

    def say(self, text: str) -> None:
        """Tell people something that isn't the result."""
        if not self.quiet:
            print(printable_lines(text), file=sys.stderr)  # noqa: T201 - the one place that writes to stderr

    def warn(self, issues: Iterable[Issue], source: str = "") -> None:
        """Tell what is doubtful about a definition."""
        for issue in issues:
            self.say(f"{source + ': ' if source else ''}warning: {issue}")

    def refused(self, error: "InvalidDefinition", source: str, text: bytes) -> int:
        """Tell everything that is wrong with the definition *source*; the exit code."""
        from accio_client.documents import document, issues

        if self.json:
            warnings = issues(error.warnings)
            print_document(document({"valid": False, "errors": issues(error.issues), "warnings": warnings}))
        complain(describe_issues(error.issues, source, text))
        return INVALID


def describe_issues(issues: Sequence[Issue], source: str, text: bytes) -> str:
    """The issues of a definition, one per line; a syntax error with the line it is in and a mark below the column."""
    lines: list[str] = []
    for issue in issues:
        lines.append(f"{source}: {issue}" if source else str(issue))
        if issue.line is not None:
            lines.extend(_excerpt(text, issue.line, issue.column or 1))
    return "\n".join(lines)


def _excerpt(text: bytes, line: int, column: int) -> list[str]:
    """The line of *text* around *column*, and a caret below it."""
    all_lines = text.decode(errors="replace").split("\n")
    if line > len(all_lines):
        return []
    begin = max(0, column - 60)
    shown = printable(all_lines[line - 1][begin : begin + 100].replace("\t", " ").rstrip("\r"))
    before = printable(all_lines[line - 1][begin : column - 1].replace("\t", " "))
    number = f"{line} | "
    return [f"  {number}{shown}", "  " + " " * (len(number) + len(before)) + "^"]


def complain(text: str) -> None:
    """Tell an error; unlike `Session.say` also with `-quiet`."""
    print(printable_lines(text), file=sys.stderr)  # noqa: T201 - the one place that writes errors


def out(line: str) -> None:
    """Print a line of the result; what comes from elsewhere has been made printable before."""
    sys.stdout.write(line + "\n")


def print_document(content: Document) -> None:
    sys.stdout.write(orjson.dumps(content, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print *rows* below *headers*; every cell is made printable here."""
    cells = [[printable(str(cell)) for cell in row] for row in rows]
    if coloured(sys.stdout):
        _drawn(headers, cells)
        return
    widths = [max(map(columns, column)) for column in zip(headers, *cells, strict=True)]
    for row in [[header.upper() for header in headers], *cells]:
        padded = (cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True))
        out("  ".join(padded).rstrip())


def _drawn(headers: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, header_style="bold", pad_edge=False)
    for header in headers:
        drawn.add_column(header.upper(), overflow="fold")
    for row in cells:
        drawn.add_row(*(Text(cell, style=STATE_COLOURS.get(cell, "")) for cell in row))
    Console(highlight=False).print(drawn)


def fields(pairs: Iterable[tuple[str, object]]) -> None:
    """Print named facts, one per line; those without a value are left out."""
    shown = [(name, printable_lines(str(value))) for name, value in pairs if value not in (None, "", ())]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        first, *others = value.split("\n")
        out(f"{name + ':':<{width + 1}} {first}")
        for other in others:
            out(" " * (width + 2) + other)


def coloured(stream: Any) -> bool:
    """Whether *stream* is a terminal whose user wants colour."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class AccioCommand(click.Command):
    """A command whose options may be spelt with one dash or two."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, rewrite(args, self.get_params(ctx)))


def accio_command(function: Callable[..., int | None]) -> click.Command:
    """Make a command of a function that takes a Session first: gives it `-json`, `-quiet`, `-addr`, `-cluster`."""

    def invoke(*, json: bool, quiet: bool, addr: str | None, cluster: str | None, **values: Any) -> int | None:
        return function(Session(json=json, quiet=quiet, addr=addr, cluster=cluster), **values)

    made = click.command(cls=AccioCommand, help=function.__doc__)(_with_parameters_of(function, invoke))
    made.context_settings["help_option_names"] = ["--help", "-h"]
    made.params += [
        click.Option(["--json/--no-json"], default=False, help="Print a JSON document."),
        click.Option(["--quiet/--no-quiet"], default=False, help="Print ids only."),
        click.Option(["--addr"], metavar="HOST:PORT", help="The daemon's address."),
        click.Option(["--cluster"], metavar="NAME", help="A cluster of clusters.json."),
    ]
    return made


def _with_parameters_of(function: Callable[..., Any], invoke: Callable[..., Any]) -> Callable[..., Any]:
    """*invoke* with the options and arguments that click's decorators have noted on *function*."""
    invoke.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]  # click's own attribute
    return invoke
