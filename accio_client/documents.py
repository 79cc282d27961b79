"""The documents that `--json` prints (docs/cli.md): from views to JSON, nothing else.

Each document has a JSON Schema in accio/schemas/documents, and a test holds it against that. Fields may be added; a
field that is renamed or removed needs a new schema name. 64-bit integers (seeds, values of type long) are texts; counts
and sizes, which no reader loses a digit of, are numbers.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from accio_client.json_values import json_parameter, json_value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accio.domain.issues import Issue
    from accio_client import views

SCHEMA = "accio/v1"

Document = dict[str, Any]


def document(content: Document) -> Document:
    """Return *content* as a whole document, that is with the name of its schema."""
    return {"schema": SCHEMA, **content}


def instant(at: datetime | None) -> str | None:
    """ISO 8601 in UTC, with milliseconds where there are any."""
    if at is None:
        return None
    utc = at.astimezone(UTC)
    text = utc.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{utc.microsecond // 1000:03d}Z" if utc.microsecond >= 1000 else f"{text}Z"


def issues(found: Iterable[Issue]) -> list[Document]:
    return [issue.to_json() for issue in found]


def validation(found: views.Validation) -> Document:
    told: Document = {"valid": found.valid, "errors": issues(found.errors), "warnings": issues(found.warnings)}
    if found.children is not None:
        told["children"] = found.children
        told["until"] = None if found.until is None else repeat_until(found.until)
        told["points"] = [
            {name: json_value(value.type, value.value) for name, value in point.items()} for point in found.points
        ]
    return told


def person(found: views.PersonView) -> Document:
    return {"name": found.name, "email": found.email}


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
        "key": found.key,
        "demand": None if found.demand is None else resources(found.demand),
        "timeout_ms": found.timeout_ms,
        "demand_changed": found.demand_changed or None,
        "checkpoint": checkpoint(found.checkpoint),
        "series": [series(each) for each in found.series],
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


def pushed(found: Iterable[views.Pushed]) -> Document:
    done = list(found)
    return {
        "workflows": [
            {"id": each.workflow.id, "version": each.workflow.version, "created": each.created} for each in done
        ],
        "warnings": [issue for each in done for issue in issues(each.warnings)],
    }


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


def workflow(found: views.WorkflowView) -> Document:
    return {
        "id": found.id,
        "version": found.version,
        "name": found.name,
        "notes": found.notes,
        "owner": person(found.owner),
        "created_at": instant(found.created_at),
        "params": [_workflow_parameter(each) for each in found.params],
        "graph": found.definition.get("graph", []),
        "versions": found.versions,
    }


def _workflow_parameter(found: views.WorkflowParameterView) -> Document:
    shown: Document = {"name": found.name, "kind": found.kind}
    if found.has_default:
        shown["default_value"] = json_value(found.kind, found.default)
    if found.help:
        shown["help"] = found.help
    return shown


def outcomes(found: Iterable[views.RunOutcome]) -> Document:
    runs: list[Document] = []
    for each in found:
        outcome: Document = {"id": each.id, "changed": each.changed}
        if each.error is not None:
            outcome["error"] = each.error
        runs.append(outcome)
    return {"runs": runs}


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


def resources(found: views.ResourcesView) -> Document:
    cpus = found.milli_cpus / 1000
    return {
        "cpus": int(cpus) if cpus.is_integer() else cpus,
        "memory": found.memory,
        "disk": found.disk,
        "gpus": found.gpus,
        "custom": dict(found.custom),
    }


def operator(found: views.OperatorView) -> Document:
    return {
        "name": found.name,
        "digest": found.digest,
        "uncacheable": found.uncacheable,
        "category": found.category,
        "help": found.help,
        "unstable": found.unstable,
        "deprecated": found.deprecated,
        "inputs": [_input_port(each) for each in found.inputs],
        "outputs": [{"name": each.name, "type": each.type, "help": each.help} for each in found.outputs],
        "resources": resources(found.resources),
        "timeout_ms": found.timeout_ms,
        "retries": found.retries,
        "retry_backoff_ms": found.retry_backoff_ms,
        "retry_memory": found.retry_memory,
        "isolated": found.isolated,
        "components": dict(found.components),
        "distribution": found.distribution,
        "differing": found.differing or None,
        "stale": found.stale or None,
    }


def _input_port(found: views.InputPortView) -> Document:
    port: Document = {"name": found.name, "type": found.type}
    if found.has_default:
        port["default"] = json_value(found.type, found.default)
    return port | {"optional": found.optional, "help": found.help}


def agent(found: views.AgentView) -> Document:
    return {
        "name": found.name,
        "state": found.state,
        "resources": resources(found.resources),
        "reserved": resources(found.reserved),
        "running": found.running,
        "prefetched": found.prefetched,
        "last_seen": instant(found.last_seen),
        "lease_left_ms": found.lease_left_ms,
        "operators": found.operators,
        "owners": list(found.owners),
        "reason": found.reason or None,
        "version": found.version,
    }


def cluster(found: views.ClusterView) -> Document:
    return {
        "version": found.version,
        "epoch": found.epoch,
        "started_at": instant(found.started_at),
        "agents": found.agents,
        "resources": resources(found.resources),
        "reserved": resources(found.reserved),
        "queued_nodes": found.queued_nodes,
        "running_nodes": found.running_nodes,
        "active_runs": found.active_runs,
        "refusing": found.refusing or None,
    }


def garbage(found: views.GarbageView) -> Document:
    freed = [{"digest": each.digest, "bytes": each.bytes, "reason": each.reason} for each in found.freed]
    return {"freed": freed, "bytes": found.bytes, "dry_run": found.dry_run}


def cache(found: views.CacheView) -> Document:
    return {
        "operators": [
            {
                "operator": each.operator,
                "results": each.results,
                "bytes": each.bytes,
                "hits": each.hits,
                "misses": each.misses,
                "hit_rate": hit_rate(each),
            }
            for each in found.operators
        ],
        "entries": [
            {
                "key": each.key,
                "operator": each.operator,
                "from": each.source,
                "computed_at": instant(each.computed_at),
                "bytes": each.bytes,
            }
            for each in found.entries
        ],
    }


def hit_rate(found: views.CacheStatisticsView) -> float | None:
    """Return the share of nodes that took a result; None before the first node."""
    asked = found.hits + found.misses
    return found.hits / asked if asked else None


def token(found: views.TokenView) -> Document:
    return {
        "id": found.id,
        "kind": found.kind,
        "owner": person(found.owner),
        "name": found.name,
        "groups": list(found.groups),
        "created_at": instant(found.created_at),
        "expires_at": instant(found.expires_at),
        "last_used_at": instant(found.last_used_at),
        "revoked_at": instant(found.revoked_at),
        "made_with": found.made_with,
    }


def change(found: views.ChangeView) -> Document:
    return {
        "at": instant(found.at),
        "by": found.by,
        "token": found.token,
        "what": found.what,
        "subject": found.subject,
    }
