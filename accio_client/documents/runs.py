"""Runs, what a submission or a change of them answers, and what they look for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accio_client.documents.basics import Document, instant, issues, person
from accio_client.documents.nodes import node
from accio_client.json_values import json_parameter, json_value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accio_client import views


def run(found: views.RunView) -> Document:
    return {
        "id": found.id,
        "kind": found.kind,
        "parent": found.parent,
        "index": found.index,
        "label": found.label,
        "workflow": {"id": found.workflow_id, "version": found.workflow_version},
        "owner": person(found.owner),
        "name": found.name,
        "notes": found.notes,
        "tags": list(found.tags),
        "seed": str(found.seed),
        "repeat": found.repeat,
        "params": {name: json_parameter(parameter) for name, parameter in found.params.items()},
        "sweep": dict(found.sweep) or None,
        "until": None if found.until is None else repeat_until(found.until),
        "state": found.state.value,
        "progress": found.progress,
        "created_at": instant(found.created_at),
        "started_at": instant(found.started_at),
        "ended_at": instant(found.ended_at),
        "nice": found.nice,
        "quarantined": found.quarantined or None,
    }


def run_details(found: views.RunDetails) -> Document:
    described = run(found.run)
    if found.run.kind == "parent":
        described["children"] = {"total": found.run.children, "by_state": dict(found.run.children_by_state)}
    if found.precision is not None:
        described["precision"] = {"precise": found.precision.precise, "at_max": found.precision.at_max}
    if found.study is not None:
        described["study"] = study(found.study)
    if found.nodes or found.run.kind != "parent":
        described["nodes"] = [node(each) for each in found.nodes]
    return described


def run_page(found: views.RunPage) -> Document:
    return {"runs": [run(each) for each in found.runs], "total": found.total, "next": found.next}


def repeat_until(found: views.RepeatUntilView) -> Document:
    return {
        "output": found.output,
        "ci95": found.ci95,
        "relative": found.relative,
        "min": found.min,
        "points": found.points,
    }


def study(found: views.StudyView) -> Document:
    return {
        "objectives": [
            {"output": each.output, "direction": each.direction, "type": each.type} for each in found.objectives
        ],
        "trials": found.trials,
        "complete": found.complete,
        "failed": found.failed,
        "pruned": found.pruned,
        "best": [
            {
                "number": each.number,
                "children": list(each.children),
                "values": list(each.values),
                "params": {name: json_value(param.type, param.value) for name, param in each.params.items()},
            }
            for each in found.best
        ],
    }


def validation(found: views.Validation) -> Document:
    told: Document = {"valid": found.valid, "errors": issues(found.errors), "warnings": issues(found.warnings)}
    if found.children is not None:
        told["children"] = found.children
        told["until"] = None if found.until is None else repeat_until(found.until)
        told["points"] = [
            {name: json_value(value.type, value.value) for name, value in point.items()} for point in found.points
        ]
    return told


def submitted(found: views.Submitted) -> Document:
    return {"run": run(found.run), "warnings": issues(found.warnings)}


def dry_run(found: views.DryRunView) -> Document:
    return {
        "dry_run": True,
        "children": found.children,
        "nodes": found.nodes,
        "distinct_nodes": found.distinct_nodes,
        "cached": found.cached,
        "to_execute": found.to_execute,
        "unknown": found.unknown,
        "sampled": found.sampled,
        "looked_up": found.looked_up,
        "warnings": issues(found.warnings),
        "forecast": None if found.forecast is None else forecast(found.forecast),
        "until": None if found.until is None else repeat_until(found.until),
        "nice": found.nice,
    }


def forecast(found: views.ForecastView) -> Document:
    """Return a forecast in seconds from now; `low_s` and `high_s` are null where the end isn't known."""
    return {
        "low_s": found.low_s if found.known else None,
        "high_s": found.high_s if found.known else None,
        "cpu_low_s": found.cpu_low_s,
        "cpu_high_s": found.cpu_high_s,
        "why": found.why or None,
        "never": found.never,
    }


def outcomes(found: Iterable[views.RunOutcome]) -> Document:
    runs: list[Document] = []
    for each in found:
        outcome: Document = {"id": each.id, "changed": each.changed}
        if each.error is not None:
            outcome["error"] = each.error
        if each.warnings:
            outcome["warnings"] = list(each.warnings)
        runs.append(outcome)
    return {"runs": runs}
