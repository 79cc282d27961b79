"""`accio plot`: pictures of a sweep, in the terminal or as files."""

import shutil
import sys
from functools import partial
from typing import TYPE_CHECKING

import click

from accio.errors import NotFound
from accio_client.cli.output import coloured, out
from accio_client.cli.session import Session, accio_command, limited
from accio_client.documents import document
from accio_client.drawing import Drawing, checked_target, is_trace
from accio_client.trace_events import SUFFIX

if TYPE_CHECKING:
    from pathlib import Path

    from accio_client.analysis.pictures import Picture
    from accio_client.asked_pictures import Asked
    from accio_client.sync import Client

_KINDS = ("states", "heat", "failures", "line", "cdf", "pdf", "importance", "scatter", "parallel", "trials")
_WITHOUT_VALUE = ("states", "failures", "trials")
_OF_NODES = ("graph", "timeline")
_LEAST_HEIGHT = 12


@accio_command
@click.argument("identifier", metavar="[RUN]", default="")
@click.option(
    "-y", "--y", metavar="NAME", help="The result: Node/port, or Node.metric. Of maps over parameters: with -kind."
)
@click.option(
    "--metric", metavar="NAME", help="A series over its steps, also of nodes that run: ctx.metric(…, step=N)."
)
@click.option("-x", "--x", metavar="NAME", help="The parameter along the axis; of a scatter plot, a result.")
@click.option("--by", metavar="NAME", help="A line for each value of this parameter; of a map, its other axis.")
@click.option("--kind", type=click.Choice((*_KINDS, *_OF_NODES)), help="What to draw; by what is given otherwise.")
@click.option("--median/--no-median", default=False, help="Median and quartiles instead of mean and interval.")
@click.option("--where", metavar="QUERY", default="", help="Only children that match (docs/queries.md).")
@limited(
    "Of the timeline of a sweep or the cluster: at most N executions that ended, the last ones; 500 by default, "
    "5,000 at most."
)
@click.option(
    "--out",
    "target",
    metavar="FILE",
    help="Write a file: .png, .svg, .pdf (needs matplotlib), .csv; of a timeline .trace.json.",
)
@click.option("--force/--no-force", default=False, help="Replace a file that is there.")
def plot(
    session: Session,
    *,
    identifier: str,
    y: str | None,
    metric: str | None,
    x: str | None,
    by: str | None,
    kind: str | None,
    median: bool,
    where: str,
    limit: int | None,
    target: str | None,
    force: bool,
) -> None:
    """Draw the results of a sweep: lines with intervals, maps, distributions, importance of parameters, curves.

    Of a study: -kind=trials, its default, draws the values of the trials and the best so far, or with several
    objectives the trials that no other beats.

    Of a run or a child: -kind=graph draws its nodes with their states (of a sweep with the number of children in each),
    -kind=timeline when and where they ran (of a sweep, and without RUN of the whole cluster, those that ended last, and
    those that go on). -out=FILE.trace.json writes a timeline for https://ui.perfetto.dev.

    In the terminal, unless -out names a file. docs/pictures.md describes the kinds.
    """
    from accio_client.analysis.pictures import to_json
    from accio_client.asked_pictures import Asked

    path = None if target is None else checked_target(target, force=force)
    asked = Asked(kind=kind, x=x, y=y, by=by, median=median)
    _check(identifier, asked, metric=metric, where=where, limit=limit, path=path)
    with session.client() as client:
        if metric is not None:
            run, picture = _curves(client, identifier, metric, by, where)
        elif kind in _OF_NODES:
            run, picture = _nodes(client, identifier, kind, limit)
        else:
            run, picture = _results(client, identifier, asked, where)
    if path is not None:
        Drawing(picture).save(path, force=force)
    content = document({"run": run or None, "picture": to_json(picture), "path": None if path is None else str(path)})
    ids = [run or "cluster"] if path is None else [str(path)]
    session.answer(content, ids, partial(_draw, picture) if path is None else partial(_told, picture, path))


def _check(
    identifier: str, asked: "Asked", *, metric: str | None, where: str, limit: int | None, path: "Path | None"
) -> None:
    """Raise UsageError for options that don't go together."""
    kind, y = asked.kind, asked.y
    others = asked.y or asked.x or asked.median
    if not identifier and kind != "timeline":
        raise click.UsageError("expected a RUN, found none: -kind=timeline alone draws the whole cluster without one")
    if path is not None and is_trace(path) and kind != "timeline":
        raise click.UsageError(f"a file called NAME{SUFFIX} is of a timeline: give -kind=timeline, too")
    if kind in _OF_NODES and (others or asked.by or where or metric):
        raise click.UsageError(
            f"-kind={kind} draws the nodes of a run: without -y, -x, -by, -median, -where and -metric"
        )
    if limit is not None and kind != "timeline":
        raise click.UsageError("-limit is for the timeline of a sweep or the cluster: give -kind=timeline, too")
    if y is None and kind is not None and kind not in (*_WITHOUT_VALUE, *_OF_NODES):
        raise click.UsageError(
            f"-kind={kind} draws a result: name it, as in -y=Node/port (accio table shows which there are)"
        )
    if kind == "scatter" and asked.x is None:
        raise click.UsageError("-kind=scatter draws two results against each other: give -x=Node/port, too")
    if metric is not None and (others or kind):
        raise click.UsageError("-metric draws a series over its steps: without -y, -x, -kind and -median")


def _results(client: "Client", identifier: str, asked: "Asked", where: str) -> "tuple[str, Picture]":
    from accio_client.asked_pictures import draw

    found, meant = client.picture_of(identifier, asked, where=where)
    return found.table.run, draw(found, meant)


def _curves(client: "Client", identifier: str, name: str, by: str | None, where: str) -> "tuple[str, Picture]":
    run = client.get_run(identifier, nodes=False).run.id
    picture = client.curves(run, name, by=by, where=where)
    if not picture.series:
        raise NotFound(
            f"no node of {run} that was looked at has a series '{name}': accio describe node RUN/NODE lists them"
        )
    return run, picture


def _nodes(client: "Client", identifier: str, kind: str, limit: int | None) -> "tuple[str, Picture]":
    from accio_client.analysis.pictures import node_graph, sweep_graph
    from accio_client.documents import workflow

    if kind == "timeline":
        return _timeline(client, identifier, limit)
    found = client.get_run(identifier)
    graph = workflow(client.get_workflow(f"{found.run.workflow_id}:{found.run.workflow_version}"))["graph"]
    if found.run.kind == "parent":
        return found.run.id, sweep_graph(graph, client.count_nodes(found.run.id), found.nodes)
    return found.run.id, node_graph(found.run.id, graph, found.nodes)


def _timeline(client: "Client", identifier: str, limit: int | None) -> "tuple[str, Picture]":
    if not identifier:
        return "", client.timeline_picture(limit=limit)
    found = client.get_run(identifier)
    return found.run.id, client.timeline_picture(found, limit=limit)


def _told(picture: "Picture", path: "Path") -> None:
    """Say what was written; of a trace also what it holds, as no picture tells that."""
    out(f"wrote {path}")
    if is_trace(path):
        out("; ".join((str(picture.head.counted), *picture.head.remarks)))
        out("open it with https://ui.perfetto.dev, or about:tracing of Chrome")


def _draw(picture: "Picture") -> None:
    from accio_client.analysis.terminal import render

    size = shutil.get_terminal_size()
    height = max(_LEAST_HEIGHT, size.lines - 6)
    for line in render(picture, width=size.columns, height=height, colour=coloured(sys.stdout)):
        out(line)
