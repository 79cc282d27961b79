"""`accio describe operator NAME`"""

import click

from accio_client.cli.session import Session, accio_command, fields, out, table
from accio_client.cli.text import shown_value, size
from accio_client.documents import document, operator
from accio_client.views import InputPortView, OperatorView, ResourcesView


@accio_command
@click.argument("name")
def command(session: Session, name: str) -> None:
    """Show an operator: its ports, what it needs, and what its results depend on."""
    with session.client() as client:
        found = client.get_operator(name)
    session.answer(document(operator(found)), [found.name], lambda: _show(found))


def _show(found: OperatorView) -> None:
    fields(
        [
            ("name", found.name),
            ("category", found.category),
            ("help", found.help),
            ("unstable", "yes: it receives a seed" if found.unstable else "no"),
            ("deprecated", found.deprecated),
            ("not cached", found.uncacheable),
            ("digest", found.digest),
            ("from", found.distribution),
            ("resources", shown_resources(found.resources)),
            ("time-out", f"{found.timeout_ms} ms" if found.timeout_ms else None),
            ("retries", str(found.retries) if found.retries else None),
            ("process", "a new one for each node" if found.isolated else None),
        ]
    )
    out("")
    table(
        ("input", "type", "default", "help"),
        [(each.name, each.type, _default(each), each.help) for each in found.inputs],
    )
    out("")
    table(("output", "type", "help"), [(each.name, each.type, each.help) for each in found.outputs])


def _default(port: InputPortView) -> str:
    if port.has_default:
        return shown_value(port.default)
    return "(optional)" if port.optional else "(required)"


def shown_resources(found: ResourcesView) -> str:
    """Resources in words: 2 cpus, 512.0 MiB memory."""
    parts = [f"{found.milli_cpus / 1000:g} cpus"]
    if found.memory:
        parts.append(f"{size(found.memory)} memory")
    if found.disk:
        parts.append(f"{size(found.disk)} disk")
    if found.gpus:
        parts.append(f"{found.gpus} gpus")
    parts += [f"{count} {name}" for name, count in found.custom.items()]
    return ", ".join(parts)
