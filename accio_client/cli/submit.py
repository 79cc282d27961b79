"""`accio submit FILE|WORKFLOW|OPERATOR [NAME=VALUE …]`"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from accio.domain.datatypes import parse_type
from accio.domain.documents import parse_document
from accio.errors import AccioError, FailedPrecondition, InvalidDefinition, NotFound
from accio.exits import NOT_SUCCESS, SUCCESS
from accio_client.cli.definitions import (
    Overrides,
    Readings,
    Source,
    patterns_of_files,
    run_options,
    submission,
    texts_with_commas,
)
from accio_client.cli.functions import announced, described, names_operator, reference
from accio_client.cli.notices import Notices, notify_option
from accio_client.cli.output import fields, out
from accio_client.cli.runs_shown import at_most
from accio_client.cli.session import Session, accio_command
from accio_client.documents import document, dry_run, issues, run

if TYPE_CHECKING:
    from accio_client.sync import Client
    from accio_client.views import CacheMode, DryRunView, RunView

_SOON_S = 10.0

Way: TypeAlias = "Callable[[Session, Client, Source, CacheMode], int]"
"""What is done with a definition, as the options say; the exit code."""


@accio_command
@click.argument("definition", metavar="FILE|WORKFLOW|OPERATOR", required=False)
@click.argument("params", nargs=-1, metavar="[NAME=VALUE]...")
@click.option(
    "--from", "source", metavar="RUN", help="Make this run again, with what is said beside; in place of FILE."
)
@click.option("--wait/--no-wait", default=False, help="Follow the run until it has ended; exit 3 if not in success.")
@click.option("--dry-run/--no-dry-run", default=False, help="Say what would be executed, and create nothing.")
@notify_option
@run_options
def submit(
    session: Session,
    *,
    definition: str | None,
    source: str | None,
    wait: bool,
    dry_run: bool,
    notify: str | None,
    overrides: Overrides,
    mode: "CacheMode",
) -> int:
    """Create a run, or a sweep, from a run definition FILE, a WORKFLOW (id or id:version), or one OPERATOR; or again
    what a RUN was made of.

    An operator is named as such, as FILE.py:FUNCTION, or by the file that declares a program, if an agent offers it;
    `accio run` starts one that does.

    NAME=VALUE replaces whatever the file gives for that parameter; a name that is given several times makes a sweep
    over its values. Numbers, booleans, distances, durations and timestamps may be swept in short: x=1,2,3, x=1..5,
    x=1..10:2, x=0..1:count=11, x=1e-5..1:log.

    -from=RUN takes the workflow's version, all values, the metadata and the seed of that run. With other values of a
    parameter it is extended: points that were there keep their seeds, and are taken from the cache. A child is made
    again as a single run.

    -notify=COMMAND|URL tells of the first failure and of the end, as with `accio watch`: the run is followed until it
    has ended.
    """
    if notify is not None and dry_run:
        raise click.UsageError("-notify tells how a run goes on, and -dry-run creates none: leave one of them out")
    following = wait or notify is not None
    way = say_only if dry_run else partial(submit_and_wait, notify=notify) if following else submit_only
    if source is not None:
        return _submit_again(session, source, definition, overrides, way, mode)
    if definition is None:
        raise click.UsageError("expected a run definition FILE, a WORKFLOW, an OPERATOR, or -from=RUN, found none")
    return submit_named(session, definition, overrides, way, mode)


def _submit_again(
    session: Session, run: str, first: str | None, overrides: Overrides, way: "Way", mode: "CacheMode"
) -> int:
    """Submit what a run was made of, with what the command line says besides; the exit code."""
    overrides = replace(overrides, params=(*([] if first is None else [first]), *overrides.params))
    if first is not None and "=" not in first:
        raise click.UsageError(f"-from={run} says what to submit: expected NAME=VALUE besides, found {first!r}")
    with session.client() as client:
        return submitted(session, client, client.definition(run), overrides, way, mode)


def submit_named(session: Session, definition: str, overrides: Overrides, way: "Way", mode: "CacheMode") -> int:
    """Submit a run definition file, a workflow, an operator or a function that an agent offers; the exit code."""
    with session.client() as client:
        if names_operator(definition):
            function = reference(definition)
            definition = announced(session, client, function, described(function))
        return submitted(session, client, definition, overrides, way, mode)


def submitted(
    session: Session,
    client: "Client",
    definition: str | Mapping[str, Any],
    overrides: Overrides,
    way: "Way",
    mode: "CacheMode",
) -> int:
    """Submit what the command line means by *definition*, a word or what a run was made of; the exit code.

    The name of an operator stands for the workflow of that operator by itself, which is stored when it is needed.
    """
    source = Source(name="", text=b"", base_path="")
    try:
        source = submission(definition, overrides, partial(_readings, session, client, overrides))
        return way(session, client, source, mode)
    except InvalidDefinition as error:
        is_word = isinstance(definition, str) and not source.name
        operator = definition if is_word else _workflow_of(source)
        if isinstance(operator, str) and operator and _is_stored_now(client, operator, error):
            return submitted(session, client, definition, overrides, way, mode)
        unknown = next((issue for issue in error.issues if issue.path == "/workflow"), None)
        if unknown is not None and is_word:  # the command line, no definition, names what isn't there
            hint = f"; did you mean {unknown.suggestion}?" if unknown.suggestion else ""
            raise NotFound(unknown.message + hint + _lacking(client)) from None
        return session.refused(error, source.name, source.text)


def _workflow_of(source: Source) -> str:
    """Return the workflow that a definition names, without a version; empty if there is none."""
    try:
        name = parse_document(source.text).get("workflow")
    except InvalidDefinition:
        return ""
    return name if isinstance(name, str) else ""


def _is_stored_now(client: "Client", operator: str, error: InvalidDefinition) -> bool:
    """Return whether *operator* names one whose own workflow wasn't there, or was one of earlier inputs, until now."""
    if not any(issue.path.startswith(("/workflow", "/params")) for issue in error.issues):
        return False
    try:
        return client.push_operator(operator).created
    except (NotFound, FailedPrecondition):
        return False


