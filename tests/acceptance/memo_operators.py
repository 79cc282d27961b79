"""Operators of the acceptance tests of the memo; each execution leaves a line in the ledger."""

from pathlib import Path
from typing import NamedTuple

from accio import Dataset, OperatorContext, operator
from tests.acceptance.ledger_operators import note, wait_for


class Folder(NamedTuple):
    """A dataset."""

    data: Dataset


class Text(NamedTuple):
    """A text, perhaps a long one."""

    text: str


def _content(path: Path) -> str:
    """Everything below a path, in words."""
    if path.is_file():
        return path.read_text(encoding="utf-8")
    found = [each for each in sorted(path.rglob("*")) if each.is_file()]
    return ",".join(f"{each.relative_to(path)}={each.read_text(encoding='utf-8')}" for each in found)


@operator(version="1")
def Make(ctx: OperatorContext, text: str) -> Folder:
    """Write a dataset of one file."""
    note(f"Make {text}")
    folder = ctx.dataset()
    (folder.path / "text.txt").write_text(text, encoding="utf-8")
    return Folder(folder)


@operator(version="1")
def Long(text: str, times: int) -> Text:
    """Repeat a text."""
    note(f"Long {text}")
    return Text(text * times)


@operator(version="1")
def Use(data: Dataset, label: str = "") -> str:
    """Read what is in a dataset."""
    note(f"Use {label}")
    return _content(data.path)


@operator(version="1")
def Length(text: str, label: str = "") -> int:
    """Measure a text."""
    note(f"Length {label}")
    return len(text)


@operator(version="1")
def Overwrite(target: str, data: Dataset) -> str:
    """Change a file while an input is in use; give what the input held."""
    note("Overwrite")
    found = _content(data.path)
    Path(target).write_text(found + "!", encoding="utf-8")
    return found


@operator(version="1")
def Add(a: int, b: int = 0) -> int:
    """Add two numbers."""
    note(f"Add {a} {b}")
    return a + b


@operator(version="1")
def Doomed(label: str) -> bool:
    """Fail once the test opens the gate."""
    note(f"Doomed {label}")
    wait_for(label)
    raise ValueError(f"the matter of {label} failed")


@operator(version="1")
def UseAfter(data: Dataset, gate: bool) -> str:
    """Read what is in a dataset, once a gate is open."""
    note("UseAfter")
    return _content(data.path)
