"""What docs/reliability.md says of tests is so."""

import ast
import re
from functools import cache
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parent / "docs" / "reliability.md"
TEXT = PAGE.read_text(encoding="utf-8")
FAULTS = 81
ROWS = re.findall(r"^\| (T\d\d) \| ([^|]+) \| ([^|]+) \|$", TEXT, re.MULTILINE)


@cache
def names_in(path: Path) -> frozenset[str]:
    """Return the tests that a file defines, by function or by name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
    for each in tree.body:
        if isinstance(each, ast.Assign):
            found |= {target.id for target in each.targets if isinstance(target, ast.Name)}
    return frozenset(found)


def test_every_fault_has_its_row() -> None:
    """The table has each fault once, in order, with a test or the reason why there is none."""
    assert [no for no, _, _ in ROWS] == [f"T{no:02}" for no in range(1, FAULTS + 1)]
    assert [no for no, _, held in ROWS if "::" not in held and not held.startswith("Not covered")] == []


def test_tests_of_the_table_are_there() -> None:
    """Each test that the table of faults names exists under its path."""
    named = [each for _, _, held in ROWS for each in re.findall(r"`([\w/]+\.py)::(\w+)`", held)]
    assert len(named) >= FAULTS
    missing = [
        f"{path}::{name}" for path, name in named if not (TESTS / path).is_file() or name not in names_in(TESTS / path)
    ]
    assert missing == []


def test_tests_of_the_promises_are_there() -> None:
    """Each test that a promise names exists somewhere."""
    everywhere = frozenset[str]().union(*(names_in(path) for path in TESTS.rglob("test_*.py")))
    promised = set(re.findall(r"`(test_\w+)`", TEXT))
    assert sorted(promised - everywhere) == []
