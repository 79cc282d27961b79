"""Changing runs: `accio update`, `kill`, `retry`, `delete run`, each of runs that are named or match a query."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from accio.domain.states import NODE_TERMINAL, NodeState
from accio.errors import BadRequest, NotFound
from accio.exits import SUCCESS
from accio_client.calls.selecting import KILLED, RETRIED
from accio_client.cli.acting import chosen, where_options
from accio_client.cli.outcomes import tell
from accio_client.cli.output import out
from accio_client.cli.pairs import tag_list
from accio_client.cli.runs_shown import counted
from accio_client.cli.session import Session, accio_command
from accio_client.cli.text import printable
from accio_client.cli.watch import follow_runs
from accio_client.documents import document, run
from accio_client.views import Updated

if TYPE_CHECKING:
    from accio_client.sync import Client

_RUN_AGAIN = frozenset(state.value for state in NODE_TERMINAL - {NodeState.SUCCESS})
_TOLD = 20
"""Runs of which a retry tells what runs again: each is asked for."""


@accio_command
@click.argument("identifier", metavar="[RUN]", default="")
@where_options
@click.option("--name", help="The new name; an empty one clears it.")
@click.option("--notes", help="The new notes; empty ones clear them.")
@click.option("--tags", metavar="TAG,TAG...", help="The new tags, instead of the old ones; an empty list clears them.")
def update(
    session: Session,
    identifier: str,
    *,
    where: str,
    yes: bool,
    name: str | None,
    notes: str | None,
    tags: str | None,
) -> None:
    """Edit the metadata of a run in any state. A child shows its parent's: editing it edits the parent."""
    if name is None and notes is None and tags is None:
        raise click.UsageError("nothing to change: give -name, -notes or -tags")
    if where and identifier:
        raise click.UsageError("children have the metadata of their parent: give RUN or -where=QUERY, not both")
    labels = None if tags is None else tag_list(tags)
    with session.client() as client:
        ids = chosen(session, client, [identifier] if identifier else [], where, "update", yes=yes)
        found = [client.update(each, name=name, notes=notes, tags=labels) for each in ids]
    content = document({"runs": [{"id": each.run.id, "changed": each.changed, "run": run(each.run)} for each in found]})
    session.answer(content, (each.run.id for each in found), lambda: _show_updated(found))


def _show_updated(found: Sequence[Updated]) -> None:
    for each in found:
        out(f"{each.run.id} {'updated' if each.changed else 'was so already'}")


@accio_command
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@where_options
def kill(session: Session, runs: tuple[str, ...], *, where: str, yes: bool) -> int:
    """Stop runs. Killing a parent stops all of its children; what has ended stays as it is."""
    with session.client() as client:
        ids = chosen(session, client, runs, where, "kill", yes=yes, of_runs=KILLED, of_children=KILLED)
        found = client.kill(ids)
    return tell(session, found, "killed", "had ended already")


@accio_command
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@where_options
@click.option("--failed/--no-failed", default=False, help="Only what failed, and not what was killed: state=failed.")
@click.option(
    "--operators",
    type=click.Choice(["pinned", "latest"]),
    default="pinned",
    help="Whether to keep the operator versions that the run pinned, or to run what has yet to begin by the latest.",
)
@click.option("--memory", metavar="SIZE|Nx", default="", help="What they demand from now on, such as 8GiB or 2x.")
@click.option("--cpus", metavar="N|Nx", default="", help="The same of CPUs, such as 4 or 2x.")
@click.option("--timeout", metavar="TIME|Nx", default="", help="The same of time, such as 30.minutes or 2x.")
@click.option(
    "--force/--no-force",
    default=False,
    help="Even if no agent that is known could execute them: they wait for one that can.",
)
@click.option("--wait/--no-wait", default=False, help="Follow them until they have ended; exit 3 if not in success.")
def retry(
    session: Session,
    runs: tuple[str, ...],
    *,
    where: str,
    yes: bool,
    failed: bool,
    operators: str,
    memory: str,
    cpus: str,
    timeout: str,
    force: bool,
    wait: bool,
) -> int:
    """Run again what failed, was killed or lost, with the same seeds; what succeeded is kept.

    Says which nodes that is. With -memory, -cpus or -timeout these nodes demand so much from then on, or N times as
    much as before; `accio describe node` shows it. It changes no result, and no key.
    """
    if failed:
        where = f"state=failed ({where})" if where else "state=failed"
    with session.client() as client:
        ids = chosen(session, client, runs, where, "retry", yes=yes, of_children=RETRIED)
        again = dict(_not_succeeded(client, run) for run in ids) if len(ids) <= _TOLD else {}
        found = client.retry(
            ids, latest_operators=operators == "latest", memory=memory, cpus=cpus, timeout=timeout, force=force
        )
        changed = [each.id for each in found if each.changed and again.get(each.id)]
        moved = [each.id for each in found if each.changed and operators == "latest" and not again.get(each.id, True)]
        edits = dict.fromkeys(
            edit for each in changed for edit in _edits(session, client, each, latest=operators == "latest")
        )
    follows = wait and bool(found) and all(each.error is None and each.changed for each in found)
    code = SUCCESS if follows else tell(session, found, "retried", "has nothing to retry")
    for warning in dict.fromkeys(warning for each in found for warning in each.warnings):
        session.say(printable(f"warning: {warning}"))
    for each_id in changed:
        session.say(f"{each_id} runs again, of its nodes: {again[each_id]}")
    for each_id in moved:
        session.say(f"{each_id} had nothing to retry; what it has yet to execute runs the latest operators")
    for edit in edits:
        session.say(printable(edit))
    return follow_runs(session, [each.id for each in found]) if follows else code


def _edits(session: Session, client: "Client", run_id: str, *, latest: bool) -> Iterator[str]:
    """Yield what people who have mended an operator should know: which code of it a run that is retried executes."""
    with suppress(NotFound):
        found = client.get_run(run_id)
        if found.run.kind == "parent":  # its children have pinned the same
            run_id = f"{found.run.id}.0"
            found = client.get_run(run_id)
        for name, node in {node.operator: node.name for node in found.nodes}.items():
            operator = client.get_operator(name)
            if operator.stale:
                yield operator.stale
            elif not latest and operator.digest not in {None, client.get_node(run_id, node).pinned_digest}:
                moving = session.hint(f"retry {found.run.parent or found.run.id} -operators=latest")
                yield (
                    f"the code of {name} has changed since the run was submitted, and the run keeps the one of then; "
                    f"to run the new one: `{moving}`"
                )


def _not_succeeded(client: "Client", name: str) -> tuple[str, str]:
    """Return a run's id, and which nodes a retry runs again (`1 failed, 2 cancelled`); nothing of an unknown run."""
    try:
        run = client.get_run(name, nodes=False).run
    except (NotFound, BadRequest):  # the retry itself tells what is wrong
        return name, ""
    return run.id, counted({state: count for state, count in run.nodes_by_state.items() if state in _RUN_AGAIN})


@accio_command
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@where_options
def delete(session: Session, runs: tuple[str, ...], *, where: str, yes: bool) -> int:
    """Delete runs, stopping first what still runs. Deleting a parent deletes its children."""
    with session.client() as client:
        found = client.delete(chosen(session, client, runs, where, "delete", yes=yes))
    return tell(session, found, "deleted", "was deleted already")
