"""The fixtures of the cases, for those that need no running system: operators as specs, workflows in a dictionary."""

import json
from typing import Any

from accio.domain.datatypes import parse_type
from accio.domain.documents import parse_document
from accio.domain.operators import InputPort, OperatorSpec, OutputPort
from accio.domain.runs import RunDefinition
from accio.domain.validation import Checked, Limits, check_run, check_workflow
from accio.domain.values import parse_to_canonical
from accio.domain.workflows import Workflow
from accio.errors import InvalidDefinition
from tests.cases.loader import FIXTURES, only

DIGEST = "blake3:" + "0" * 64


def _spec(name: str, declared: dict[str, Any]) -> OperatorSpec:
    only(declared, "inputs", "outputs", "unstable", "deprecated", "does")
    inputs: list[InputPort] = []
    for port, declaration in declared["inputs"].items():
        only(declaration, "type", "default", "optional")
        datatype = parse_type(declaration["type"])
        default = parse_to_canonical(datatype, declaration["default"]) if "default" in declaration else None
        optional = declaration.get("optional", False)
        inputs.append(InputPort(name=port, type=datatype, default=default, optional=optional))
    return OperatorSpec(
        name=name,
        digest=DIGEST,
        unstable=declared.get("unstable", False),
        deprecated=declared.get("deprecated"),
        inputs=tuple(inputs),
        outputs=tuple(OutputPort(name=port, type=parse_type(kind)) for port, kind in declared["outputs"].items()),
    )


def give(kind: str, name: str = "Give") -> OperatorSpec:
    """Make the operator Give[T] of the fixtures for one type."""
    declared = {"inputs": {"x": {"type": kind}}, "outputs": {"y": kind}}
    return _spec(name, declared)


OPERATORS: dict[str, OperatorSpec] = {
    name: _spec(name, declared) for name, declared in FIXTURES["operators"].items() if name != "Give[T]"
}


class Library:
    """Workflows in memory, as `check_run` looks them up; the last one pushed is the latest."""

    def __init__(self) -> None:
        self._versions: dict[str, dict[str, Workflow]] = {}

    def push(self, document: Any, operators: dict[str, OperatorSpec] | None = None) -> Workflow:
        """Store a definition that must be valid."""
        checked = check(document, operators)
        assert checked.value is not None, checked.errors
        workflow = checked.value
        versions = self._versions.setdefault(workflow.id, {})
        versions.pop(workflow.version, None)
        versions[workflow.version] = workflow
        return workflow

    def get(self, workflow_id: str, version: str | None) -> Workflow | None:
        """Find a version, None being the latest."""
        versions = self._versions.get(workflow_id, {})
        if version is not None:
            return versions.get(version)
        return list(versions.values())[-1] if versions else None

    def ids(self) -> list[str]:
        """Name all workflows."""
        return list(self._versions)

    def versions(self, workflow_id: str) -> list[str]:
        """Name the versions of a workflow."""
        return list(self._versions.get(workflow_id, {}))


def library() -> Library:
    """Make a library that holds the workflows of the fixtures."""
    made = Library()
    for document in FIXTURES["workflows"]:
        made.push(document)
    return made


def check(
    document: Any, operators: dict[str, OperatorSpec] | None = None, *, default_id: str | None = None
) -> Checked[Workflow]:
    """Check a workflow as the daemon does, from its text (a str is that text)."""
    try:
        read = parse_document(_text(document))
    except InvalidDefinition as refused:
        return Checked(value=None, errors=refused.issues, warnings=refused.warnings)
    return check_workflow(read, operators or OPERATORS, default_id=default_id, base_path="/base")


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)


def check_a_run(document: Any, workflows: Library, *, limit: int | None = None) -> Checked[RunDefinition]:
    """Check a run as the daemon does, from its text (a str is that text)."""
    limits = Limits() if limit is None else Limits(max_children=limit)
    try:
        read = parse_document(_text(document))
    except InvalidDefinition as refused:
        return Checked(value=None, errors=refused.issues, warnings=refused.warnings)
    return check_run(read, workflows=workflows, operators=OPERATORS, limits=limits, base_path="/base")


def check_one_param(kind: str, form: Any) -> Checked[RunDefinition]:
    """Check a run of a workflow whose one parameter `p` is of *kind*."""
    operators = {"Give": give(kind)}
    graph = [{"op": "Give", "inputs": {"x": {"param": "p"}}}]
    document = {"id": "w", "params": [{"name": "p", "kind": kind}], "graph": graph}
    workflow = check(document, operators).value
    assert workflow is not None

    class One:
        def get(self, workflow_id: str, version: str | None) -> Workflow | None:
            return workflow if workflow_id == "w" and version is None else None

        def ids(self) -> list[str]:
            return ["w"]

        def versions(self, workflow_id: str) -> list[str]:
            return []

    run = parse_document(json.dumps({"workflow": "w", "params": {"p": form}}))
    return check_run(run, workflows=One(), operators=operators, base_path="/base")
