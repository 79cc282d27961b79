"""`accio diff`: what differs between two runs, or two versions of a workflow, and nothing else."""

from functools import partial
from typing import TYPE_CHECKING

import click

from accio.exits import NOT_SUCCESS, SUCCESS
from accio_client.cli.output import out
from accio_client.cli.session import Session, accio_command, limited
from accio_client.cli.text import printable
from accio_client.documents import document
from accio_client.views import OperatorDifferenceView

if TYPE_CHECKING:
    from accio_client.analysis.differences import OutputDifference, PointDifference
    from accio_client.documents.differences import Differences
    from accio_client.version_differences import Differing, VersionDifferences

_SHOWN = 10


@accio_command
@click.argument("first", metavar="RUN|WORKFLOW:VERSION")
@click.argument("second", metavar="RUN|WORKFLOW:VERSION")
@click.option("--exit-code/--no-exit-code", default=False, help="Exit 3 if anything differs.")
@limited(f"At most N points of each output; {_SHOWN} by default.", _SHOWN)
def show(session: Session, *, first: str, second: str, exit_code: bool, limit: int) -> int:
    """Show what differs between two runs: seeds, versions, parameters, operators' code, and outputs with intervals.

    Sweeps are compared on the points that both have: paired by repetition where the seeds are equal, else as
    independent samples. Of two versions of a workflow (ID:VERSION; one of both may be ID, which is its latest), show
    which parameters, nodes and inputs differ, and the operators' code between the newest run of each.
    """
    if ":" in first or ":" in second:
        return _show_versions(session, first, second, exit_code=exit_code)
    with session.client() as client:
        operators = client.compare_operators(first, second)
        one, other = client.columns(first), client.columns(second)
    from accio_client.documents.differences import compared, differences_document

    found = compared(operators, one, other)
    session.answer(
        document(differences_document(found, limit)),
        [found.first.id, found.second.id] if not found.none else [],
        partial(_print, found, limit),
    )
    return NOT_SUCCESS if exit_code and not found.none else SUCCESS


def _show_versions(session: Session, first: str, second: str, *, exit_code: bool) -> int:
    with session.client() as client:
        found = client.compare_workflows(first, second)
    from accio_client.documents.versions import version_differences_document

    content = version_differences_document(found)
    differ = not found.none or bool(found.operators)
    session.answer(
        document(content), [content["first"], content["second"]] if differ else [], partial(_print_versions, found)
    )
    return NOT_SUCCESS if exit_code and differ else SUCCESS


def _print_versions(found: "VersionDifferences") -> None:
    if found.none:
        out("no differences between the definitions")
    for fact in found.facts:
        out(_arrow(fact.name, fact.first, fact.second))
    for kind, several in (("param", found.params), ("node", found.nodes)):
        for differing in several:
            _print_differing(kind, differing)
    for each in found.operators:
        out(printable(f"operator of {each.node}: {_of_operator(each)}"))
    if found.operators:
        out(f"operators are those of the newest runs, {found.runs[0]} and {found.runs[1]}")


def _print_differing(kind: str, each: "Differing") -> None:
    match each.change:
        case "same":
            return
        case "renamed":
            out(printable(f"{kind} {each.details[0].first} is called {each.name} now"))
        case "changed":
            for detail in each.details:
                out(_arrow(f"{kind} {each.name}: {detail.name}", detail.first, detail.second))
        case _:
            of = ", ".join(f"{detail.name} {detail.first or detail.second}" for detail in each.details)
            out(printable(f"{kind} {each.name} is {'new' if each.change == 'added' else 'gone'}: {of}"))


def _print(found: "Differences", limit: int) -> None:
    outputs = found.outputs
    if found.none:
        out("no differences" + (f" but outputs weren't compared: {outputs.obstacle}" if outputs.obstacle else ""))
        return
    for fact in found.facts:
        out(_arrow(fact.name, fact.first, fact.second))
    for fact in found.params:
        out(_arrow(f"param {fact.name}", fact.first, fact.second))
    for each in found.operators:
        out(printable(f"operator of {each.node}: {_of_operator(each)}"))
    for output in outputs.differing:
        _print_output(output, limit)
    for count, which in ((outputs.only_first, "first"), (outputs.only_second, "second")):
        if count:
            out(f"only in the {which}: {count:,} {'point' if count == 1 else 'points'}")
    if outputs.obstacle:
        out(printable(f"outputs weren't compared: {outputs.obstacle}"))


def _arrow(name: str, first: str, second: str) -> str:
    return printable(f"{name}: {first or '(nothing)'} → {second or '(nothing)'}")


def _of_operator(each: OperatorDifferenceView) -> str:
    if each.first != each.second:
        return f"{each.first or '(nothing)'} → {each.second or '(nothing)'}"
    changes = [
        f"{part.component} {'changed' if part.before and part.after else 'is new' if part.after else 'is gone'}"
        for part in each.components
    ]
    return f"{each.first}: {', '.join(changes)}"


def _print_output(output: "OutputDifference", limit: int) -> None:
    unit = f" [{output.unit}]" if output.unit else ""
    how = "paired by repetition" if output.paired else "as independent samples"
    common = "" if output.common == 1 else f" at {len(output.points):,} of {output.common:,} common points, {how}"
    out(printable(f"output {output.name}{unit} differs{common}:"))
    for point in output.points[:limit]:
        out(printable(f"    {_point(point)}"))
    if len(output.points) > limit:
        out(f"    and {len(output.points) - limit:,} more (-n={len(output.points)} shows all)")


def _point(point: "PointDifference") -> str:
    label = " ".join(f"{name}={value}" for name, value in point.point.items())
    interval = "" if point.low is None or point.high is None else f" [{point.low:+.3g}, {point.high:+.3g}]"
    values = f"{point.first:.6g} → {point.second:.6g}  {point.difference:+.3g}{interval} (n={point.n})"
    return f"{label}  {values}" if label else values
