"""Places in a line that a shell executes: `grep {word} "{file}" > {out.found}`.

A value never becomes a part of the line, where some quotation or substitution around it could let it be read as code:
it is assigned to a variable in front of the line, and its place becomes the expansion of that, quoted as the context
asks for. In a here-document whose delimiter is quoted nothing is expanded: what stands there goes in as it is, so that
it can't be a text.
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum, auto
from typing import Any

from accio.domain.datatypes import DataType, Kind
from accio.domain.operators import InputPort
from accio.late import dataclass
from accio.sdk.command_line import PLACE, texts_of
from accio.sdk.shell_variables import kept_as_code


class Context(Enum):
    """How a shell reads what stands around a place."""

    WORD = auto()
    DOUBLE = auto()  # in double quotes, and where they would be: here-documents
    SINGLE = auto()
    ANSI = auto()  # $'…'
    ARITHMETIC = auto()
    COMMENT = auto()
    AS_IS = auto()  # a here-document without expansions


_EXPANSIONS = {
    Context.WORD: '"${%s[@]}"',
    Context.DOUBLE: "${%s[*]}",
    Context.SINGLE: "'\"${%s[*]}\"'",
    Context.ANSI: "'\"${%s[*]}\"$'",
    Context.ARITHMETIC: "${%s[*]}",
}
_HERE = re.compile(r"<<(-?)[ \t]*((?:'[^']*'|\"[^\"]*\"|\\.|[^\s'\"\\;&|<>()])+)")
_CODE_READERS = re.compile(
    r"\s*(?:(?:\w+=\S*|if|then|else|elif|while|until|do|!|time|builtin|command)\s+)*"
    r"(eval|let|(?:declare|typeset|local|readonly|export)(?:\s+-\w+)*\s+-\w*i\w*)\s"
)
_COMPARED = re.compile(r"\s-(?:eq|ne|lt|le|gt|ge)\s+[\"']?$")
_COMPARES = re.compile(r"[\"']?\s+-(?:eq|ne|lt|le|gt|ge)\s")
_NAMES = (
    (re.compile(r"\s*(?:\w+=\S*\s+)*(read|unset)\s(?:[^<]*\s)?(?!-)[^\s<]*$"), "a variable's name at '%s'"),
    (re.compile(r"(?:^|\s)(test|\[\[?)\s(?:[^\]]*\s)?-v\s+\S*$"), "a variable's name at '%s -v'"),
    (re.compile(r"(?:^|\s)(printf)\s+-v\s+\S*$"), "a variable's name at '%s -v'"),
    (re.compile(r"\s*(declare|typeset|local|readonly)\s(?:\S*\s)*[^\s=]*$"), "a variable's name at '%s'"),
    (re.compile(r"\s*(declare|typeset|local)(?:\s+-\w+)*\s+-\w*n\w*\s(?:\S*\s)*\S*$"), "a variable's name at '%s -n'"),
)
"""What takes names of variables, in which an index is arithmetic, and what it is called."""
_OPTION = re.compile(r"\s-\w*[pdinNtu]\s+[\"']?$")  # of `read`, before what is no name
_INDEX = re.compile(r"\$\{[!#]?(\w+)\[(?:[^\]}]|\$\{[^}]*\})*$")
_BOUNDS = re.compile(r"\$\{[!#]?(?:\w+(?:\[[^\]]*\])?|[@*]):(?![-=?+])(?:[^}]|\$\{[^}]*\})*$")
_ASSIGNED = re.compile(r"(?:(?:^|[\s;(&|])(\w+)|[\s(])\[[^\]\s]*$")
_ASSIGNS = re.compile(r"[^\]\s]*\]\+?=")
_ASSOCIATIVE = r"(?:declare|typeset|local|readonly)(?:\s+-\w+)*\s+-\w*A\w*\s(?:[^;\n]*\s)?%s\b"
_ENDS = {"(": ")", "`": "`", "{": "}", '"': '"', "((": "))", "[": "]", "1(": ")"}
_ARITHMETIC = frozenset({"((", "[", "1("})
"""What has arithmetic within: `$((` and `((`, the old `$[`, and parentheses and subscripts of any of these."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place, between two characters of the line."""

    begin: int
    end: int
    of_output: bool
    name: str
    context: Context


