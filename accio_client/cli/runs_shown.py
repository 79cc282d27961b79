"""How runs and nodes look on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accio_client.cli.output import fields, table
from accio_client.cli.text import duration, local_time, shown_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from accio_client.views import NodeView, PrecisionView, RepeatUntilView, RunDetails, RunView

_HEADERS = ("id", "state", "progress", "workflow", "name", "tags", "owner", "created", "took")
_CHILD_HEADERS = ("id", "state", "progress", "label", "took")
_NODE_HEADERS = ("node", "operator", "state", "cached", "attempts", "agent", "took", "cause")


def show_runs(runs: Iterable[RunView], *, children: bool) -> None:
    """Show a row per run; children of one parent differ by their labels only."""
    if children:
        rows = [(run.id, _state(run), _share(run), run.label, duration(run.started_at, run.ended_at)) for run in runs]
        table(_CHILD_HEADERS, rows)
    else:
        table(_HEADERS, [_row(run) for run in runs], spare=("owner", "took", "tags", "created"))


def _row(run: RunView) -> tuple[str, ...]:
    return (
        run.id,
        _state(run),
        _share(run),
        f"{run.workflow_id}:{run.workflow_version}",
        run.name,
        ",".join(run.tags),
        run.owner.name,
        local_time(run.created_at),
        duration(run.started_at, run.ended_at),
    )


def _state(run: RunView) -> str:
    return f"{run.state} (quarantined)" if run.quarantined else run.state


def standstill(run: RunView) -> str:
    """Return why nothing of a run goes on, and what to do; empty if it isn't quarantined."""
    if not run.quarantined:
        return ""
    top = run.parent or run.id
    reason = f"it made the daemon's start fail twice: {run.quarantined}"
    return f"{reason}; `accio retry {top}` tries again, `accio delete {top}` removes it"


def _share(run: RunView) -> str:
    """Return progress as whole percents; 100 only when everything has ended."""
    share = f"{int(run.progress * 100)}%"
    return f"{share} of {run.children}" if run.children is not None else share


def show_run(found: RunDetails) -> None:
    """Show everything about a run: its facts, its parameters, its nodes or the state of its children."""
    run = found.run
    facts: list[tuple[str, object]] = [
        ("id", run.id),
        ("kind", run.kind),
        ("parent", run.parent),
        ("label", run.label if run.kind == "child" else None),
        ("name", run.name),
        ("notes", run.notes),
        ("tags", ", ".join(run.tags)),
        ("workflow", f"{run.workflow_id}:{run.workflow_version}"),
        ("owner", run.owner),
        ("seed", str(run.seed)),
        ("repetition" if run.kind == "child" else "repetitions", _repetitions(run)),
        ("nice", "behind all runs that aren't" if run.nice else None),
        ("state", run.state.value),
        ("quarantined", standstill(run) or None),
        ("progress", _share(run)),
        ("created", local_time(run.created_at)),
        ("started", local_time(run.started_at)),
        ("ended", local_time(run.ended_at)),
        ("took", duration(run.started_at, run.ended_at)),
    ]
    if run.children is not None:
        facts.append(("children", counted(run.children_by_state)))
    if found.precision is not None and run.until is not None:
        facts.append(("precise", _precise(found.precision, run.until.points, run.repeat or 1)))
    if found.study is not None:
        from accio_client.cli.studies_shown import study_facts  # few runs are studies

        facts += study_facts(run, found.study)
    facts.append(("nodes", counted(run.nodes_by_state)))
    facts += [(f"param {name}", shown_value(each.value)) for name, each in run.params.items()]
    facts += point_facts(run.sweep)
    fields(facts)
    if found.nodes:
        fields([])
        show_nodes(found.nodes)


def _repetitions(run: RunView) -> int | str | None:
    return run.repeat if run.until is None else f"{run.until.min} to {run.repeat}, until {run.until}"


def _precise(found: PrecisionView, points: int, most: int) -> str:
    """Return how many points are as precise as is wanted, and what becomes of the others."""
    told = [f"{found.precise} of {points} points"]
    if found.at_max:
        told.append(f"{found.at_max} not even after {most} repetitions")
    if left := points - found.precise - found.at_max:
        told.append(f"{left} without all the repetitions that they need")
    return ", ".join(told)


def at_most(count: int, until: RepeatUntilView | None) -> str:
    """Return a number of children, which is the largest one if points are repeated until they are precise."""
    return f"{count}" if until is None else f"{until.points * until.min} to {count}"


def point_facts(sweep: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    """Return what the definition says of the points of a sweep that isn't all combinations."""
    facts: list[tuple[str, str | None]] = []
    for key, said in sweep.items():
        match key:
            case "union":
                facts += [
                    (
                        f"sweep {at}",
                        "; ".join(f"{name} {text}" for name, text in point_facts(part)) or "all combinations",
                    )
                    for at, part in enumerate(said)
                ]
            case "optimize":
                pass  # what it looks for stands beside what it found
            case "sample":
                facts.append((key, ", ".join(f"{name}={shown_value(value)}" for name, value in said.items())))
            case "zip" if all(isinstance(each, list) for each in said):
                facts.append((key, "; ".join(", ".join(group) for group in said)))
            case _:
                facts.append((key, said if isinstance(said, str) else ", ".join(said)))
    return facts


def counted(by_state: object) -> str:
    """Return counts by state in words, such as `8 success, 1 failed`."""
    assert isinstance(by_state, dict)
    return ", ".join(f"{count} {state}" for state, count in by_state.items() if count)


def show_nodes(nodes: Iterable[NodeView]) -> None:
    table(_NODE_HEADERS, [_node_row(node) for node in nodes])


def _node_row(node: NodeView) -> tuple[object, ...]:
    why = node.reason
    if node.failure is not None:
        why = f"{node.failure.cause}: {node.failure.message}" if node.failure.message else node.failure.cause
    return (
        node.name,
        node.operator,
        node.state.value,
        "yes" if node.cached else "",
        node.attempts,
        node.agent or "",
        duration(node.started_at, node.ended_at),
        why,
    )
