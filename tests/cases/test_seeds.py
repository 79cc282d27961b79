"""Area seeds, as far as seeds follow from definitions alone."""

from typing import Any

import pytest

from accio.domain.runs import RunDefinition
from tests.cases.language import check_a_run, library
from tests.cases.loader import Case, only, pure_cases
from tests.unit.domain.test_seeds import assert_published_vectors_hold


@pytest.mark.parametrize("case", pure_cases("seeds"))
def test_seeds(case: Case) -> None:
    """Seeds of children are equal and different as the case says; the published vectors hold."""
    given, expect = case["given"], case["expect"]
    only(given, "steps", "documented")
    only(expect, "equal", "different", "each")
    if "documented" in given:
        assert_published_vectors_hold()
        return
    runs = {step["as"]: submitted(step) for step in given["steps"]}
    for group in expect.get("equal", []):
        assert len({seed_of(runs, name) for name in group}) == 1
    if "different" in expect:
        assert len({seed_of(runs, name) for name in expect["different"]}) == len(expect["different"])


def submitted(step: dict[str, Any]) -> RunDefinition:
    only(step, "submit", "as")
    run = check_a_run(step["submit"], library()).value
    assert run is not None
    return run


def seed_of(runs: dict[str, RunDefinition], name: str) -> int:
    """Return the seed of `P#2.seed`, which is that of the child P.1."""
    child, _, what = name.partition(".")
    assert what == "seed"
    parent, _, number = child.partition("#")
    run = runs[parent]
    assert run.seed is not None
    return run.sweep.child_seed(int(number) - 1, run.seed)