def _lacking(client: "Client") -> str:
    """Say why an operator may be missed: none has come yet that an agent offers, or an agent can't load it."""
    agents = client.list_agents()
    if all(each.state != "connected" for each in agents):
        return "; if an operator is meant, no agent is connected yet that could offer it (accio get agents)"
    said = [f"{each.name}: {why}" for each in agents for why in each.left_out]
    return f"; if an operator is meant, maybe an agent can't load it ({'; '.join(said)})" if said else ""


def _readings(session: Session, client: "Client", overrides: Overrides, workflow: str) -> Readings:
    """Return how a workflow's parameters are read; of none if there is no such workflow, which the submission tells."""
    try:
        params = client.get_workflow(workflow).params
    except NotFound:
        return Readings({}, {})
    words = {param.name: [each for each in param.choices if isinstance(each, str)] for param in params}
    readings = Readings({param.name: parse_type(param.kind) for param in params}, words)
    for remark in (*texts_with_commas(overrides, readings), *patterns_of_files(overrides, readings)):
        session.say(remark)
    return readings


def submit_only(session: Session, client: "Client", source: Source, mode: "CacheMode") -> int:
    done = client.submit(source.text, base_path=source.base_path, cache=mode)
    session.warn(done.warnings, source.name)
    content = document({"run": run(done.run), "warnings": issues(done.warnings)})
    session.answer(content, [done.run.id], lambda: _show(session, client, done.run))
    return SUCCESS


def _show(session: Session, client: "Client", created: "RunView") -> None:
    out(created.id)
    what = f"{at_most(created.children, created.until)} runs" if created.children is not None else "a run"
    session.say(f"submitted {what} of {created.workflow_id}:{created.workflow_version} with seed {created.seed}")
    if told := _forecast(client, created):
        session.say(told)
    session.say(f"follow: {session.hint(f'watch {created.id}')}")


def _forecast(client: "Client", created: "RunView") -> str:
    """Return when a run will have ended; empty if that is soon, or if nothing is known or it can't be asked."""
    from accio_client.cli.workload import ending

    try:
        load = client.workload(created.id)
    except AccioError:
        return ""  # the run is made: what else could be told of it isn't worth an error
    found = next((each.forecast for each in load.runs), None)
    if found is None or not (found.never or (found.known and found.high_s >= _SOON_S)):
        return ""
    return f"it won't end with the agents that are there: {found.why}" if found.never else f"ends {ending(found)}"


def submit_and_wait(
    session: Session, client: "Client", source: Source, mode: "CacheMode", *, notify: str | None = None
) -> int:
    from accio_client.cli.following import follow
    from accio_client.cli.studies_shown import reading

    updates = client.submit_and_watch(source.text, base_path=source.base_path, cache=mode)
    with Notices(session, notify) as notices:
        ended, warnings = follow(
            session, updates, source.name, series=client.series, study=reading(client), notices=notices
        )
    content = document({"run": run(ended), "warnings": issues(warnings)})
    session.answer(content, [ended.id], lambda: _show_ended(session, client, ended))
    return SUCCESS if ended.state.value == "success" else NOT_SUCCESS


def _show_ended(session: Session, client: "Client", ended: "RunView") -> None:
    out(f"{ended.id} {ended.state.value}")
    if "optimize" in ended.sweep:
        from accio_client.cli.studies_shown import tell_best

        tell_best(session, client, ended)


def say_only(session: Session, client: "Client", source: Source, mode: "CacheMode") -> int:
    found = client.dry_run(source.text, base_path=source.base_path, cache=mode)
    session.warn(found.warnings, source.name)
    session.answer(document(dry_run(found)), [], lambda: _show_dry_run(found))
    return SUCCESS


def _show_dry_run(found: "DryRunView") -> None:
    from accio_client.cli.workload import cpu_time, ending

    about = "about " if found.sampled else ""
    most = "" if found.until is None else "at most "
    fields(
        [
            ("runs", at_most(found.children, found.until)),
            ("repeated", None if found.until is None else f"until {found.until}"),
            ("nodes", f"{most}{found.nodes}"),
            ("distinct nodes", f"{most}{found.distinct_nodes}"),
            ("cached", f"{about}{found.cached}"),
            ("to execute", f"{about or most}{found.to_execute}"),
            ("not known yet", f"{found.unknown} depend on outputs or files yet to be read" if found.unknown else None),
            ("sample", f"{found.looked_up} distinct nodes were looked up" if found.sampled else None),
            ("nice", "yes, behind all runs that aren't" if found.nice else None),
            ("ends", None if found.forecast is None else ending(found.forecast)),
            ("cpu time", None if found.forecast is None else cpu_time(found.forecast)),
        ]
    )
