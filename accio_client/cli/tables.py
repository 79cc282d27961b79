"""`accio table`: the numbers of a sweep, grouped over repetitions or child by child."""

import sys
from functools import partial
from typing import TYPE_CHECKING

import click

from accio_client.cli.output import out, table
from accio_client.cli.session import Session, accio_command, limited
from accio_client.cli.text import printable
from accio_client.documents import document

if TYPE_CHECKING:
    from accio_client.cli.table_columns import Tabulated
    from accio_client.selected import Selected

_SHOWN = 100


@accio_command
@click.argument("identifier", metavar="RUN")
@click.option("--by", metavar="NAME,...", help="Group by these parameters only; by all that vary by default.")
@click.option("--points/--no-points", default=False, help="A row per child instead of statistics.")
@click.option("--where", metavar="QUERY", default="", help="Only children that match (docs/queries.md).")
@click.option("--sort", metavar="[-]NAME", default="", help="Sort by this column, downwards with a minus.")
@click.option("--cols", metavar="NAME,...", default="", help="Only these results: Node, Node/port, Node.metric.")
@limited(f"At most N rows; {_SHOWN} on a terminal.")
def show(
    session: Session,
    *,
    identifier: str,
    by: str | None,
    points: bool,
    where: str,
    sort: str,
    cols: str,
    limit: int | None,
) -> None:
    """Show the numbers of a sweep: mean ± 95 % interval (how many values) over the repetitions of each point.

    Tab-separated values with a column for each statistic, where stdout is no terminal.
    """
    if points and by is not None:
        raise click.UsageError("-points shows every child, and -by groups them: give one of the two")
    from accio_client.cli import table_columns

    ports, metrics = names_of(cols)
    with session.client() as client:
        found = client.selected(
            identifier, where=where, ports=ports, metrics=metrics, outputs=bool(ports) or not metrics
        )
    found.require_members(ports)
    made = table_columns.points(found) if points else table_columns.statistics(found, None if by is None else words(by))
    made = made.sorted(sort)
    of = len(made.rows)
    on_terminal = sys.stdout.isatty()
    made = made.first(limit or (_SHOWN if on_terminal and not session.json else of))
    columns = [{"name": each.name, "unit": each.unit, "is_value": each.is_value} for each in made.columns]
    content = {"run": found.table.run, "columns": columns, "over": list(made.over), "of": of, "rows": []}
    if session.json:
        content["rows"] = made.documents()
    print_rows = partial(print_table if on_terminal else print_values, made)
    session.answer(document(content), [found.table.run], print_rows)
    session.say(_remarks(made, of, found))
    for name in found.collected.crowded:
        session.say(f"{name} has too many members for a column each: -cols={name}.MEMBER shows one")


def words(text: str) -> list[str]:
    """Return the names of a list with commas."""
    return [each.strip() for each in text.split(",") if each.strip()]


def names_of(cols: str) -> tuple[list[str], list[str]]:
    """Return the outputs and the metrics that are named: a metric has a dot, and no slash."""
    named = words(cols)
    metrics = [name for name in named if "." in name and "/" not in name]
    return [name for name in named if name not in metrics], metrics


def print_table(made: "Tabulated") -> None:
    """Print a table for people."""
    cells = [each.shown(made.rows) for each in made.columns]
    table([each.title for each in made.columns], zip(*cells, strict=True), as_named=True)


def print_values(made: "Tabulated") -> None:
    """Print tab-separated values; the unit stands in brackets behind a column's name."""
    data = [
        (f"{name} ({each.unit})" if each.unit and not name.endswith(".n") else name, cells)
        for each in made.columns
        for name, cells in each.data
    ]
    out("\t".join(printable(name) for name, _ in data))
    for row in zip(*(cells(made.rows) for _, cells in data), strict=True):
        out("\t".join("" if cell is None else printable(str(cell)) for cell in row))


def _remarks(made: "Tabulated", of: int, found: "Selected") -> str:
    parts = [f"{int(found.mask.sum()):,} of {found.table.size:,} children"]
    if found.not_ended:
        parts.append(f"{found.not_ended:,} of these have not ended")
    if made.over:
        parts.append("averaged over " + ", ".join("repetitions" if name == "repeat" else name for name in made.over))
    if len(made.rows) < of:
        parts.append(f"{len(made.rows):,} of {of:,} rows (-n={of} shows all)")
    return "; ".join(parts)
