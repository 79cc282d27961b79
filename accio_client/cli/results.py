"""Results: `accio export`, `get artifact`."""

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from accio.domain.sizes import size
from accio.errors import BadRequest
from accio_client.cli import places_in_runs
from accio_client.cli.acting import require_runs, selected, where_option
from accio_client.cli.output import out
from accio_client.cli.session import Session, accio_command
from accio_client.cli.text import printable
from accio_client.documents import document
from accio_client.file_names import readable

if TYPE_CHECKING:
    from accio_client.export.exporting import Options
    from accio_client.export.files import ExportedFile
    from accio_client.sync import Client

_CHILDREN = 20_000
_NO_SERIES = "nothing to export: there is no such series (operators make some by ctx.metric(NAME, NUMBER, step=N))"
_NOTHING = "nothing to export: no run has such a result yet (-artifacts=ALL takes more than numbers)"


@accio_command
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@where_option
@click.option("--out", "folder", metavar="FOLDER", default=".", help="Where to write, `-` for stdout; here by default.")
@click.option("--format", "kind", type=click.Choice(["csv", "parquet", "jsonl"]), default="csv", help="csv by default.")
@click.option("--separator", metavar="CHARACTER", default=",", help="Between the cells of CSV; a comma by default.")
@click.option("--artifacts", metavar="NAMES|NUMERIC|ALL|NONE", default="NUMERIC", help="Also names: Node, Node/port.")
@click.option("--metrics", metavar="NAMES|ALL|NONE", default="NONE", help="Names such as Node/wall_us or peak_memory.")
@click.option("--series", metavar="NAMES|ALL", help="What was measured at steps instead: a table, a row per point.")
@click.option("--wide/--no-wide", default=False, help="One table: a row per run, a column per scalar result.")
@click.option("--split/--no-split", default=False, help="A folder per combination of parameters.")
@click.option("--aggregate/--no-aggregate", default=False, help="Mean, deviation and interval over the repetitions.")
@click.option("--append/--no-append", default=False, help="Extend files that are there.")
@click.option("--force/--no-force", default=False, help="Replace files that are there.")
@click.option("--raw/--no-raw", default=False, help="Leave texts in CSV as they are, formulas for spreadsheets too.")
def export(
    session: Session,
    *,
    runs: tuple[str, ...],
    where: str,
    folder: str,
    kind: str,
    separator: str,
    artifacts: str,
    metrics: str,
    series: str | None,
    wide: bool,
    split: bool,
    aggregate: bool,
    append: bool,
    force: bool,
    raw: bool,
) -> None:
    """Write the results of runs as tables: one file per artifact or metric, or one for all with -wide."""
    if not where:
        require_runs(runs, "export")
    from accio_client.export.exporting import Options
    from accio_client.export.formats import separator as read_separator
    from accio_client.export.selection import Selection

    if series is not None and (wide or split or aggregate):
        raise click.UsageError("-series writes a table of its own: without -wide, -split and -aggregate")
    write = _write_results if series is None else partial(_write_series, names=_names(series))
    to_stdout = folder == "-"
    if to_stdout and (session.json or append or force or split):
        raise click.UsageError("-out=- writes one table to stdout: without -json, -append, -force and -split")
    options = Options(
        folder=Path(folder),
        format=kind,  # type: ignore[arg-type]  # click.Choice has checked it
        artifacts=Selection.read(artifacts, numeric=True),
        metrics=Selection.read(metrics, numeric=False),
        separator=read_separator(separator),
        wide=wide,
        split=split,
        aggregate=aggregate,
        append=append,
        force=force,
        raw=raw,
    )
    if to_stdout:
        _to_stdout(session, runs, where, options, write)
        return
    with session.client() as client:
        files = write(client, _meant(session, client, runs, where), options)
    _tell(session, files, _NOTHING if series is None else _NO_SERIES)


def _tell(session: Session, files: "Sequence[ExportedFile]", if_none: str) -> None:
    content = document({"files": [{"path": readable(str(each.path)), "rows": each.rows} for each in files]})
    session.answer(content, (str(each.path) for each in files), lambda: _show(files))
    if not files:
        session.say(if_none)


def _names(series: str) -> tuple[str, ...]:
    return () if series.upper() == "ALL" else tuple(name.strip() for name in series.split(",") if name.strip())


def _write_results(client: "Client", runs: Sequence[str], options: "Options") -> "tuple[ExportedFile, ...]":
    return client.export(runs, options)


def _write_series(
    client: "Client", runs: Sequence[str], options: "Options", *, names: Sequence[str]
) -> "tuple[ExportedFile, ...]":
    return client.export_series(runs, names, options)


def _meant(session: Session, client: "Client", runs: Sequence[str], where: str) -> Sequence[str]:
    """Return the runs to export: *runs*, or what a query selects."""
    if not where:
        return runs
    found = [run.id for run in selected(session, client, runs, where)]
    if not found:
        raise BadRequest(f"nothing to export: no {'child' if runs else 'run'} matches -where={where}")
    if runs and len(found) > _CHILDREN:
        raise BadRequest(
            f"{len(found):,} children match, and an export of chosen children takes {_CHILDREN:,}: export the "
            "whole sweep, or use `accio table RUN -points -where=QUERY`, which prints tab-separated values"
        )
    return found


def _to_stdout(
    session: Session,
    runs: Sequence[str],
    where: str,
    options: "Options",
    write: "Callable[..., tuple[ExportedFile, ...]]",
) -> None:
    """Write the one table of an export to stdout."""
    with session.client() as client, TemporaryDirectory(prefix="accio-export-") as folder:
        files = write(client, _meant(session, client, runs, where), replace(options, folder=Path(folder)))
        if len(files) > 1:
            named = ", ".join(each.path.stem for each in files[:5]) + (", …" if len(files) > 5 else "")
            raise BadRequest(f"-out=- writes one table, found {len(files)} ({named}): give -wide or -artifacts=NAME")
        if not files:
            session.say(_NOTHING if write is _write_results else _NO_SERIES)
            return
        sys.stdout.flush()
        with files[0].path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)


def _show(files: "Sequence[ExportedFile]") -> None:
    for each in files:
        out(f"{printable(str(each.path))} ({each.rows} rows)")


@accio_command
@click.argument("place", metavar="RUN/NODE/PORT")
@click.option(
    "--out", "folder", metavar="FOLDER", default=".", help="Where to put it, `-` for stdout; here by default."
)
def fetch(session: Session, place: str, *, folder: str) -> None:
    """Fetch an output of a node into FOLDER.

    A file keeps its name, a folder is called NODE-PORT, and any other value goes to NODE-PORT.json.
    """
    run, node, port = places_in_runs.artifact(place)
    if folder == "-":
        _fetch_to_stdout(session, run, node, port)
        return
    with session.client() as client:
        target, length = client.fetch_artifact(run, node, port, Path(folder))
    content = document({"path": str(target), "bytes": length})
    session.answer(content, [str(target)], lambda: out(f"{printable(str(target))} ({size(length)})"))


def _fetch_to_stdout(session: Session, run: str, node: str, port: str) -> None:
    """Write the file that holds an output to stdout, once it is whole."""
    if session.json:
        raise click.UsageError("-out=- writes the output itself to stdout: without -json")
    with session.client() as client, TemporaryDirectory(prefix="accio-artifact-") as folder:
        target, _ = client.fetch_artifact(run, node, port, Path(folder))
        if target.is_dir():
            raise BadRequest(f"-out=- writes one file, and {node}/{port} is a folder: give -out=FOLDER")
        sys.stdout.flush()
        with target.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
