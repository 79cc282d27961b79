"""Every case that needs a running system is taken by exactly one adapter of this folder, or by one elsewhere."""

from collections import Counter
from typing import Any

from tests.cases.daemon.test_command_lines import command_lines
from tests.cases.daemon.test_definitions import having
from tests.cases.daemon.test_exports import exports
from tests.cases.daemon.test_scenarios import scenarios
from tests.cases.loader import DOC, daemon_cases, is_pure

ELSEWHERE = ("scheduling", "operator-definition", "geolife")
"""Areas with adapters of their own, as have those about locations (geo-…) and all cases with a graph."""


def _is_elsewhere(case: dict[str, Any]) -> bool:
    return "graph" in case["given"] or case["area"] in ELSEWHERE or case["area"].startswith("geo-")


def test_every_case_has_one_adapter() -> None:
    """No case that needs a running system is left out, or run twice."""
    taken = [
        *scenarios(),
        *command_lines(),
        *exports(),
        *having("workflow"),
        *having("for_each"),
        *having("behaviour"),
        *daemon_cases("run-query"),
        *daemon_cases("config"),
        *daemon_cases("operator-digest"),
    ]
    counts = Counter(param.id for param in taken)
    due = {case["id"] for case in DOC["cases"] if not is_pure(case) and not _is_elsewhere(case)}
    assert {name for name, count in counts.items() if count > 1} == set()
    assert set(counts) == due
