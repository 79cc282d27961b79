"""What is kept of a check in memory says what the check says."""

from types import MappingProxyType

import pytest

from accio.domain.datatypes import INTEGER, STRING
from accio.domain.operators import InputPort, OperatorSpec
from accio.domain.people import Person
from accio.domain.run_check import check_run
from accio.domain.workflows import FromParam, NodeDefinition, Param, Workflow
from accio_daemon.services.calls.catalogue import Lookup, Operators
from accio_daemon.storage.runs.workflows import StoredWorkflow

STEP = OperatorSpec(name="Step", digest="d", inputs=(InputPort(name="a", type=INTEGER),))
TEXTS = OperatorSpec(name="Step", digest="d", inputs=(InputPort(name="a", type=STRING),))
OLD = OperatorSpec(name="Step", digest="d", inputs=STEP.inputs, deprecated="use Pace")


def lookup(port: str) -> Lookup:
    """Find a workflow that gives an input a value."""
    node = NodeDefinition(name="A", op="Step", inputs={port: FromParam("i")})
    workflow = Workflow(id="w", params=(Param(name="i", type=INTEGER),), graph=(node,))
    stored = StoredWorkflow(
        no=1, workflow=workflow, version=workflow.version, owner=Person(name="Me"), created_ms=0, versions=1
    )
    return Lookup(found=stored, known_ids=("w",), known_versions=(workflow.version,))


@pytest.mark.parametrize(
    ("specs", "errors", "warnings"), [((STEP,), 0, 0), ((TEXTS,), 1, 0), ((OLD,), 0, 1), ((), 1, 0)]
)
def test_a_run_is_told_each_time_how_its_workflow_fits(
    specs: tuple[OperatorSpec, ...], errors: int, warnings: int
) -> None:
    """Of operators that fit, as of those that don't, a second run hears what the first one did."""
    by_name = {spec.name: spec for spec in specs}
    operators = Operators(announced={}, specs=MappingProxyType(by_name), fitting=set())
    document = {"workflow": "w", "params": {"i": 1}}
    for _ in range(3):
        found = check_run(document, workflows=lookup("a"), operators=operators.specs, fit=operators.fit)
        assert (len(found.errors), len(found.warnings)) == (errors, warnings)
        assert found == check_run(document, workflows=lookup("a"), operators=by_name)


def test_another_version_of_a_workflow_is_looked_at_itself() -> None:
    """That one version fits says nothing of another one under the same name."""
    operators = Operators(announced={}, specs={"Step": STEP}, fitting=set())
    document = {"workflow": "w", "params": {"i": 1}}
    found = [
        check_run(document, workflows=lookup(port), operators=operators.specs, fit=operators.fit) for port in "aba"
    ]
    assert [bool(each.errors) for each in found] == [False, True, False]
