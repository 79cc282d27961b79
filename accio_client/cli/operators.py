"""Operators: `accio get operators`, `describe operator`."""

from collections.abc import Sequence

import click

from accio.domain.sizes import size
from accio_client.cli.output import fields, out, table
from accio_client.cli.session import Session, accio_command
from accio_client.cli.text import shown_value
from accio_client.documents import document, operator
from accio_client.views import InputPortView, OperatorView, ResourcesView


@accio_command
def get(session: Session) -> None:
    """List every operator that an agent ever offered."""
    with session.client() as client:
        found = client.list_operators()
        agents = [] if session.json or session.quiet else client.list_agents()
    content = document({"operators": [operator(each) for each in found]})
    session.answer(content, (each.name for each in found), lambda: _show_list(found))
    for each in agents:
        for why in each.left_out:
            session.say(f"agent {each.name}: {why}")


def _show_list(found: Sequence[OperatorView]) -> None:
    rows = [(each.name, each.category, _remarks(each), each.help.split("\n")[0]) for each in found]
    table(("name", "category", "remarks", "help"), rows)


def _remarks(found: OperatorView) -> str:
    """Return what a user of the operator should know about it."""
    remarks = ["unstable"] if found.unstable else []
    if found.deprecated:
        remarks.append(f"deprecated: {found.deprecated}")
    if found.uncacheable:
        remarks.append("not cached")
    return ", ".join(remarks)


@accio_command
@click.argument("name")
def describe(session: Session, name: str) -> None:
    """Show an operator: its ports, what it needs, and what its results depend on."""
    with session.client() as client:
        found = client.get_operator(name)
    session.answer(document(operator(found)), [found.name], lambda: _show_operator(found))


def _show_operator(found: OperatorView) -> None:
    fields(
        [
            ("name", found.name),
            ("category", found.category),
            ("help", found.help),
            ("unstable", "yes: it receives a seed" if found.unstable else "no"),
            ("draws from", ", ".join(found.draws) or None),
            ("deprecated", found.deprecated),
            ("not cached", found.uncacheable),
            ("digest", found.digest),
            ("from", found.distribution),
            ("agents differ", found.differing),
            ("edited", found.stale),
            ("resources", shown_resources(found.resources)),
            ("time-out", f"{found.timeout_ms} ms" if found.timeout_ms else None),
            ("retries", str(found.retries) if found.retries else None),
            ("retry memory", _growth(found)),
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


def _growth(found: OperatorView) -> str | None:
    if not found.retry_memory:
        return None
    return f"{found.retry_memory:g} times as much" + (
        f", up to {size(found.memory_limit)}" if found.memory_limit else ""
    )


def _default(port: InputPortView) -> str:
    if port.has_default:
        return shown_value(port.default)
    return "(optional)" if port.optional else "(required)"


def shown_resources(found: ResourcesView) -> str:
    """Return resources in words: 1 cpu, 512.0 MiB memory, 2 gpus."""
    parts = [f"{found.milli_cpus / 1000:g} {'cpu' if found.milli_cpus == 1000 else 'cpus'}"]
    if found.memory:
        parts.append(f"{size(found.memory)} memory")
    if found.disk:
        parts.append(f"{size(found.disk)} disk")
    if found.gpus:
        parts.append(f"{found.gpus} {'gpu' if found.gpus == 1 else 'gpus'}")
    parts += [f"{count} {name}" for name, count in found.custom.items()]
    return ", ".join(parts)
