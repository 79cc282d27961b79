"""Programs as operators: any executable, declared by a JSON file. docs/operators.md describes the file.

No shell is involved and nothing is substituted into the command, except that a word of it that names one of the
declared files becomes that file's path. `accio.sdk.program_run` runs them.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import blake3

from accio.domain.datatypes import DataType, Kind, TypeProblem, parse_type
from accio.domain.documents import parse_document
from accio.domain.issues import Issue, pointer
from accio.domain.jsontext import canonical_dump
from accio.domain.names import suggest
from accio.domain.operators import InputPort, OperatorSpec, OutputPort
from accio.domain.problems import ValueProblem, quote
from accio.domain.values import parse_to_canonical
from accio.errors import InvalidDefinition
from accio.sdk.digest import SHORT, combine, file_parts, full_hash, no_digest
from accio.sdk.options import read_limits
from accio.sdk.types import WritableCopy

_KEYS = (
    "name", "help", "category", "inputs", "outputs", "command", "files", "environment", "resources", "timeout",
    "retries", "retry_backoff", "isolated", "unstable", "deprecated", "version",
)  # fmt: skip
_INPUT_KEYS = ("name", "type", "default", "optional", "help", "writable_copy")
_OUTPUT_KEYS = ("name", "type", "help")
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

    @property
    def folder(self) -> Path:
        """What relative paths of the declaration are relative to."""
        return self.path.parent

    def executable(self) -> Path | None:
        """Find the executable: by its path, relative to the declaration, or through PATH; None if it isn't there."""
        first = self.command[0]
        if "/" in first or first in self.files:
            first = str(self.folder / first)
        found = shutil.which(first)
        return None if found is None else Path(found).absolute()

    def needs(self) -> list[Path]:
        """Return the files that it is made of, as far as its digest covers them by content."""
        found = [self.path, *(self.folder / file for file in self.files)]
        return found if self.version is not None else [*found, *self.programs().values()]

    def programs(self) -> dict[str, Path]:
        """Return what is executed, by what it is: the executable, its interpreter, files given by absolute paths."""
        found = {f"argument {word}": Path(word) for word in self.command[1:] if word.startswith("/")}
        found = {label: path for label, path in found.items() if path.is_file()}
        executable = self.executable()
        if executable is not None:
            found["executable"] = executable
            interpreter = _interpreter(executable)
            if interpreter is not None:
                found["interpreter"] = interpreter
        return found

    def arguments(self) -> list[str]:
        """Return the words after the executable, declared files by their paths."""
        return [str((self.folder / word).absolute()) if word in self.files else word for word in self.command[1:]]


def read_program(path: Path) -> Program:
    """Read a declaration; InvalidDefinition with everything that is wrong with it."""
    try:
        document = parse_document(path.read_bytes())
    except OSError as error:
        raise InvalidDefinition([Issue("", f"{path} can't be read ({error.strerror})")]) from None
    reader = _Reader(document)
    program = reader.program(path.absolute())
    if reader.issues:
        label = document["name"] if isinstance(document.get("name"), str) else path.name
        raise InvalidDefinition(replace(issue, message=f"operator {label}: {issue.message}") for issue in reader.issues)
    return program


def with_digest(program: Program) -> OperatorSpec:
    """Return the spec with its digest: of the executable, the declared files, and what of the declaration matters."""
    parts, problems = file_parts(program.files, program.folder)
    parts["declaration"] = full_hash(_declaration(program))
    if program.version is not None:
        parts["version"] = full_hash(program.version)
    else:
        problems += _add_executable(program, parts)
    components = {name: value[:SHORT] for name, value in parts.items()}
    return replace(
        program.spec,
        digest=None if problems else combine(program.spec.name, parts),
        uncacheable=no_digest(problems) if problems else None,
        components=tuple(sorted(components.items())),
    )


def _declaration(program: Program) -> str:
    spec = program.spec
    names = {port: name for port, name in program.copied.items() if name}
    return canonical_dump(
        {
            **({"copies": names} if names else {}),
            "command": list(program.command),
            "environment": dict(program.environment),
            "inputs": [[port.name, str(port.type)] for port in spec.inputs],
            "outputs": [[port.name, str(port.type)] for port in spec.outputs],
            "unstable": spec.unstable,
        }
    )


def _add_executable(program: Program, parts: dict[str, str]) -> list[str]:
    programs = program.programs()
    if "executable" not in programs:
        return [f"the program {program.command[0]} can't be found"]
    problems = []
    for label, path in programs.items():
        try:
            parts[label] = blake3.blake3().update_mmap(path).hexdigest()
        except OSError as error:
            problems.append(f"{path} can't be read ({error.strerror})")
    return problems


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


