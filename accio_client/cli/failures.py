"""`accio failures`: which kinds of failures a sweep has, what they have in common, and how to run them again."""

import shlex
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from accio.domain.ids import RunId, child_id
from accio_client.cli.output import out
from accio_client.cli.session import Session, accio_command
from accio_client.cli.text import printable
from accio_client.documents import document

if TYPE_CHECKING:
    from accio_client.analysis.explain import Explanation
    from accio_client.analysis.fingerprints import Failed, Group
    from accio_client.selected import Selected

_SHOWN = 20


@accio_command
@click.argument("identifier", metavar="RUN")
@click.option("--where", metavar="QUERY", default="", help="Only children that match (docs/queries.md).")
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(min=1),
    default=_SHOWN,
    metavar="N",
    help=f"At most N kinds; {_SHOWN} by default.",
)
def show(session: Session, *, identifier: str, where: str, limit: int) -> None:
    """Show why nodes of a run failed: the kinds of failures with examples, and the parameters that explain them.

    Failures are of one kind where cause, exception and message are the same but for numbers, paths and addresses.
    """
    with session.client() as client:
        found = client.selected(identifier, where=where, outputs=False, failures=True)
    from accio_client.analysis.explain import explain_failures
    from accio_client.analysis.fingerprints import group_failures

    groups = group_failures(found.table, found.collected.failures.among(found.mask))
    explanations = explain_failures(found.table, where=_ended(found)) if groups else ()
    run = found.table.run
    content = {
        "run": run,
        "children": int(found.mask.sum()),
        "groups": [_group(found, each) for each in groups[:limit]],
        "of": len(groups),
        "explained_by": [_explanation(each) for each in explanations],
        "retry": _retry(session, found, explanations, where) if groups else None,
    }
    session.answer(
        document(content),
        _examples(found, groups),
        partial(_print, session, found, groups, explanations, limit, _retry(session, found, explanations, where)),
    )


def _retry(session: Session, found: "Selected", explanations: "tuple[Explanation, ...]", where: str) -> str:
    """Return the command that runs the failures again: those that were asked for, or the corner in which all are."""
    run = found.table.run
    if not where and explanations and explanations[0].covered == explanations[0].failed:
        where = str(explanations[0].where)
    is_sweep = found.collected.head.run.kind == "parent"
    return session.hint(f"retry {run} -where={shlex.quote(where)}" if where and is_sweep else f"retry {run}")


def _ended(found: "Selected") -> Any:
    from accio.domain.states import RunState

    return found.table.in_state(RunState.SUCCESS, RunState.FAILED, RunState.KILLED) & found.mask


def _id(found: "Selected", child: int) -> str:
    view = found.collected.head.run
    return child_id(RunId(view.id), child) if view.kind == "parent" else view.id


def _examples(found: "Selected", groups: "tuple[Group, ...]") -> list[str]:
    return [_id(found, group.examples[0].child) for group in groups]


def _group(found: "Selected", group: "Group") -> dict[str, Any]:
    return {
        "cause": group.fingerprint.cause,
        "exception": group.fingerprint.exception or None,
        "message": group.fingerprint.message,
        "count": group.count,
        "children": len(group.children),
        "nodes": list(group.nodes),
        "examples": [
            {"run": _id(found, each.child), "node": each.node, "message": each.message} for each in group.examples
        ],
    }


def _explanation(found: "Explanation") -> dict[str, Any]:
    return {
        "where": str(found.where),
        "words": found.words,
        "covered": found.covered,
        "failed": found.failed,
        "inside": found.inside,
        "elsewhere_failed": found.elsewhere_failed,
        "elsewhere": found.elsewhere,
        "lift": found.lift,
    }


def _print(
    session: Session,
    found: "Selected",
    groups: "tuple[Group, ...]",
    explanations: "tuple[Explanation, ...]",
    limit: int,
    retry: str,
) -> None:
    if not groups:
        out(f"no node of {int(found.mask.sum()):,} children has failed")
        return
    for group in groups[:limit]:
        out(f"{group.count:,} × {printable(str(group.fingerprint))}")
        out(f"    {', '.join(group.nodes)}, in {len(group.children):,} of {int(found.mask.sum()):,} children")
        for each in group.examples:
            out(f"    {_id(found, each.child)}/{each.node}  {_label(found, each)}")
    if len(groups) > limit:
        out(f"and {len(groups) - limit:,} more kinds (-n={len(groups)} shows all)")
    if explanations:
        out("")
        out("explained by")
    for explanation in explanations:
        out(f"    {printable(str(explanation))}")
    out("")
    example = groups[0].examples[0]
    look = session.hint(f"describe node {_id(found, example.child)}/{example.node}")
    out(f"look at one:     {look}")
    out(f"run them again:  {retry}")


def _label(found: "Selected", failed: "Failed") -> str:
    return printable(found.table.sweep.label(failed.child))
