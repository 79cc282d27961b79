"""docs/operators.md: its example works, its tables are complete."""

import importlib
import inspect
import json
import re
import sys
from pathlib import Path

import pytest

from accio import OperatorContext, operator
from accio.sdk.program_file import read_program
from tests.unit.sdk.packages import ROOT, described, write

GUIDE = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")


def block(language: str, number: int = 0) -> str:
    """A code block of the guide."""
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    return found[number]


def test_the_example_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guide's operator can be called as the guide says, and described."""
    write(tmp_path, {"guide_example.py": block("python"), "words.txt": "a\nb\nc\n"})
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("guide_example")
    try:
        context = OperatorContext.for_testing(seed=1, folder=tmp_path)
        result = module.SampleLines(context, module.Dataset(tmp_path / "words.txt"), share=1.0, most=2)
    finally:
        del sys.modules["guide_example"]
    assert (result.data / "lines.txt").read_text() == "a\nb\n"
    assert result.kept == 2
    spec = described(tmp_path, "guide_example")["SampleLines"]
    assert spec.help == "Keep a random share of the lines of a text file."
    assert [(port.name, port.required, bool(port.help)) for port in spec.inputs] == [
        ("data", True, True),
        ("share", False, True),
        ("most", False, True),
    ]
    assert [(port.name, bool(port.help)) for port in spec.outputs] == [("data", True), ("kept", True)]
    assert spec.digest is not None


def test_the_declaration_of_a_program_is_good(tmp_path: Path) -> None:
    """The guide's JSON file is a declaration without issues."""
    document = block("json")
    write(tmp_path, {"program.json": document, "wordcount.sh": ""})
    assert read_program(tmp_path / "program.json").spec.name == json.loads(document)["name"]


def test_every_option_is_explained() -> None:
    """Each option of the decorator, and each part of the context, is in the guide."""
    options = set(inspect.signature(operator).parameters) - {"target"}
    parts = {name for name in vars(OperatorContext) if not name.startswith("_")} - {"for_testing", "metrics", "series"}
    missing = [name for name in sorted(options) if not re.search(rf"`[^`]*\b{name}\b", GUIDE)]
    missing += [name for name in sorted(parts) if f"ctx.{name}" not in GUIDE]
    assert missing == []