@dataclass(slots=True)
class _Reader:
    """Reads a declaration; `issues` has everything that was wrong."""

    document: Mapping[str, Any]
    issues: list[Issue] = field(default_factory=list)
    copied: dict[str, str] = field(default_factory=dict)

    def program(self, path: Path) -> Program:
        self._check_keys(self.document, _KEYS, "")
        limits, issues = read_limits(
            resources=self.document.get("resources", {}),
            timeout=self.document.get("timeout"),
            retries=self.document.get("retries"),
            retry_backoff=self.document.get("retry_backoff"),
        )
        self.issues += issues
        command = self._texts("command")
        if not command or not command[0]:
            self._say("command", "expected the program and its arguments (a list of texts), found none")
        deprecated, version = self._text("deprecated"), self._text("version")
        spec = OperatorSpec(
            name=self._text("name") or "",
            uncacheable="its digest has not been computed",
            category=self._text("category") or "",
            help=self._text("help") or "",
            unstable=self._flag("unstable"),
            deprecated=deprecated or None,
            inputs=tuple(self._inputs()),
            outputs=tuple(self._outputs()),
            resources=limits.resources,
            timeout_ms=limits.timeout_ms,
            retries=limits.retries,
            retry_backoff_ms=limits.retry_backoff_ms,
            isolated=self._flag("isolated"),
            distribution=str(path),
        )
        prefix = f"operator {spec.name}: "
        known = {issue.path for issue in self.issues}
        self.issues += [
            replace(issue, message=issue.message.removeprefix(prefix))
            for issue in spec.problems()
            if issue.path not in known
        ]
        files, environment = self._texts("files"), self._environment()
        return Program(
            spec=spec,
            path=path,
            command=command,
            files=files,
            environment=environment,
            version=version or None,
            copied=self.copied,
        )

    def _say(self, where: str, message: str, suggestion: str | None = None) -> None:
        self.issues.append(Issue(pointer(*where.split("/")) if where else "", message, suggestion))

    def _check_keys(self, found: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
        for key in found:
            if key not in known and not key.startswith("x-") and key != "$schema":
                self._say(f"{where}/{key}".lstrip("/"), f"there is no key '{key}'", suggest(key, known))

    def _text(self, key: str) -> str | None:
        value = self.document.get(key)
        if value is None or isinstance(value, str):
            return value
        self._say(key, f"expected a text, found {quote(value)}")
        return None

    def _flag(self, key: str) -> bool:
        value = self.document.get(key, False)
        if not isinstance(value, bool):
            self._say(key, f"expected true or false, found {quote(value)}")
        return value is True

    def _texts(self, key: str) -> tuple[str, ...]:
        value = self.document.get(key, [])
        if isinstance(value, list) and all(isinstance(element, str) for element in value):
            return tuple(value)
        self._say(key, f"expected a list of texts, found {quote(value)}")
        return ()

    def _environment(self) -> dict[str, str]:
        value = self.document.get("environment", {})
        if isinstance(value, dict) and all(isinstance(element, str) for element in value.values()):
            return dict(value)
        self._say("environment", f"expected an object of texts, found {quote(value)}")
        return {}

    def _inputs(self) -> list[InputPort]:
        found = []
        for where, port in self._ports("inputs", _INPUT_KEYS):
            name, type_name = port["name"], port["type"]
            try:
                datatype = parse_type(type_name)
                default = parse_to_canonical(datatype, port["default"]) if "default" in port else None
            except TypeProblem as problem:
                self._say(f"{where}/type", f"input '{name}': {problem.message}", problem.suggestion)
            except ValueProblem as problem:
                self._say(f"{where}/default", f"input '{name}': {problem.message}")
            else:
                optional, text = port.get("optional") is True, str(port.get("help", ""))
                self._copy(port, datatype, where)
                found.append(InputPort(name=name, type=datatype, default=default, optional=optional, help=text))
        return found

    def _copy(self, port: Mapping[str, Any], datatype: DataType, where: str) -> None:
        """Read whether an input wants a copy of its datasets: true, or the name of the copy."""
        asked = port.get("writable_copy", False)
        if asked is False:
            return
        if not datatype.contains(Kind.DATASET):
            self._say(f"{where}/writable_copy", f"input '{port['name']}' is no dataset: {datatype} needs no copy")
            return
        try:
            self.copied[port["name"]] = WritableCopy("" if asked is True else asked).name
        except (TypeError, ValueError):
            expected = "expected true, or the name of the copy"
            self._say(f"{where}/writable_copy", f"{expected}, found {quote(asked)}")

    def _outputs(self) -> list[OutputPort]:
        found = []
        for where, port in self._ports("outputs", _OUTPUT_KEYS):
            try:
                datatype = parse_type(port["type"])
            except TypeProblem as problem:
                self._say(f"{where}/type", f"output '{port['name']}': {problem.message}", problem.suggestion)
            else:
                found.append(OutputPort(name=port["name"], type=datatype, help=str(port.get("help", ""))))
        return found

    def _ports(self, key: str, known: tuple[str, ...]) -> list[tuple[str, Mapping[str, Any]]]:
        value = self.document.get(key, [])
        if not isinstance(value, list):
            self._say(key, f"expected a list of ports, found {quote(value)}")
            return []
        found: list[tuple[str, Mapping[str, Any]]] = []
        for at, port in enumerate(value):
            where = f"{key}/{at}"
            if not isinstance(port, dict) or not all(isinstance(port.get(part), str) for part in ("name", "type")):
                self._say(where, f'expected a port such as {{"name": "x", "type": "double"}}, found {quote(port)}')
                continue
            self._check_keys(port, known, where)
            found.append((where, port))
        return found
