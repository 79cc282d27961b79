"""Commands as people write them: `"command": "sort -k {column} {table} > {out.sorted}"`, or a list of such words.

`{name}` stands for the value of an input, `{out.name}` for the file that an output is read from. Without a shell a
value is an argument or a part of one, whatever it holds; with one see `accio.sdk.shell_line`. Other braces stand for
themselves.
"""

import re
import shlex
from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import PurePath
from typing import Any

from accio.domain.canonical import canonical
from accio.domain.datatypes import COLLECTIONS, DataType, Kind
from accio.domain.names import suggest
from accio.domain.operators import InputPort

SHELL = ("bash", "-eo", "pipefail", "-c")  # a step of a pipe that fails must not pass for a result
_SHELLS = frozenset({"bash", "dash", "ksh", "sh", "zsh"})
_CODE_FOLLOWS = re.compile(r"-[A-Za-z]*c")
PLACE = re.compile(r"\{(out\.)?([A-Za-z_][A-Za-z0-9_]*)\}")


def split(line: str) -> tuple[str, ...]:
    """Split a command into words as a shell would; ValueError if a quotation doesn't end."""
    return tuple(shlex.split(line))


def places_of_outputs(line: str) -> list[str]:
    """Return the names of the outputs whose files a command names."""
    return [match[2] for match in PLACE.finditer(line) if match[1]]


def problems(words: Sequence[str], inputs: Sequence[InputPort], outputs: Mapping[str, DataType]) -> Iterator[str]:
    """Yield what is wrong with the places in the words of a command."""
    types = {port.name: port.type for port in inputs}
    for word in words:
        for match in PLACE.finditer(word):
            of_output, name = match.groups()
            known: Mapping[str, DataType] = outputs if of_output else types
            if name not in known:
                meant = suggest(name, known)
                hint = f"; did you mean {meant}?" if meant else ""
                if of_output or meant:
                    yield f"{match[0]} names no {'output' if of_output else 'input'}{hint}"
            elif of_output and known[name].kind is not Kind.DATASET:
                yield f"{match[0]} is a file, but output '{name}' is a {known[name]}, no dataset; read it from stdout"
            elif not of_output and _cannot_be_a_word(known[name]):
                yield f"{match[0]} is a {known[name]}, which is no word of a command; read it from $ACCIO_INPUTS"


def code_with_values(words: Sequence[str], inputs: Sequence[InputPort]) -> str | None:
    """Return the first place in the code of `sh -c CODE` whose value could hold more code; None if there is none."""
    if not words or PurePath(words[0]).name not in _SHELLS:
        return None
    types = {port.name: port.type for port in inputs}
    for option, word in pairwise(words):
        if not _CODE_FOLLOWS.fullmatch(option):
            continue
        for match in PLACE.finditer(word):
            datatype = types.get(match[2])
            if (
                not match[1]
                and datatype is not None
                and (datatype.contains(Kind.STRING) or datatype.contains(Kind.DATASET))
            ):
                return match[0]
    return None


def has_places(word: str, inputs: Container[str], outputs: Container[str]) -> bool:
    """Return whether something belongs in places of a word."""
    return any(match[2] in (outputs if match[1] else inputs) for match in PLACE.finditer(word))


def fill(word: str, values: Mapping[str, tuple[DataType, Any]], files: Mapping[str, str]) -> list[str]:
    """Return a word with what belongs in its places; one that is a collection's place becomes several, or none."""
    match = PLACE.fullmatch(word)
    if match is not None and not match[1] and match[2] in values:
        return texts_of(*values[match[2]])

    def text(match: re.Match[str]) -> str:
        of_output, name = match.groups()
        if of_output:
            return files.get(name, match[0])
        return " ".join(texts_of(*values[name])) if name in values else match[0]

    return [PLACE.sub(text, word)]


def texts_of(datatype: DataType, value: Any) -> list[str]:
    """Return a value as words; none for an optional input that has none."""
    if value is None:
        return []
    if datatype.kind in COLLECTIONS:
        return [text for member in value for text in texts_of(datatype.args[0], member)]
    if datatype.kind in {Kind.STRING, Kind.DATASET}:
        return [value]
    return [canonical(datatype, value).strip('"')]


def _cannot_be_a_word(datatype: DataType) -> bool:
    if datatype.kind in {Kind.MAP, Kind.LOCATION}:
        return True
    return datatype.kind in COLLECTIONS and (
        datatype.args[0].kind in COLLECTIONS or datatype.args[0].kind is Kind.LOCATION
    )
