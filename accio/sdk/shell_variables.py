"""Variables of a shell's line that keep a text and are read as code: `x={word}; echo $((x + 1))`.

Bash evaluates the value of a variable that its arithmetic names, commands in an index included. So a text in a variable
is as much code there as one that stands there itself. What a command prints (`n=$(wc -l < {file})`) is something else.
"""

import re
from collections.abc import Collection, Iterator, Sequence

_ASSIGNED = re.compile(r"(?:^|(?<=[\s;&|(]))(\w+)\+?=(?=[^=\s])")
_LOOPED = re.compile(r"\bfor\s+(\w+)\s+in\s")
_READ = re.compile(r"\bread\s+(?:-\w+\s+)*((?:\w+\s+)+)<<<\s*")
_CODE = (
    (r"(?:^|[;&|\n(])\s*(?:let|eval)\s[^;\n]*\b{name}\b", "'let' or 'eval'"),
    (r"\b(?:declare|typeset|local|readonly)(?:\s+-\w+)*\s+-\w*[in]\w*\s(?:[^;\n]*\s)?{name}\b", "'declare -i' or '-n'"),
    (r"\[\[(?:(?!\]\]).)*[\s\"'$\{{]{name}\}}?[\"']?\s+-(?:eq|ne|lt|le|gt|ge)\s", "a comparison of numbers in '[['"),
    (r"\[\[(?:(?!\]\]).)*\s-(?:eq|ne|lt|le|gt|ge)\s+[\"']?\$?\{{?{name}\b", "a comparison of numbers in '[['"),
    (r"\$\{{\w+:\$?\{{?{name}\b", "the bounds of a substring"),
    (r"\$\{{!{name}\b", "an indirect name"),
)
_INDICES = (
    r"\$\{{[!#]?\w+\[[^\]\n]*(?<![\w#]){name}\b",
    r"(?:^|[\s;(&|])\w+\[[^\]\n]*(?<![\w#]){name}\b[^\]\n]*\]\+?=",
)
_ASSOCIATIVE = re.compile(r"\b(?:declare|typeset|local|readonly)(?:\s+-\w+)*\s+-\w*A")


def kept_as_code(line: str, text: int, words: Sequence[bool], arithmetic: Sequence[bool]) -> tuple[str, str] | None:
    """Return a variable that keeps the text whose place begins at *text* and is read as code, and what reads it so.

    *words* and *arithmetic* say of each character of the line whether it is code outside of quotes, and in arithmetic.
    """
    parts = list(_given(line, words))
    kept = {name for name, first, outside in parts if text >= first and outside[text - first :][:1] == "{"}
    while more := {name for name, _, outside in parts if name not in kept and _expands(outside, kept)}:
        kept |= more
    for name in sorted(kept):
        if reader := _reader_of(line, name, arithmetic):
            return name, reader
    return None


def _given(line: str, words: Sequence[bool]) -> Iterator[tuple[str, int, str]]:
    """Yield each variable that is given something, where that begins, and what of it isn't printed by a command."""
    for found in _ASSIGNED.finditer(line):
        if words[found.start(1)]:
            yield found[1], found.end(), _outside(line, found.end(), words, " \t\n;&|)")
    for pattern in (_LOOPED, _READ):
        for found in pattern.finditer(line):
            for name in found[1].split() if words[found.start(1)] else ():
                yield name, found.end(), _outside(line, found.end(), words, "\n;&|)")


def _outside(line: str, begin: int, words: Sequence[bool], ends: str) -> str:
    """Return the line from *begin* to what ends a word, with a space for each character that a command is made of."""
    depth, quoted, kept = 0, False, []
    for at in range(begin, len(line)):
        character = line[at]
        opens = line.startswith("$(", at) and not line.startswith("$((", at)
        if not depth and not quoted and words[at] and character in ends:
            break
        quoted ^= character == "`"
        depth += opens
        kept.append(" " if depth or quoted else character)
        depth -= bool(depth) and character == ")"
    return "".join(kept)


def _expands(text: str, names: Collection[str]) -> bool:
    return any(re.search(rf"\$\{{?{name}\b", text) for name in names)


def _reader_of(line: str, name: str, arithmetic: Sequence[bool]) -> str:
    """Say what reads the value of a variable as code; nothing if nothing does."""
    for found in re.finditer(rf"(?<![\w#]){name}\b", line):
        at = found.start()
        if arithmetic[at] or (line[at - 2 : at] == "${" and arithmetic[at - 2]):
            return "a shell's arithmetic"
    for pattern, reader in _CODE:
        if re.search(pattern.format(name=name), line, re.DOTALL):
            return reader
    indexed = not _ASSOCIATIVE.search(line) and any(re.search(each.format(name=name), line) for each in _INDICES)
    return "an array's index" if indexed else ""
