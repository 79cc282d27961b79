"""Workflows and definition files: `accio push`, `validate`, `get workflows`, `describe|delete workflow`, `schema`."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from accio.domain.documents import parse_document
from accio.domain.ids import RunId
from accio.errors import BadRequest, FailedPrecondition, InvalidDefinition, NotFound
from accio.exits import INVALID, SUCCESS, USAGE
from accio_client.cli.definitions import Source, read_file
from accio_client.cli.findings import describe_issues
from accio_client.cli.outcomes import tell
from accio_client.cli.output import Document, complain, fields, out, table
from accio_client.cli.runs_shown import at_most
from accio_client.cli.session import Session, accio_command, limited
from accio_client.cli.text import local_time, shown_value
from accio_client.documents import document, issues, pushed, validation, workflow
from accio_client.file_names import readable
from accio_client.views import Pushed, RunOutcome, WorkflowView

if TYPE_CHECKING:
    from accio_client.sync import Client
    from accio_client.views import Validation


@accio_command
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def push(session: Session, files: tuple[str, ...]) -> int:
    """Store each FILE as a version of a workflow.

    A file that can't be stored doesn't keep the others from being stored.
    """
    done: list[Pushed] = []
    refused: list[Document] = []
    code = SUCCESS
    with session.client() as client:
        for file in files:
            source: Source | None = None
            name = readable(file)
            try:
                source = read_file(file)
                found = client.push(source.text, default_id=default_id(name), base_path=source.base_path)
            except InvalidDefinition as error:
                code = INVALID
                complain(describe_issues(error.issues, name, source.text if source else b""))
                errors, warnings = issues(error.issues), issues(error.warnings)
                refused.append({"file": name, "valid": False, "errors": errors, "warnings": warnings})
            except (BadRequest, NotFound) as error:
                code = max(code, USAGE)
                complain(f"accio: {error.message}")
            else:
                done.append(found)
                session.warn(found.warnings, name)
    session.answer(_pushed_document(done, refused), (each.workflow.id for each in done), lambda: _show_pushed(done))
    return code


def default_id(file: str) -> str:
    """Return the id that a file without one gives: its name without the extension."""
    return Path(file).stem


def _pushed_document(done: list[Pushed], refused: list[Document]) -> Document:
    """Return what was stored, and (as `validate` says it) why the rest was not."""
    content = document(pushed(done))
    if refused:
        content |= {"valid": False, "errors": [issue for each in refused for issue in each["errors"]]}
        content["files"] = refused
    return content


def _show_pushed(done: list[Pushed]) -> None:
    for each in done:
        verb = "pushed" if each.created else "unchanged"
        out(f"{verb} {each.workflow.id}:{each.workflow.version}")


@accio_command
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def validate(session: Session, files: tuple[str, ...]) -> int:
    """Check workflow files and run files against what the cluster knows, and store nothing.

    A file with the key `graph` is a workflow, one with the key `workflow` is a run.
    """
    sources = [read_file(name) for name in files]
    with session.client() as client:
        results = [(source, _checked(client, source)) for source in sources]
    for source, found in results:
        if found.errors:
            complain(describe_issues(found.errors, source.name, source.text))
        session.warn(found.warnings, source.name)
    if len(results) == 1:
        content = validation(results[0][1])
    else:
        listed = [{"file": source.name, **validation(found)} for source, found in results]
        content = {"valid": all(found.valid for _, found in results), "files": listed}
    good = [source.name for source, found in results if found.valid]
    session.answer(document(content), good, lambda: _show_valid(results))
    return SUCCESS if len(good) == len(results) else INVALID


def _show_valid(results: Sequence[tuple[Source, "Validation"]]) -> None:
    """Say what is valid, and of sweeps how large they are and how they begin."""
    for source, found in results:
        if not found.valid:
            continue
        if found.children is None or found.children == 1:
            out(f"{source.name}: valid" + ("" if found.children is None else ", a single run"))
            continue
        out(
            f"{source.name}: valid, {at_most(found.children, found.until)} children"
            + (", which begin with" if found.points else "")
        )
        if found.points:
            names = list(found.points[0])
            rows = [[shown_value(point[name].value) for name in names] for point in found.points]
            table(names, rows, as_named=True)


def _checked(client: "Client", source: Source) -> "Validation":
    if is_run(source):
        return client.validate(source.text, base_path=source.base_path)
    return client.validate_workflow(source.text, default_id=default_id(source.name), base_path=source.base_path)


def is_run(source: Source) -> bool:
    """Return whether the file is meant to be a run; what can't be read is checked as a workflow, and refused as one."""
    try:
        keys = parse_document(source.text).keys()
    except InvalidDefinition:
        return False
    return "workflow" in keys and "graph" not in keys


