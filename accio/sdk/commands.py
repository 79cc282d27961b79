"""Programs as operators: any executable, declared by a JSON file. docs/operators.md describes the file.

A command is a list of words, or a text that is split into words or given to a shell. Both have places for inputs and
outputs (`accio.sdk.command_line`); a word that names one of the declared files becomes that file's path.
`accio.sdk.program_run` runs them, `accio.sdk.program_digest` says which version they are.
"""

import os
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from accio.domain.datatypes import DataType
from accio.domain.operators import OperatorSpec
from accio.late import dataclass
from accio.sdk.command_line import SHELL, fill, has_places
from accio.sdk.environments.images import pin_of
from accio.sdk.environments.python import PythonNeed
from accio.sdk.shell_line import fill_line

_LONGEST_INTERPRETER_LINE = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program as it was declared. `spec` has no digest yet; `path` is the JSON file."""

    spec: OperatorSpec
    path: Path
    command: tuple[str, ...]
    files: tuple[str, ...]
    environment: Mapping[str, str]
    version: str | None
    copied: Mapping[str, str] = field(default_factory=dict)
    """Inputs that get a copy of their datasets that may be written to, with its name, or an empty text."""
    line: str = ""
    """The command, if it was written as a text."""
    in_shell: bool = False
    uses: tuple[str, ...] = ()
    """Programs that the command starts besides its first word, found through PATH."""
    output_files: Mapping[str, str] = field(default_factory=dict)
    """Outputs that are files or folders of these names in the working folder, or found there by a pattern."""
    stdout: Mapping[str, str] = field(default_factory=dict)
    """Outputs that are read from stdout: by a pattern, or (with an empty one) the whole of it."""
    members: Mapping[str, str] = field(default_factory=dict)
    """Of these outputs those that are a member of the JSON on stdout, by its JSON pointer."""
    image: str = ""
    """The container image that it runs in; its executable is one of the image's."""
    python: PythonNeed | None = None
    """The Python environment that it runs in."""

    @property
    def folder(self) -> Path:
        """What relative paths of the declaration are relative to."""
        return self.path.parent

    def executable(self) -> Path | None:
        """Find the executable: by its path, relative to the declaration, or through PATH; None if it isn't there."""
        first = self.command[0]
        if "/" in first or first in self.files:
            first = str(self.folder / first)
        path = None
        if self.python is not None:
            path = f"{self.python.search_path}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        found = shutil.which(first, path=path)
        return None if found is None else Path(found).absolute()

    def needs(self) -> list[Path]:
        """Return the files that it is made of, as far as its digest covers them by content."""
        found = [self.path, *(self.folder / file for file in self.files)]
        if self.image:
            return [*found, pin_of(self.image, self.folder)]
        if self.python is not None:
            found += self.python.needs()
        return found if self.version is not None else [*found, *self.programs().values()]

    def programs(self) -> dict[str, Path]:
        """Return what is executed, by what it is: the executable, its interpreter, files given by absolute paths."""
        found = {f"argument {word}": Path(word) for word in self.command[1:] if word.startswith("/")}
        found = {label: path for label, path in found.items() if path.is_file()}
        found |= {f"program {name}": Path(place) for name in self.uses if (place := shutil.which(name)) is not None}
        executable = self.executable()
        if executable is not None and not (self.python and executable.is_relative_to(self.python.place())):
            found["executable"] = executable
            interpreter = _interpreter(executable)
            if interpreter is not None:
                found["interpreter"] = interpreter
        return found

    def arguments(self, values: Mapping[str, tuple[DataType, Any]]) -> list[str]:
        """Return the words after the executable, declared files by their paths, and what belongs into its places."""
        values = {port.name: (port.type, None) for port in self.spec.inputs} | dict(values)
        if self.in_shell:
            return [*SHELL[1:], fill_line(self.line, values, self.output_files)]
        words: list[str] = []
        for word in self.command[1:]:  # a value that is called like a declared file stays a value
            is_file = word in self.files
            words += [str((self.folder / word).absolute())] if is_file else fill(word, values, self.output_files)
        return words

    def left_out_files(self) -> list[str]:
        """Return the words of the command that name files beside the declaration which aren't among its files.

        They aren't in a node's working folder, and their edits change no digest.
        """
        try:
            words = shlex.split(self.line) if self.in_shell else self.command[1:]
        except ValueError:  # quotes that only a shell reads, such as those of a here-document
            return []
        declared = {*self.files, *self.output_files.values()}
        relative = (word for word in dict.fromkeys(words) if word not in declared and not word.startswith(("/", "-")))
        return [word for word in relative if (self.folder / word).is_file()]

    @property
    def listed_places(self) -> list[str]:
        """The words of a command that is a list in which something is filled in."""
        names = {port.name for port in self.spec.inputs}
        return [word for word in self.command[1:] if not self.line and has_places(word, names, self.output_files)]


def _interpreter(executable: Path) -> Path | None:
    """Return the program that runs a script, by its first line; None for anything else."""
    try:
        with executable.open("rb") as file:
            line = file.readline(_LONGEST_INTERPRETER_LINE)
    except OSError:
        return None
    if not line.startswith(b"#!"):
        return None
    words = line[2:].decode(errors="replace").split()
    if words and Path(words[0]).name == "env":
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    found = shutil.which(words[0]) if words else None
    return None if found is None else Path(found)
