"""`accio run FILE.py:FUNCTION|FILE.json [NAME=VALUE …]`: from one function, program or file to the table of a sweep."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from accio.domain.documents import parse_document
from accio.errors import InvalidDefinition, NotFound
from accio.exits import NOT_SUCCESS, SUCCESS
from accio_client.cli.definitions import Overrides, Source, means_file, read_file, run_options
from accio_client.cli.functions import announced, described, names_operator, reference
from accio_client.cli.outcome_shown import results, show_results
from accio_client.cli.session import Session, accio_command
from accio_client.cli.starting import Place, started
from accio_client.cli.submit import submitted
from accio_client.cli.workflows import default_id
from accio_client.documents import document, issues, run

if TYPE_CHECKING:
    from accio_client.sync import Client
    from accio_client.views import CacheMode, RunView


@accio_command
@click.argument("what", metavar="FILE.py:FUNCTION|FILE.json")
@click.argument("params", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--operators", multiple=True, metavar="MODULE|FILE", help="Offer these operators, too.")
@click.option("--private/--no-private", default=False, help="Use a daemon of its own, of which nothing is kept.")
@run_options
def execute(
    session: Session,
    *,
    what: str,
    operators: tuple[str, ...],
    private: bool,
    overrides: Overrides,
    mode: "CacheMode",
) -> int:
    """Run a function of a Python file, a program that a file declares, a run file or a workflow file, and print the
    table of its results.

    Uses the daemon that is there, else starts one with an agent for as long as this takes, on the usual data folder. A
    function needs type hints, no decorator. NAME=VALUE gives a parameter its value or values: x=1,2,3, x=1..5,
    x=1e-5..1:log; a name may be given several times.
    """
    function = reference(what) if names_operator(what) else None
    if function is None and not means_file(what):
        raise NotFound(f"expected FILE.py:FUNCTION or FILE.json, found {what!r}, which is no file; {_instead(what)}")
    file = None if function is not None else read_file(what)
    spec = described(function) if function is not None else None  # what is wrong with it is told before anything starts
    offered = [*([function] if function else []), *operators]
    with started(session, offered, private=private, installed=function is None) as place:
        try:
            if function is not None and spec is not None:
                definition = announced(session, place.client, function, spec)
            else:
                definition = _stored(session, place.client, file, what) if file is not None else what
        except InvalidDefinition as error:
            return session.refused(error, what, file.text if file is not None else b"")
        return submitted(session, place.client, definition, overrides, partial(_follow, place=place), mode)


def _stored(session: Session, client: "Client", file: Source, what: str) -> str:
    """Store what a file needs, and return what to submit: a workflow's id, or the run file itself.

    A run file's workflow that the daemon doesn't have is looked for beside the file, under its id.
    """
    try:
        content = parse_document(file.text)
    except InvalidDefinition:
        return what  # the daemon tells what is wrong with it
    if "graph" in content:
        pushed = client.push(file.text, default_id=default_id(file.name), base_path=file.base_path)
        session.warn(pushed.warnings, what)
        return f"{pushed.workflow.id}:{pushed.workflow.version}"
    workflow = content.get("workflow")
    beside = Path(what).parent / f"{workflow}.json"
    if isinstance(workflow, str) and "/" not in workflow and beside.is_file():
        try:
            client.get_workflow(workflow)
        except NotFound:
            client.push(read_file(str(beside)).text, default_id=workflow, base_path=file.base_path)
    return what


def _follow(session: Session, client: "Client", source: Source, mode: "CacheMode", *, place: Place) -> int:
    from accio_client.cli.following import follow
    from accio_client.cli.studies_shown import reading, tell_best

    updates = client.submit_and_watch(source.text, base_path=source.base_path, cache=mode)
    try:
        ended, warnings = follow(
            session, updates, source.name, lasting=not place.ends, series=client.series, study=reading(client)
        )
    except KeyboardInterrupt:
        session.say(place.after_detaching)
        raise
    content = {"run": run(ended), "warnings": issues(warnings)} | results(client, ended)
    session.answer(document(content), [ended.id], lambda: show_results(session, client, ended))
    tell_best(session, client, ended)
    if ended.state.value == "success":
        if _draws(client, ended):
            session.say(f"-seed={ended.seed} gives these results again")
        return SUCCESS
    why = session.hint(f"failures {ended.id}")
    if not place.ends:
        session.say(f"why: {why}")
    elif not place.private:
        session.say(f"the daemon has ended, the results are kept; {place.how_to_go_on}, and then `{why}` tells more")
    return NOT_SUCCESS


def _draws(client: "Client", ended: "RunView") -> bool:
    """Return whether an operator of a run receives a seed, as far as is known of those that agents offer."""
    stable = {operator.name for operator in client.list_operators() if not operator.unstable}
    graph = client.get_workflow(f"{ended.workflow_id}:{ended.workflow_version}").definition["graph"]
    return any(node["op"] not in stable for node in graph)


def _instead(what: str) -> str:
    file, colon, name = what.rpartition(":")
    if colon and file.endswith(".py") and "." in name:
        return f"a method is no operator by itself: write a function in {file} that calls {name}"
    return "`accio submit` takes names"
