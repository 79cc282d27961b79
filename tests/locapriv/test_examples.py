"""The examples: what users copy must be right."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from accio import OperatorContext
from accio.domain.documents import parse_document
from accio.domain.operators import OperatorSpec
from accio.domain.validation import check_run, check_workflow
from accio.domain.workflows import Workflow
from accio.sdk.declare import Declaration
from accio.sdk.describe import describe
from accio.sdk.loading import load

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
WORKFLOWS = sorted(path.name for path in EXAMPLES.glob("*workflow.json"))
RUNS = sorted(path.name for path in EXAMPLES.glob("*run*.json"))


class Pushed:
    """Workflows that were pushed, each in one version."""

    def __init__(self, workflows: Iterable[Workflow]) -> None:
        self._workflows = {workflow.id: workflow for workflow in workflows}

    def get(self, workflow_id: str, version: str | None) -> Workflow | None:
        return self._workflows.get(workflow_id)

    def ids(self) -> Iterable[str]:
        return self._workflows

    def versions(self, workflow_id: str) -> Iterable[str]:
        return ()


@pytest.fixture(scope="module")
def operators() -> Mapping[str, OperatorSpec]:
    locapriv = describe("accio", ["accio_locapriv.operators"])
    own = describe("own", [str(EXAMPLES / "own_operators.py")])
    return {spec.name: spec for spec in (*locapriv.specs, *own.specs)}


def document(name: str) -> Any:
    return parse_document((EXAMPLES / name).read_bytes())


def test_there_are_examples() -> None:
    """A renamed file doesn't make the tests below prove nothing."""
    assert len(WORKFLOWS) == 3
    assert {"run.json", "run_sweep.json", "run_repeat.json", "run_seed.json"} <= {*RUNS}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflows_are_valid(name: str, operators: Mapping[str, OperatorSpec]) -> None:
    """They can be pushed, without a warning."""
    checked = check_workflow(document(name), operators, default_id=Path(name).stem)
    assert (checked.errors, checked.warnings) == ((), ())


@pytest.mark.parametrize("name", RUNS)
def test_runs_are_valid(name: str, operators: Mapping[str, OperatorSpec]) -> None:
    """They can be submitted once the workflows were pushed."""
    checked = [
        check_workflow(document(workflow), operators, default_id=Path(workflow).stem).value for workflow in WORKFLOWS
    ]
    pushed = Pushed(workflow for workflow in checked if workflow is not None)
    found = check_run(document(name), workflows=pushed, operators=operators, base_path="/data")
    assert (found.errors, found.warnings) == ((), ())


def test_the_sweep_is_over_six_decades() -> None:
    """The sweep's epsilon goes from 0.00001 to 1."""
    run = json.loads((EXAMPLES / "run_sweep.json").read_text(encoding="utf-8"))
    assert run["params"]["epsilon"] == {"from": 0.00001, "to": 1, "log": True}


def test_own_operators_work(tmp_path: Path, operators: Mapping[str, OperatorSpec]) -> None:
    """The survey's answers are fixed by the seed, and counted by a stable operator that can be cached."""
    found = load([str(EXAMPLES / "own_operators.py")])
    survey, count = found["Survey"], found["Count"]
    assert isinstance(survey, Declaration)
    assert isinstance(count, Declaration)
    one, other = (
        survey.target(OperatorContext.for_testing(folder=tmp_path, seed=1), people=1000, share=0.3) for _ in range(2)
    )
    assert one == other
    ctx = OperatorContext.for_testing(folder=tmp_path)
    estimate = count.target(ctx, answers=one)
    assert estimate.share == pytest.approx(0.3, abs=3 * estimate.margin)
    assert ctx.metrics == {"answers": 1000}
    assert operators["Count"].digest is not None
    assert operators["Survey"].unstable