def places(line: str) -> list[Place]:
    """Return the places of a line, in their order."""
    contexts = _contexts(line)
    return [
        Place(match.start(), match.end(), bool(match[1]), match[2], contexts[match.start()])
        for match in PLACE.finditer(line)
    ]


def fill_line(line: str, values: Mapping[str, tuple[DataType, Any]], files: Mapping[str, str]) -> str:
    """Return a line with what belongs in its places."""
    parts: list[str] = []
    variables: dict[str, list[str]] = {}
    at = 0
    for place in places(line):
        known = place.name in (files if place.of_output else values)
        if not known or place.context is Context.COMMENT:
            continue
        texts = [files[place.name]] if place.of_output else texts_of(*values[place.name])
        parts.append(line[at : place.begin])
        at = place.end
        if place.context is Context.AS_IS:
            parts.append(" ".join(texts))
            continue
        variable = f"accio_{'out' if place.of_output else 'in'}_{place.name}"
        variables[variable] = texts
        parts.append(_EXPANSIONS[place.context] % variable)
    assigned = "".join(f"{name}=({shlex.join(texts)}); " for name, texts in variables.items())
    return assigned + "".join(parts) + line[at:]


def problems_of_line(line: str, inputs: Sequence[InputPort]) -> Iterator[str]:
    """Yield which places stand where the value of a text could be code."""
    types = {port.name: port.type for port in inputs}
    contexts = _contexts(line)
    words = [context is Context.WORD for context in contexts]
    arithmetic = [context is Context.ARITHMETIC for context in contexts]
    found = [place for place in places(line) if not place.of_output and place.name in types]
    for place in (place for place in found if _is_text(types[place.name])):
        datatype = types[place.name]
        if place.context is Context.ARITHMETIC:
            yield f"{{{place.name}}} is a {datatype}, which a shell's arithmetic would read as code"
        elif reads := _reads_as_code(line, contexts, place):
            yield f"{{{place.name}}} is a {datatype}, which {reads} would read as code"
        elif place.context is Context.AS_IS:
            yield (
                f"{{{place.name}}} is a {datatype} in a here-document whose delimiter is quoted, where nothing is "
                "expanded; write the delimiter without quotes"
            )
        elif kept := kept_as_code(line, place.begin, words, arithmetic):
            variable, reader = kept
            yield (
                f"{{{place.name}}} is a {datatype}, which {reader} would read as code: the variable {variable} keeps it"
            )


def _is_text(datatype: DataType) -> bool:
    return datatype.contains(Kind.STRING) or datatype.contains(Kind.DATASET)


def _reads_as_code(line: str, contexts: Sequence[Context], place: Place) -> str:
    """Name what reads its words as code, quoted or not, where a place is one of them; nothing if it is none."""
    if place.context not in (Context.WORD, Context.DOUBLE, Context.SINGLE):
        return ""
    begin = place.begin
    while begin and not (contexts[begin - 1] is Context.WORD and line[begin - 1] in ";|&\n("):
        begin -= 1
    command = line[begin : place.begin]
    if found := _CODE_READERS.match(command):
        return f"'{found[1]}'"
    if named := _reads_a_name(line, contexts, place, command):
        return named
    tested = line[: place.begin].rpartition("[[")
    if tested[1] and "]]" not in tested[2] and (_COMPARED.search(tested[2]) or _COMPARES.match(line, place.end)):
        return "a comparison of numbers in '[['"
    return ""


def _reads_a_name(line: str, contexts: Sequence[Context], place: Place, command: str) -> str:
    """Say of which name, index or bound a place is a part, in all of which bash does arithmetic; nothing if of none."""
    before = line[: place.begin]
    for pattern, called in _NAMES:
        found = pattern.search(before if "-v" in called else command)
        if found and not (found[1] == "read" and _OPTION.search(command)):
            return called % found[1]
    if place.context is Context.SINGLE:
        return ""
    if (found := _INDEX.search(before)) and contexts[found.start()] is not Context.SINGLE:
        return "" if re.search(_ASSOCIATIVE % found[1], before) else "an array's index"
    if (found := _BOUNDS.search(before)) and contexts[found.start()] is not Context.SINGLE:
        return "the bounds of a substring"
    if (found := _ASSIGNED.search(before)) and _ASSIGNS.match(line, place.end):
        return "" if re.search(_ASSOCIATIVE % (found[1] or r"\w+"), before) else "an array's index"
    return ""


