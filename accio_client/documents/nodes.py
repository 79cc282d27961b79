"""Nodes: their attempts, failures, measurements, events and log lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accio_client.documents.basics import Document, instant, resources
from accio_client.json_values import json_value

if TYPE_CHECKING:
    from accio_client import views


def node(found: views.NodeView) -> Document:
    failure = found.failure
    return {
        "run": found.run,
        "name": found.name,
        "operator": found.operator,
        "state": found.state.value,
        "cached": found.cached,
        "attempts": found.attempts,
        "agent": found.agent,
        "started_at": instant(found.started_at),
        "ended_at": instant(found.ended_at),
        "cause": failure.cause if failure else None,
        "message": failure.message if failure else None,
        "predecessor": (failure.predecessor or None) if failure else None,
        "reason": found.reason or None,
        "shares": found.shares or None,
    }


def node_details(found: views.NodeDetailsView) -> Document:
    return {
        **node(found.node),
        "attempts": [
            {
                "id": each.id,
                "agent": each.agent,
                "state": each.state,
                "started_at": instant(each.started_at),
                "ended_at": instant(each.ended_at),
                "error": failure(each.failure),
            }
            for each in found.attempts
        ],
        "inputs": {
            port: {"type": each.type, "value": json_value(each.type, each.value)} for port, each in found.inputs.items()
        },
        "artifacts": {
            each.port: {
                "type": each.type,
                "value": json_value(each.type, each.value),
                "blob": each.blob,
                "size": each.size,
            }
            for each in found.artifacts
        },
        "metrics": metrics(found.metrics),
        "error": failure(found.node.failure),
        "seed": None if found.seed is None else str(found.seed),
        "operator_digest": found.operator_digest or None,
        "pinned_digest": found.pinned_digest or None,
        "key": found.key,
        "demand": None if found.demand is None else resources(found.demand),
        "timeout_ms": found.timeout_ms,
        "demand_changed": found.demand_changed or None,
        "checkpoint": checkpoint(found.checkpoint),
        "series": [series(each) for each in found.series],
    }


def failure(found: views.FailureView | None) -> Document | None:
    if found is None:
        return None
    return {
        "cause": found.cause,
        "message": found.message,
        "exit_code": found.exit_code if found.cause == "exit code" else None,
        "signal": found.signal or None,
        "exception": found.exception or None,
        "traceback": found.traceback or None,
        "stdout": found.stdout_tail or None,
        "stderr": found.stderr_tail or None,
        "predecessor": found.predecessor or None,
    }


def metrics(found: views.MetricsView | None) -> Document | None:
    if found is None:
        return None
    return {
        "wall_us": found.wall_us,
        "user_cpu_us": found.user_cpu_us,
        "system_cpu_us": found.system_cpu_us,
        "peak_memory": found.peak_memory,
        "bytes_in": found.bytes_in,
        "bytes_out": found.bytes_out,
        **found.custom,
    }


def series(found: views.SeriesView) -> Document:
    """Return a series, its points as [step, value, seconds]; values that aren't finite are null."""
    return {
        "attempt": found.attempt,
        "running": found.running,
        "metric": found.name,
        "total": found.total,
        "points": [list(point) for point in found.points],
    }


def checkpoint(found: views.CheckpointView | None) -> Document | None:
    if found is None:
        return None
    return {
        "digest": found.digest,
        "size": found.size,
        "attempt": found.attempt,
        "saved_at": instant(found.saved_at),
    }


def why(found: views.WhyView) -> Document:
    answer: Document = {"run": found.run, "node": found.node, "answer": found.answer}
    if found.source is not None:
        answer["from"] = found.source
    answer["differences"] = [
        {"component": each.component, "before": each.before, "after": each.after} for each in found.differences
    ]
    answer["reason"] = found.reason
    answer["computed_at"] = instant(found.computed_at)
    answer["agent"] = found.agent
    return answer


def event(found: views.EventView) -> Document:
    return {
        "at": instant(found.at),
        "kind": found.kind,
        "run": found.run,
        "node": found.node,
        "attempt": found.attempt,
        "detail": found.detail,
    }


def log_line(found: views.LogLine) -> Document:
    return {
        "run": found.run,
        "node": found.node,
        "attempt": found.attempt,
        "stream": "note" if found.is_note else "stderr" if found.stderr else "stdout",
        "at": instant(found.at),
        "text": found.text,
    }
