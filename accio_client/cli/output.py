"""How commands answer: as tables for people, as a JSON document, or as ids for scripts.

Answers go to stdout, everything else to stderr. Tables are drawn with colour on a terminal, and are plain text with
nothing left out elsewhere.
"""

import os
import re
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


def table(
    headers: Sequence[str], rows: Iterable[Sequence[object]], *, as_named: bool = False, spare: Sequence[str] = ()
) -> None:
    """Print *rows* below *headers*; every cell is made printable here. *as_named*: headers are names, or have units.

    The columns *spare* are left out of a terminal that is too narrow, one after the other until the rest fits.
    """
    shown = [printable(header) if as_named else header.upper() for header in headers]
    cells = [[printable(str(cell)) for cell in row] for row in rows]
    if coloured(sys.stdout):
        _drawn(headers, shown, cells, spare)
        return
    widths = [max(map(columns, column)) for column in zip(shown, *cells, strict=True)]
    for row in [shown, *cells]:
        padded = (cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True))
        out("  ".join(padded).rstrip())


def _drawn(headers: Sequence[str], shown: Sequence[str], cells: Sequence[Sequence[str]], spare: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not cells:
        out("  ".join(shown))  # which says that there is nothing, however narrow the terminal
        return
    console = Console(highlight=False)
    widths = fitting(headers, cells, console.width, spare)
    if widths is None:
        for number, row in enumerate(cells):
            if number:
                out("")
            fields(zip(headers, row, strict=True))
        return
    drawn = Table(box=None, header_style="bold", pad_edge=False)
    for at, width in widths.items():
        drawn.add_column(Text(shown[at]), overflow="fold", width=width)
    for row in cells:
        drawn.add_row(*(Text(folded(row[at], wide), STATE_COLOURS.get(row[at], "")) for at, wide in widths.items()))
    console.print(drawn)


_PIECES = re.compile(r"[^\W_]+[\W_]*|[\W_]+")
"""Letters and digits, with the signs that follow them."""


def folded(cell: str, width: int) -> str:
    """Return a cell with line ends in words that are wider than its column: where parts are joined, as in `a_b` and
    ID:VERSION, if possible. Between words lines are broken as they are drawn.
    """
    return " ".join(word if columns(word) <= width else _broken(word, width) for word in cell.split(" "))


def _broken(word: str, width: int) -> str:
    lines = [""]
    for piece in _PIECES.findall(word):
        if lines[-1] and columns(lines[-1] + piece) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(lines)


WHOLE = frozenset({"id", "run", "key", "digest", "from", "parent"})
"""Columns whose cells are copied: they are never broken over lines."""
_WORDS = (24, 10)
"""So much of a word of any other cell stays in one line, if there is space, and at least: a version, a date."""
_VERSION = 13
"""Letters of a workflow's version, and one more."""
_GAP = 2


def fitting(
    headers: Sequence[str], cells: Sequence[Sequence[str]], width: int, spare: Sequence[str] = ()
) -> dict[int, int] | None:
    """Return the columns that are shown in a terminal of a width, and how wide; None if they don't fit.

    Where space is wanting, empty columns are left out, then the widest ones folded, between words if possible, and then
    the *spare* ones left out, from the first on.
    """
    for count in range(len(spare) + 1):
        there = [at for at, header in enumerate(headers) if header not in spare[:count]]
        kept = [headers[at] for at in there]
        widths = _fitting(kept, [[row[at] for at in there] for row in cells], width)
        if widths is not None:
            return {there[at]: wide for at, wide in widths.items()}
    return None


def _fitting(headers: Sequence[str], cells: Sequence[Sequence[str]], width: int) -> dict[int, int] | None:
    everything = {at: max(map(columns, column)) for at, column in enumerate(zip(headers, *cells, strict=True))}
    if sum(everything.values()) + _GAP * (len(everything) - 1) <= width:
        return everything
    found = {at: full for at, full in everything.items() if any(row[at] for row in cells)}
    for word in _WORDS:
        least = {
            at: full
            if headers[at] in WHOLE
            else max(columns(headers[at]), _longest(*_words(headers[at], word, [row[at] for row in cells])))
            for at, full in found.items()
        }
        if sum(least.values()) + _GAP * (len(found) - 1) <= width:
            for _ in range(sum(found.values()) + _GAP * (len(found) - 1) - width):
                found[max(found, key=lambda at: (found[at] > least[at], found[at]))] -= 1
            return found
    return None


def _words(header: str, word: int, cells: Sequence[str]) -> tuple[int, Sequence[str]]:
    """Return how much of each word has to stay in one line, and the cells as words: ID:VERSION is two if need be."""
    if header != "workflow" or word == _WORDS[0]:
        return word, cells
    return max(word, _VERSION), [cell.replace(":", ": ", 1) for cell in cells]


def _longest(limit: int, cells: Iterable[str]) -> int:
    """Return the length of the longest word, or *limit* if that is less."""
    return max((min(limit, columns(word)) for cell in cells for word in cell.split()), default=0)


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
