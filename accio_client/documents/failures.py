"""The document about a sweep's failures: kinds with examples, and what explains them."""

import shlex
from typing import Any

from accio.domain.ids import RunId, child_id
from accio.domain.states import Cause, RunState
from accio_client.analysis.explain import Explanation, explain_failures
from accio_client.analysis.fingerprints import Group, group_failures
from accio_client.documents.basics import Document
from accio_client.selected import Selected


def found_failures(found: Selected) -> tuple[tuple[Group, ...], tuple[Explanation, ...]]:
    """Return the kinds of failures among the selected children, and the parameters that explain them."""
    groups = group_failures(found.table, found.collected.failures.among(found.mask))
    ended = found.table.in_state(RunState.SUCCESS, RunState.FAILED, RunState.KILLED) & found.mask
    return groups, explain_failures(found.table, where=ended) if groups else ()


def failures(
    found: Selected, groups: tuple[Group, ...], explanations: tuple[Explanation, ...], limit: int, retry: str
) -> Document:
    """Return the document, with at most *limit* kinds; *retry* is the command that runs them again."""
    return {
        "run": found.table.run,
        "children": int(found.mask.sum()),
        "groups": [_group(found, each) for each in groups[:limit]],
        "of": len(groups),
        "explained_by": [_explanation(each) for each in explanations],
        "retry": retry if groups else None,
    }


_MORE = {Cause.OUT_OF_MEMORY: "-memory=2x", Cause.TIME_OUT: "-timeout=2x"}
"""What would mend a failure that a limit caused."""


def retry_words(found: Selected, groups: tuple[Group, ...], explanations: tuple[Explanation, ...], where: str) -> str:
    """Return what runs the failures again: those that were asked for, or the corner in which all are, and no children
    beside them that were killed; with more of what ran out, if nothing else went wrong.
    """
    run = found.table.run
    if not where and explanations and explanations[0].covered == explanations[0].failed:
        where = str(explanations[0].where)
    is_sweep = found.collected.head.run.kind == "parent"
    causes = dict.fromkeys(group.fingerprint.cause for group in groups)
    limits = [words for cause, words in _MORE.items() if cause in causes]
    corner = [f"-where={shlex.quote(where)}"] if where and is_sweep else []
    only = ["-failed"] if is_sweep and _has_killed(found) else []
    return " ".join(["retry", run, *only, *corner, *(limits if len(limits) == len(causes) else [])])


def _has_killed(found: Selected) -> bool:
    """Return whether children were killed, none of whose nodes had failed: a retry would run them again, too."""
    killed = found.table.in_state(RunState.KILLED) & found.mask
    killed[found.collected.failures.children] = False
    return bool(killed.any())


def run_of(found: Selected, child: int) -> str:
    """Return the id of a row's run."""
    view = found.collected.head.run
    return child_id(RunId(view.id), child) if view.kind == "parent" else view.id


def _group(found: Selected, group: Group) -> dict[str, Any]:
    return {
        "cause": group.fingerprint.cause,
        "exception": group.fingerprint.exception or None,
        "message": group.fingerprint.message,
        "count": group.count,
        "children": len(group.children),
        "nodes": list(group.nodes),
        "examples": [
            {"run": run_of(found, each.child), "node": each.node, "message": each.message} for each in group.examples
        ],
    }


def _explanation(found: Explanation) -> dict[str, Any]:
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
