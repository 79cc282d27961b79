"""What docs/architecture.md says of the code is so."""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

from accio.v1 import accio_pb2, agents_pb2

PAGE = Path(__file__).resolve().parents[2] / "docs" / "architecture.md"
SERVICES = [service for file in (accio_pb2, agents_pb2) for service in file.DESCRIPTOR.services_by_name.values()]
_, _, _SECTION = PAGE.read_text(encoding="utf-8").partition("## Where things happen")
NAMED = sorted(set(re.findall(r"`([\w.]+):([\w.]+)`", _SECTION)))


@pytest.mark.parametrize(("module", "name"), NAMED, ids=lambda part: str(part))
def test_what_answers_a_question_is_there(module: str, name: str) -> None:
    """Each function that is named as the place where something happens can be imported under that name."""
    found: object = import_module(module)
    for part in name.split("."):
        found = getattr(found, part)


def test_questions_have_answers() -> None:
    """Each row of the table names a place."""
    rows = [line for line in _SECTION.partition("## ")[0].splitlines() if line.startswith("|")][2:]
    assert rows
    assert [row for row in rows if not re.search(r"`[\w.]+:[\w.]+`", row)] == []


def test_rooms_of_the_engine_are_all_described() -> None:
    """The table of the engine's modules names those that there are, but for what only measures or tests it."""
    text = PAGE.read_text(encoding="utf-8")
    table = text.partition("### The engine")[2].partition("### ")[0]
    named = set(re.findall(r"^\| `(\w+)\.py` \|", table, re.MULTILINE))
    folder = PAGE.parents[1] / "accio_daemon" / "engine"
    besides = {"__init__", "crash_points", "metrics"}
    assert named == {path.stem for path in folder.glob("*.py")} - besides


@pytest.mark.parametrize(
    ("heading", "folder", "besides"),
    [
        ("Rooms of the agent", "agent", {"metrics.py"}),
        ("Rooms of a worker", "worker", set()),
    ],
)
def test_rooms_of_the_agents_processes_are_all_described(heading: str, folder: str, besides: set[str]) -> None:
    """The table of each side of accio_agent names every module and folder that is there."""
    table = PAGE.read_text(encoding="utf-8").partition(f"### {heading}")[2].partition("### ")[0]
    first = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = set(re.findall(r"`([\w./]+)`", " ".join(first)))
    found = {path.name + "/" * path.is_dir() for path in (PAGE.parents[1] / "accio_agent" / folder).iterdir()} - {
        "__init__.py",
        "__pycache__/",
    }
    assert named == found - besides


@pytest.mark.parametrize(("folder", "besides"), [("core", {"pools"}), ("storage", set[str]())])
def test_rooms_of_the_daemon_are_all_described(folder: str, besides: set[str]) -> None:
    """The tables of core and storage put every module of theirs to its subject, and name no other."""
    table = PAGE.read_text(encoding="utf-8").partition(f"### Rooms of the {folder}")[2].partition("### ")[0]
    found = [
        path for path in (PAGE.parents[1] / "accio_daemon" / folder).rglob("*.py") if path.parent.name not in besides
    ]
    assert set(re.findall(r"`(\w+\.py)`", table)) == {path.name for path in found} - {"__init__.py"}


def test_floors_of_the_services_are_all_described() -> None:
    """The table of the services' floors names the folders that there are."""
    table = PAGE.read_text(encoding="utf-8").partition("### Services")[2].partition("### ")[0]
    named = set(re.findall(r"^\| `services/(\w+)` \|", table, re.MULTILINE))
    folder = PAGE.parents[1] / "accio_daemon" / "services"
    assert named == {path.parent.name for path in folder.glob("*/__init__.py")}


def test_what_the_prose_names_is_there() -> None:
    """Each file, each method of a class and each rpc that the page names exists in the product."""
    names = set(re.findall(r"`([\w./]+\.py|[A-Z]\w*\.\w+)`", PAGE.read_text(encoding="utf-8")))
    sources = [path for path in PAGE.parents[1].glob("accio*/**/*.py") if "v1" not in path.parts]
    there = {f"/{path.relative_to(PAGE.parents[1])}" for path in (*sources, *PAGE.parents[1].glob("scripts/*.py"))}
    methods = {
        f"{made.name}.{getattr(each, 'name', '')}"
        for path in sources
        for made in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(made, ast.ClassDef)
        for each in made.body
    } | {f"{service.name}.{call.name}" for service in SERVICES for call in service.methods}
    files = {name for name in names if name.endswith(".py")}
    assert [name for name in sorted(files) if not any(path.endswith(f"/{name}") for path in there)] == []
    assert sorted(names - files - methods) == []
