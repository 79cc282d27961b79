"""Help texts from docstrings: Google (`Args:`), NumPy (underlined `Parameters`) and Sphinx (`:param:`) forms."""

import inspect
import re
from dataclasses import field

from accio.late import dataclass

_SECTIONS = {
    "args", "arguments", "parameters", "inputs", "attributes", "fields", "outputs",
    "returns", "return", "yields", "raises", "notes", "note", "examples", "example", "references", "see also",
}  # fmt: skip
_DESCRIBES_NAMES = {"args", "arguments", "parameters", "inputs", "attributes", "fields", "outputs"}
_ENTRY = re.compile(r"(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)")
_NUMPY_ENTRY = re.compile(r"(\w+)\s*(?::.*)?$")
_SPHINX = re.compile(r":(?:param|parameter|ivar|var)\s+(?:[^:]*\s)?(\w+):\s*(.*)")


@dataclass(slots=True, kw_only=True)
class Described:
    """A docstring taken apart."""

    summary: str = ""
    names: dict[str, str] = field(default_factory=dict)


def describe(docstring: str | None) -> Described:
    """Return the text before the first section, and the help of each name that a section describes."""
    described = Described()
    lines = inspect.cleandoc(docstring or "").splitlines()
    start = next(
        (i for i in range(len(lines)) if _opens_section(lines, i) or _SPHINX.match(lines[i].strip())), len(lines)
    )
    described.summary = "\n".join(lines[:start]).strip()
    _read_sphinx(lines[start:], described.names)
    for i in range(start, len(lines)):
        if _opens_section(lines, i) and _title(lines[i]) in _DESCRIBES_NAMES:
            end = next((j for j in range(i + 1, len(lines)) if _opens_section(lines, j)), len(lines))
            if _is_underlined(lines, i):
                _read_numpy(lines[i + 2 : end], described.names)
            else:
                _read_google(lines[i + 1 : end], described.names)
    return described


def _title(line: str) -> str:
    return line.strip().removesuffix(":").lower()


def _is_underlined(lines: list[str], i: int) -> bool:
    return i + 1 < len(lines) and bool(re.fullmatch(r"\s*-{3,}\s*", lines[i + 1]))


def _opens_section(lines: list[str], i: int) -> bool:
    line = lines[i]
    return (
        not line.startswith((" ", "\t"))
        and _title(line) in _SECTIONS
        and (line.rstrip().endswith(":") or _is_underlined(lines, i))
    )


def _read_google(lines: list[str], names: dict[str, str]) -> None:
    indents = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    name = ""
    for line in lines:
        text = line.strip()
        is_entry = bool(indents) and len(line) - len(line.lstrip()) == indents[0] and _ENTRY.match(text)
        if is_entry:
            name = is_entry.group(1)
            names[name] = is_entry.group(2).strip()
        elif name and text:
            names[name] = f"{names[name]} {text}".strip()


def _read_numpy(lines: list[str], names: dict[str, str]) -> None:
    name = ""
    for line in lines:
        text = line.strip()
        entry = None if line.startswith((" ", "\t")) else _NUMPY_ENTRY.match(text)
        if entry:
            name = entry.group(1)
            names[name] = ""
        elif name and text:
            names[name] = f"{names[name]} {text}".strip()


def _read_sphinx(lines: list[str], names: dict[str, str]) -> None:
    name = ""
    for line in lines:
        text = line.strip()
        entry = _SPHINX.match(text)
        if entry:
            name = entry.group(1)
            names[name] = entry.group(2).strip()
        elif name and text and not text.startswith(":") and line.startswith((" ", "\t")):
            names[name] = f"{names[name]} {text}".strip()
        else:
            name = ""
