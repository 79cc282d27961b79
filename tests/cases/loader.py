"""The examples of `cases.json` and `more.json`, and how what came out is compared with what is expected.

Each area has an adapter: it turns `given` into calls and the outcome into the form of `expect`. A key that an adapter
doesn't know fails it (`only`), so that no expectation is skipped in silence. Adapters never look at a case's id.
Areas, or cases within an area, that need a running system have other adapters than those that the language alone can
answer (`pure_cases`); `daemon_cases` lists the former.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark.structures import ParameterSet

from accio.domain.issues import Issue
from accio.domain.validation import Checked

Case = dict[str, Any]


def _read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((Path(__file__).parent / name).read_text(encoding="utf-8"))
    return document


# `more.json` holds the project's own examples, in the same form, for the fixtures of `cases.json`.
DOC: dict[str, Any] = _read("cases.json")
GIVEN = frozenset(case["id"] for case in DOC["cases"])
DOC["cases"] += _read("more.json")["cases"]
FIXTURES: dict[str, Any] = DOC["fixtures"]

# What only a running system can do, as keys of `given`, `expect` or of a step.
_NEEDS_A_SYSTEM = frozenset(
    {"operator", "behaviour", "outputs", "authentication", "for_each", "wait", "args", "graph", "declared", "artifact"},
)

PURE_AREAS = (
    "types",
    "type-names",
    "casts",
    "range",
    "parameter-forms",
    "sweep",
    "labels",
    "workflow-validation",
    "default-values",
    "run-validation",
    "seeds",
)


def areas() -> tuple[str, ...]:
    """Name all areas, in the order of the file."""
    return tuple(dict.fromkeys(case["area"] for case in DOC["cases"]))


def cases(area: str) -> list[ParameterSet]:
    """Return all cases of an area."""
    return [pytest.param(case, id=case["id"]) for case in DOC["cases"] if case["area"] == area]


def given_cases(area: str) -> list[ParameterSet]:
    """Return the cases of an area that `cases.json` holds, for adapters that know no other words."""
    return [pytest.param(case, id=case["id"]) for case in DOC["cases"] if case["area"] == area and case["id"] in GIVEN]


def needs_a_system(case: Case) -> bool:
    """Return whether a case is about more than the language: by the keys that it uses."""
    parts: list[Mapping[str, Any]] = [case["given"], case["expect"]]
    parts += case["given"].get("checks", [])
    parts += case["given"].get("steps", [])
    return any(key in _NEEDS_A_SYSTEM for part in parts for key in part)


def pure_cases(*of: str) -> list[ParameterSet]:
    """Return the cases of some areas that the language alone can answer."""
    return [pytest.param(case, id=case["id"]) for case in DOC["cases"] if case["area"] in of and is_pure(case)]


def is_pure(case: Case) -> bool:
    """Return whether an adapter of the language takes this case."""
    return case["area"] in PURE_AREAS and not needs_a_system(case)


def daemon_cases(area: str) -> list[ParameterSet]:
    """Return the cases of an area that need a running system."""
    return [pytest.param(case, id=case["id"]) for case in DOC["cases"] if case["area"] == area and not is_pure(case)]


def only(part: Mapping[str, Any], *known: str) -> None:
    """Fail on a key that the adapter doesn't know."""
    unknown = set(part) - set(known)
    assert not unknown, f"the adapter doesn't know {sorted(unknown)}"


def checks(case: Case) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return the pairs of given and expected: one, or one per check."""
    given, expect = case["given"], case["expect"]
    if "checks" not in given:
        return [(given, expect)]
    only(given, "checks")
    only(expect, "results")
    return list(zip(given["checks"], expect["results"], strict=True))


# --------------------------------------------------------------------------------------------------------- comparison


def plain(text: str) -> str:
    """Make a message comparable: any case, digit separators ignored."""
    return text.lower().replace(",", "").replace("_", "").replace("\u202f", "")


def mentions(text: str, wanted: Sequence[str | Sequence[str]]) -> bool:
    """Return whether *text* contains all of *wanted*; of an inner list, any."""
    found = plain(text)
    return all(
        plain(one) in found if isinstance(one, str) else any(plain(choice) in found for choice in one) for one in wanted
    )


def is_under(path: str, parent: str) -> bool:
    """Return whether a pointer equals another, or lies below it."""
    return path == parent or path.startswith(parent + "/")


def issue_matches(issue: Issue, wanted: Mapping[str, Any]) -> bool:
    """Return whether an issue is the expected one."""
    only(wanted, "path", "under", "mentions", "line", "column", "suggestion")
    text = f"{issue.message} {issue.path} {issue.suggestion or ''}"
    exact = ("path", "line", "column", "suggestion")
    if any(name in wanted and getattr(issue, name) != wanted[name] for name in exact):
        return False
    under = wanted.get("under", "")
    if not any(is_under(issue.path, parent) for parent in ([under] if isinstance(under, str) else under)):
        return False
    return mentions(text, wanted.get("mentions", []))


def assert_valid(checked: Checked[Any], expect: Mapping[str, Any]) -> None:
    """Fail unless a definition is accepted or refused as expected, with these errors and warnings."""
    assert checked.valid is expect.get("valid", "errors" not in expect), checked.errors
    assert (checked.value is not None) is checked.valid
    for kind, issues in (("errors", checked.errors), ("warnings", checked.warnings)):
        if kind in expect:
            assert_issues(issues, expect[kind])
        for wanted in expect.get(f"{kind}_include", []):
            assert any(issue_matches(issue, wanted) for issue in issues), f"expected {wanted}, found {issues}"


VALIDITY = ("valid", "errors", "warnings", "errors_include", "warnings_include")
"""The words that `assert_valid` knows."""


def assert_issues(found: Iterable[Issue], wanted: Sequence[Mapping[str, Any]]) -> None:
    """Fail unless the issues are exactly the expected ones, in any order."""
    issues = list(found)
    assert len(issues) == len(wanted), f"expected {wanted}, found {[str(issue) for issue in issues]}"
    fits = any(
        all(issue_matches(issue, one) for issue, one in zip(issues, order, strict=True))
        for order in permutations(wanted)
    )
    assert fits, f"expected {wanted}, found {[str(issue) for issue in issues]}"


def same(found: Any, wanted: Any) -> bool:
    """Return whether two JSON values are equal; numbers compare as numbers, and true is no 1."""
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    numbers = (int, float, Decimal)
    if isinstance(found, numbers) and isinstance(wanted, numbers):
        return found == wanted
    if isinstance(found, list) and isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    if isinstance(found, dict) and isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(same(found[key], wanted[key]) for key in found)
    return bool(found == wanted)
