"""`accio describe workflow ID[:VERSION]`"""

from typing import Any

import click

from accio_client.cli.session import Session, accio_command, fields, out, table
from accio_client.cli.text import local_time, shown_value
from accio_client.documents import document, workflow
from accio_client.views import WorkflowView


@accio_command
@click.argument("identifier", metavar="ID[:VERSION]")
def command(session: Session, identifier: str) -> None:
    """Show a workflow: its parameters and its nodes."""
    with session.client() as client:
        found = client.get_workflow(identifier)
    session.answer(document(workflow(found)), [found.id], lambda: _show(found))


def _show(found: WorkflowView) -> None:
    fields(
        [
            ("id", found.id),
            ("version", f"{found.version} (of {found.versions})"),
            ("name", found.name),
            ("notes", found.notes),
            ("owner", found.owner),
            ("created", local_time(found.created_at)),
        ]
    )
    if found.params:
        out("")
        rows = [
            (each.name, each.kind, shown_value(each.default) if each.has_default else "", each.help)
            for each in found.params
        ]
        table(("parameter", "type", "default", "help"), rows)
    out("")
    table(("node", "operator", "inputs"), [_node(each) for each in found.definition.get("graph", [])])


def _node(node: dict[str, Any]) -> tuple[str, str, str]:
    inputs = node.get("inputs") or {}
    return (
        node.get("name", node.get("op", "")),
        node.get("op", ""),
        ", ".join(f"{port}={_source(given)}" for port, given in inputs.items()),
    )


def _source(given: Any) -> str:
    """Where an input comes from: a parameter ($epsilon), an output (Node/port) or a constant."""
    if isinstance(given, dict) and len(given) == 1:
        if "param" in given:
            return f"${given['param']}"
        if "reference" in given:
            return str(given["reference"])
        if "value" in given:
            return shown_value(given["value"])
    return shown_value(given)
