"""Areas sweep and labels: how many children a run has, their parameters, and what they are called."""

import pytest

from accio.domain.runs import RunDefinition
from accio.domain.values import display
from tests.cases.language import check_a_run, library
from tests.cases.loader import Case, checks, mentions, only, pure_cases, same


def child_params(run: RunDefinition, number: int) -> dict[str, object]:
    """Return a child's parameters in the user's form."""
    types = {axis.name: axis.type for axis in run.sweep.axes}
    return {name: display(types[name], text) for name, text in run.sweep.child(number).items()}


@pytest.mark.parametrize("case", pure_cases("sweep"))
def test_sweep(case: Case) -> None:
    """A definition is a single run, or a parent of that many children, or refused with its size."""
    for given, expect in checks(case):
        only(given, "run", "daemon")
        only(given.get("daemon", {}), "sweep_limit")
        known = ("kind", "children", "params", "child_params", "distinct_child_seeds")
        only(expect, *known, "refused", "mentions", "runs_created")
        checked = check_a_run(given["run"], library(), limit=given.get("daemon", {}).get("sweep_limit"))
        if "refused" in expect:
            assert checked.value is None
            assert expect["runs_created"] == 0
            told = (f"{issue.message} {issue.path} {issue.suggestion or ''}" for issue in checked.errors)
            assert mentions(" ".join(told), expect["mentions"])
            continue
        run = checked.value
        assert run is not None, checked.errors
        sweep = run.sweep
        assert ("single" if sweep.is_single else "parent") == expect["kind"]
        assert (0 if sweep.is_single else sweep.size) == expect["children"]
        for name, value in expect.get("params", {}).items():
            assert same(child_params(run, 0)[name], value)
        for number, params in enumerate(expect.get("child_params", [])):
            assert all(same(child_params(run, number)[name], value) for name, value in params.items())
        if "distinct_child_seeds" in expect:
            seeds = {sweep.child_seed(number, 1) for number in range(sweep.size)}
            assert len(seeds) == expect["distinct_child_seeds"]


@pytest.mark.parametrize("case", pure_cases("labels"))
def test_labels(case: Case) -> None:
    """Labels name what varies, and tell children apart."""
    given, expect = case["given"], case["expect"]
    only(given, "run")
    only(expect, "labels_contain", "labels_do_not_contain", "all_different")
    run = check_a_run(given["run"], library()).value
    assert run is not None
    labels = [run.sweep.label(number) for number in range(run.sweep.size)]
    for label, parts in zip(labels, expect.get("labels_contain", [[]] * len(labels)), strict=True):
        assert all(part in label for part in parts)
    for part in expect.get("labels_do_not_contain", []):
        assert not any(part in label for label in labels)
    if expect.get("all_different"):
        assert len(set(labels)) == len(labels)
