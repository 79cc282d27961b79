"""How commands answer: as tables for people, as a JSON document, or as ids for scripts.

Answers go to stdout, everything else to stderr. Tables are drawn with colour on a terminal, and are plain text with
nothing left out elsewhere.
"""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import orjson

from accio_client.cli.text import columns, printable, printable_lines

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


class Output(Protocol):
    """Where a command's result goes. Which one it is, the options of the command line have decided."""

    def answer(self, content: Document, ids: Iterable[str], show: Callable[[], None]) -> None:
        """Print a result: as the document *content*, as *ids*, or as whatever *show* prints."""
        ...


class Tables:
    """For people."""

    def answer(self, content: Document, ids: Iterable[str], show: Callable[[], None]) -> None:
        show()


class Ids:
    """For scripts that work on: `-quiet`."""

    def answer(self, content: Document, ids: Iterable[str], show: Callable[[], None]) -> None:
        for each in ids:
            out(printable(each))


class Json:
    """For programs: `-json`, in UTF-8 whatever the encoding of the terminal."""

    def __init__(self) -> None:
        write_utf8()

    def answer(self, content: Document, ids: Iterable[str], show: Callable[[], None]) -> None:
        print_document(content)


def output(*, json: bool, quiet: bool) -> Output:
    """Return the output that the options ask for; a document, where both are given."""
    return Json() if json else Ids() if quiet else Tables()


def write_utf8() -> None:
    """Switch stdout to UTF-8."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)  # what stands in for stdout may have none
    if reconfigure is not None:
        reconfigure(encoding="utf-8")


def complain(text: str) -> None:
    """Print an error to stderr; unlike `Session.say` also with `-quiet`."""
    print(printable_lines(text), file=sys.stderr)  # noqa: T201 - the one place that writes errors


def out(line: str) -> None:
    """Print a line of the result; what comes from elsewhere has been made printable before."""
    sys.stdout.write(line + "\n")


def print_document(content: Document) -> None:
    sys.stdout.write(orjson.dumps(content, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], *, as_named: bool = False) -> None:
    """Print *rows* below *headers*; every cell is made printable here. *as_named*: headers are names, or have units."""
    shown = [printable(header) if as_named else header.upper() for header in headers]
    cells = [[printable(str(cell)) for cell in row] for row in rows]
    if coloured(sys.stdout):
        _drawn(headers, shown, cells)
        return
    widths = [max(map(columns, column)) for column in zip(shown, *cells, strict=True)]
    for row in [shown, *cells]:
        padded = (cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True))
        out("  ".join(padded).rstrip())


def _drawn(headers: Sequence[str], shown: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if _narrowest(headers, cells) > console.width:
        for number, row in enumerate(cells):
            if number:
                out("")
            fields(zip(headers, row, strict=True))
        return
    drawn = Table(box=None, header_style="bold", pad_edge=False)
    for header, text in zip(headers, shown, strict=True):
        drawn.add_column(Text(text), overflow="fold", no_wrap=header in WHOLE)
    for row in cells:
        drawn.add_row(*(Text(cell, style=STATE_COLOURS.get(cell, "")) for cell in row))
    console.print(drawn)


WHOLE = frozenset({"id", "run", "key", "digest", "from", "parent"})
"""Columns whose cells are copied: they are never broken over lines."""
_NARROW = 9
"""Columns of a terminal that any other cell can be folded to, at most."""


def _narrowest(headers: Sequence[str], cells: Sequence[Sequence[str]]) -> int:
    """Return how wide a terminal must be for a table with whole identifiers."""
    widths = [max(map(columns, column)) for column in zip(headers, *cells, strict=True)]
    narrow = (
        width if header in WHOLE else min(width, max(_NARROW, columns(header)))
        for header, width in zip(headers, widths, strict=True)
    )
    return sum(narrow) + len(headers) - 1


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
    """Return whether *stream* is a terminal whose user wants colour."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
