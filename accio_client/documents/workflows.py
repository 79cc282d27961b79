"""Workflows, and the operators that they are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accio_client.documents.basics import Document, instant, issues, person, resources
from accio_client.json_values import json_value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accio_client import views


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
    } | (
        {"history": [{"version": each.version, "created_at": instant(each.created_at)} for each in found.history]}
        if found.history
        else {}
    )


def _workflow_parameter(found: views.WorkflowParameterView) -> Document:
    shown: Document = {"name": found.name, "kind": found.kind}
    if found.has_default:
        shown["default_value"] = json_value(found.kind, found.default)
    if found.help:
        shown["help"] = found.help
    if found.choices:
        shown["choices"] = [json_value(found.kind, each) for each in found.choices]
    return shown


def pushed(found: Iterable[views.Pushed]) -> Document:
    done = list(found)
    return {
        "workflows": [
            {"id": each.workflow.id, "version": each.workflow.version, "created": each.created} for each in done
        ],
        "warnings": [issue for each in done for issue in issues(each.warnings)],
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
        "memory_limit": found.memory_limit,
        "draws": list(found.draws),
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
    port |= {"optional": found.optional, "help": found.help}
    return port | ({"choices": [json_value(found.type, each) for each in found.choices]} if found.choices else {})