@accio_command
@limited("List at most N; 50 by default.", 50)
@click.option("--all/--no-all", "everything", default=False, help="All workflows.")
def get(session: Session, *, limit: int, everything: bool) -> None:
    """List the latest version of each workflow, the one pushed last first."""
    found: list[WorkflowView] = []
    cursor: str | None = None
    with session.client() as client:
        while True:
            page = client.list_workflows(limit=1000 if everything else min(1000, limit - len(found)), cursor=cursor)
            found += page.workflows
            cursor = page.next
            if cursor is None or (not everything and len(found) >= limit):
                break
    content = document({"workflows": [workflow(each) for each in found], "next": cursor})
    session.answer(content, (each.id for each in found), lambda: _show_list(found))
    if cursor and not session.json:
        session.say(f"there are more: {session.hint('get workflows')} -all")


def _show_list(found: list[WorkflowView]) -> None:
    rows = [
        (each.id, each.version, each.versions, each.name, each.owner.name, local_time(each.created_at))
        for each in found
    ]
    table(("id", "version", "versions", "name", "owner", "created"), rows)


@accio_command
@click.argument("identifier", metavar="ID[:VERSION]")
def describe(session: Session, identifier: str) -> None:
    """Show a workflow: its parameters and its nodes."""
    with session.client() as client:
        found = client.get_workflow(identifier)
    session.answer(document(workflow(found)), [found.id], lambda: _show_workflow(found))


def _show_workflow(found: WorkflowView) -> None:
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
    if len(found.history) > 1:
        out("")
        table(("version", "created"), [(each.version, local_time(each.created_at)) for each in found.history])
    out("")
    table(("node", "operator", "inputs"), [_node(each) for each in found.definition.get("graph", [])])


def _node(node: dict[str, Any]) -> tuple[str, str, str]:
    from accio_client.version_differences import source_text

    inputs = node.get("inputs") or {}
    return (
        node.get("name", node.get("op", "")),
        node.get("op", ""),
        ", ".join(f"{port}={source_text(given, shown_value)}" for port, given in inputs.items()),
    )


@accio_command
@click.argument("workflows", nargs=-1, required=True, metavar="ID...")
def delete(session: Session, workflows: tuple[str, ...]) -> int:
    """Delete workflows with all their versions; one that has runs can't be deleted."""
    found: list[RunOutcome] = []
    with session.client() as client:
        for workflow in workflows:
            problem: str | None = None
            try:
                client.delete_workflow(workflow)
            except (NotFound, FailedPrecondition) as error:
                problem = error.message
            found.append(RunOutcome(id=RunId(workflow), changed=problem is None, error=problem))
    return tell(session, found, "deleted", "was deleted already", of="workflows")


@accio_command
@click.argument("kind", type=click.Choice(["workflow", "run", "pools"]))
def schema(session: Session, kind: str) -> None:
    """Print the JSON Schema of workflow, run or pools files, for editors that complete and check them."""
    text = files("accio.schemas").joinpath(f"{kind}.schema.json").read_text(encoding="utf-8")
    session.answer(orjson.loads(text), [kind], lambda: out(text.rstrip("\n")))
