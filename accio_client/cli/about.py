"""Accio itself: `accio help`, `version`."""

import platform
from typing import TYPE_CHECKING, Any

import click

from accio.version import accio_version
from accio_client.cli import help_text
from accio_client.cli.catalogue import COMMANDS, SAME, become, load, nouns, verbs
from accio_client.cli.output import fields, out
from accio_client.cli.session import Session, accio_command

if TYPE_CHECKING:
    from accio_client.views import ClusterView


@accio_command
@click.argument("words", nargs=-1, metavar="[COMMAND]...")
def explain(session: Session, words: tuple[str, ...]) -> int:
    """List the commands, or explain one."""
    asked = " ".join(words)
    asked = SAME.get(asked, asked)
    if session.json or session.quiet:
        found = {name: entry.summary for name, entry in COMMANDS.items() if _within(name, asked)}
        if not found:
            return help_text.unknown(asked)
        listed = [{"command": name, "summary": summary} for name, summary in found.items()]
        session.answer({"schema": "accio/v1", "commands": listed}, found, lambda: None)
        return 0
    if not asked:
        return help_text.overview()
    if asked in verbs() and nouns(asked):
        return help_text.of_verb(asked, asked=True)
    program, _, own = asked.partition(" ")
    if asked not in COMMANDS and program in COMMANDS and COMMANDS[program].program:
        become(COMMANDS[program].place, [*own.split(), "--help"])  # it knows its own commands
    return _explain(asked) if asked in COMMANDS else help_text.unknown(asked)


def _within(name: str, asked: str) -> bool:
    return not asked or name == asked or name.startswith(f"{asked} ")


def _explain(words: str) -> int:
    if COMMANDS[words].program:
        become(COMMANDS[words].place, ["--help"])
    explained = load(words)
    with click.Context(explained, info_name=f"accio {words}") as context:
        out(explained.get_help(context))
    return 0


@accio_command
@click.option("--client/--no-client", default=False, help="Only the client's version; needs no daemon.")
def version(session: Session, *, client: bool) -> None:
    """Print the versions of this client and of the daemon, and how busy the cluster is."""
    mine = accio_version()
    daemon: ClusterView | None = None
    if not client:
        with session.client() as connection:
            daemon = connection.cluster_state()
    content: dict[str, Any] = {
        "schema": "accio/v1",
        "client": mine,
        "python": platform.python_version(),
        "daemon": None,
    }
    if daemon is not None:
        from accio_client.documents import cluster

        content["daemon"] = cluster(daemon)
    session.answer(content, [mine], lambda: _show(mine, daemon))


def _show(mine: str, daemon: "ClusterView | None") -> None:
    facts: list[tuple[str, object]] = [("client", f"{mine} (Python {platform.python_version()})")]
    if daemon is not None:
        facts += [
            ("daemon", f"{daemon.version} (start {daemon.epoch} on its database)"),
            ("agents", str(daemon.agents)),
            ("cpus", f"{daemon.reserved.milli_cpus / 1000:g} of {daemon.resources.milli_cpus / 1000:g} reserved"),
            ("active runs", str(daemon.active_runs)),
            ("nodes", f"{daemon.running_nodes} running, {daemon.queued_nodes} queued"),
            ("refusing new work", daemon.refusing),
        ]
    fields(facts)