def quoted_places(line: str, names: Sequence[str]) -> list[str]:
    """Return the places that aren't plain words: up to 0.1 their values kept quotes that were none there."""
    return [
        f"{line[place.begin : place.end]} {place.context.name.lower()}"
        for place in places(line)
        if place.context is not Context.WORD and (place.of_output or place.name in names)
    ]


def _contexts(line: str) -> list[Context]:
    """Return the context of each character. Where a line is read wrongly, words are split, and nothing worse."""
    reader = _Reader(line)
    while reader.at < len(line):
        reader.step()
    return reader.contexts


class _Reader:
    """Reads a line as bash does, as far as quotations go. `open` has what has begun and not ended."""

    def __init__(self, line: str) -> None:
        self.at = 0
        self.contexts: list[Context] = []
        self._line = line
        self._open: list[str] = []
        self._documents: list[tuple[str, bool, bool]] = []  # delimiter, whether it is quoted, whether tabs are dropped

    def step(self) -> None:
        """Read on, by one token at least."""
        line, at = self._line, self.at
        character = line[at]
        inner = self._open[-1] if self._open else ""
        quoted = inner == '"' or (inner == "{" and '"' in self._open)
        context = Context.DOUBLE if quoted else Context.ARITHMETIC if inner in _ARITHMETIC else Context.WORD
        if character == "\\":
            self._take(2, context)
        elif inner and line.startswith(_ENDS[inner], at):
            self._open.pop()
            self._take(len(_ENDS[inner]), context)
        elif begun := next((each for each in ("$((", "$(", "${", "$[") if line.startswith(each, at)), ""):
            self._open.append(begun[1:])
            self._take(len(begun), context)
        elif character in '"`':
            self._open.append(character)
            self._take(1, context)
        elif quoted or PLACE.match(line, at):
            self._take(1, context)
        else:
            self._step_in_code(character, context)

    def _step_in_code(self, character: str, context: Context) -> None:
        line, at = self._line, self.at
        if line.startswith("$'", at):
            self._take(2, context)
            self._take_until(re.compile(r"(?:[^'\\]|\\.)*", re.DOTALL), Context.ANSI)
            self._take(1, context)
        elif character == "'":
            self._take(1, context)
            self._take_until(re.compile("[^']*"), Context.SINGLE)
            self._take(1, context)
        elif context is Context.ARITHMETIC:
            if character in "([":
                self._open.append("1(" if character == "(" else "[")
            self._take(1, context)
        elif character == "(":
            opened = "((" if line.startswith("((", at) else "("
            self._open.append(opened)
            self._take(len(opened), context)
        elif character == "#" and (at == 0 or line[at - 1] in " \t\n;&|()"):
            self._take_until(re.compile("[^\n]*"), Context.COMMENT)
        elif line.startswith("<<<", at):
            self._take(3, context)
        elif found := _HERE.match(line, at):
            word = found[2]
            self._documents.append(
                (re.sub(r"[\\'\"]", "", word), re.search(r"[\\'\"]", word) is not None, bool(found[1]))
            )
            self._take(len(found[0]), context)
        else:
            self._take(1, context)
            if character == "\n":
                self._read_documents()

    def _read_documents(self) -> None:
        for delimiter, is_quoted, drops_tabs in self._documents:
            tabs = "\t*" if drops_tabs else ""
            body = re.compile(rf"(?:.*\n)*?(?={tabs}{re.escape(delimiter)}(?:\n|\Z))|(?:.|\n)*")
            self._take_until(body, Context.AS_IS if is_quoted else Context.DOUBLE)
            self._take_until(re.compile(rf"{tabs}{re.escape(delimiter)}\n?"), Context.WORD)
        self._documents.clear()

    def _take(self, count: int, context: Context) -> None:
        self.contexts += [context] * len(self._line[self.at : self.at + count])
        self.at += count

    def _take_until(self, pattern: re.Pattern[str], context: Context) -> None:
        found = pattern.match(self._line, self.at)
        self._take(len(found[0]) if found else 0, context)
