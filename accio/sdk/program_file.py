"""The JSON file that declares a program as an operator: what it says, and everything that is wrong with it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from accio.domain.datatypes import DataType, Kind, TypeProblem, parse_type
from accio.domain.documents import parse_document
from accio.domain.issues import Issue, pointer
from accio.domain.names import suggest
from accio.domain.operators import InputPort, OperatorSpec, OutputPort
from accio.domain.problems import ValueProblem, quote
from accio.domain.values import parse_to_canonical
from accio.errors import InvalidDefinition
from accio.late import dataclass
from accio.sdk.command_line import SHELL, code_with_values, places_of_outputs, problems, split
from accio.sdk.commands import Program
from accio.sdk.environments.python import PythonNeed, problem_of
from accio.sdk.options import Limits, read_limits
from accio.sdk.shell_line import problems_of_line
from accio.sdk.types import WritableCopy

_KEYS = (
    "name", "help", "category", "inputs", "outputs", "command", "files", "environment", "resources", "timeout",
    "retries", "retry_backoff", "retry_memory", "memory_limit", "isolated", "unstable", "deprecated", "version",
    "shell", "programs", "image", "python",
)  # fmt: skip
_INPUT_KEYS = ("name", "type", "default", "optional", "help", "writable_copy", "choices")
_OUTPUT_KEYS = ("name", "type", "help", "file", "stdout")
_SPACE = re.compile(r"\s")
_FOR_SHELLS = frozenset({"|", ">", ">>", "<", "&", "&&", "||", ";", "2>", "2>&1"})
_DATASETS = DataType(Kind.LIST, (DataType(Kind.DATASET),))


def read_program(path: Path) -> Program:
    """Read a declaration; InvalidDefinition with everything that is wrong with it."""
    try:
        document = parse_document(path.read_bytes())
    except OSError as error:
        raise InvalidDefinition([Issue("", f"{path} can't be read ({error.strerror})")]) from None
    if other := _other_document(document):
        raise InvalidDefinition([Issue("", f"{path} {other}")])
    reader = _Reader(document)
    program = reader.program(path.absolute())
    if reader.issues:
        label = document["name"] if isinstance(document.get("name"), str) else path.name
        raise InvalidDefinition(replace(issue, message=f"operator {label}: {issue.message}") for issue in reader.issues)
    return program


def _other_document(document: Mapping[str, Any]) -> str:
    """Return what a document is that declares no program, and what to do with it; empty if it may be a declaration."""
    if "command" in document:
        return ""
    if "graph" in document:
        return "is a workflow, which connects operators: push it (`accio push FILE`) once they are offered"
    if "workflow" in document:
        return "is a run definition, and no operator: submit it (`accio submit FILE`)"
    if "pools" in document:
        return "defines pools, and no operator: serve them (`accio pool serve FILE`)"
    return ""


def _pattern(written: str) -> str:
    """Return a regular expression with one group."""
    if re.compile(written).groups != 1:
        raise TypeError("it must have one group")
    return written


@dataclass(slots=True)
class _Reader:
    """Reads a declaration; `issues` has everything that was wrong."""

    document: Mapping[str, Any]
    issues: list[Issue] = field(default_factory=list)
    copied: dict[str, str] = field(default_factory=dict)
    output_files: dict[str, str] = field(default_factory=dict)
    stdout: dict[str, str] = field(default_factory=dict)
    members: dict[str, str] = field(default_factory=dict)

    def program(self, path: Path) -> Program:
        self._check_keys(self.document, _KEYS, "")
        limits, issues = read_limits(
            resources=self.document.get("resources", {}),
            timeout=self.document.get("timeout"),
            retries=self.document.get("retries"),
            retry_backoff=self.document.get("retry_backoff"),
            retry_memory=self.document.get("retry_memory"),
            memory_limit=self.document.get("memory_limit"),
        )
        self.issues += issues
        command, line, shell = self._command()
        spec = self._spec(path, limits)
        prefix = f"operator {spec.name}: "
        self._check_places(spec, command, line, in_shell=shell)
        known = {issue.path for issue in self.issues}
        self.issues += [
            replace(issue, message=issue.message.removeprefix(prefix))
            for issue in spec.problems()
            if issue.path not in known
        ]
        files, environment = self._texts("files"), self._environment()
        image, python = self._image(), self._python(path.parent)
        return Program(
            spec=spec,
            path=path,
            command=command,
            files=files,
            environment=environment,
            version=self._text("version") or None,
            copied=self.copied,
            line=line,
            in_shell=shell,
            uses=self._texts("programs"),
            output_files=self.output_files,
            stdout=self.stdout,
            members=self.members,
            image=image,
            python=python,
        )

    def _spec(self, path: Path, limits: Limits) -> OperatorSpec:
        return OperatorSpec(
            name=self._text("name") or "",
            uncacheable="its digest has not been computed",
            category=self._text("category") or "",
            help=self._text("help") or "",
            unstable=self._flag("unstable"),
            deprecated=self._text("deprecated") or None,
            inputs=tuple(self._inputs()),
            outputs=tuple(self._outputs()),
            resources=limits.resources,
            timeout_ms=limits.timeout_ms,
            retries=limits.retries,
            retry_backoff_ms=limits.retry_backoff_ms,
            retry_memory=limits.retry_memory,
            memory_limit=limits.memory_limit,
            isolated=self._flag("isolated"),
            distribution=str(path),
        )

    def _image(self) -> str:
        """Read the name of the container image that it runs in."""
        image = self._text("image") or ""
        if not image:
            return ""
        for key, why in (("python", "an image has its own Python"), ("programs", "an image has its own programs")):
            if key in self.document:
                self._say(key, f"{why}: leave out one of both")
        if _SPACE.search(image) or image.startswith("-"):
            self._say(
                "image", f'expected the name of an image, such as "docker.io/library/debian:12", found {quote(image)}'
            )
        return image

    def _python(self, folder: Path) -> PythonNeed | None:
        """Read which Python environment it runs in: a folder, or locked requirements."""
        found = self.document.get("python")
        if found is None:
            return None
        if isinstance(found, str) and found:
            return PythonNeed(folder=(folder / Path(found).expanduser()).absolute())
        if isinstance(found, dict) and found.keys() == {"requirements"} and isinstance(found["requirements"], str):
            lock = (folder / found["requirements"]).absolute()
            if problem := problem_of(lock):
                self._say("python/requirements", problem)
            return PythonNeed(lock=lock)
        expected = 'expected the path of an environment, or {"requirements": FILE}'
        self._say("python", f"{expected}, found {quote(found)}")
        return None

    def _command(self) -> tuple[tuple[str, ...], str, bool]:
        """Read the command: its words, what was written if that is a text, and whether a shell is to read it."""
        line, shell = self.document.get("command"), self._flag("shell")
        if not isinstance(line, str):
            command = self._texts("command")
            if not command or not command[0]:
                self._say("command", "expected the program and its arguments (a list, or one text), found none")
            if shell:
                self._say(
                    "shell", 'a shell reads a text: write "command" as one, such as "sort {table} > {out.sorted}"'
                )
            return command, "", False
        if shell:
            return SHELL, line, True
        try:
            command = split(line)
        except ValueError as error:
            self._say("command", f"the command {quote(line)} can't be split into words ({error})")
            return (), line, False
        if not command:
            self._say("command", "expected the program and its arguments, found none")
        if signs := [word for word in command if word in _FOR_SHELLS]:
            self._say("command", f'{signs[0]} means something to a shell only: add "shell": true')
        return command, line, False

    def _check_places(self, spec: OperatorSpec, command: Sequence[str], line: str, *, in_shell: bool) -> None:
        """Complain about places of the command that stand for nothing, and outputs that nothing gives."""
        written = [line] if line else command
        files = {port.name: port.type for port in spec.outputs}
        for message in problems(written, spec.inputs, files):
            self._say("command", message)
        for message in problems_of_line(line, spec.inputs) if in_shell else ():
            self._say("command", message)
        if (place := code_with_values(command, spec.inputs)) is not None:
            self._say(
                "command",
                f"the value of {place} would be read as code by {command[0]} -c; write the command as one text with "
                f'"shell": true, which quotes values, or pass {place} as an argument behind the code, where it is "$0"',
            )
        for word in written:
            for name in places_of_outputs(word):
                self.output_files.setdefault(name, name)

    def _captured(self, port: Mapping[str, Any], datatype: DataType, where: str) -> None:
        """Read where an output is found: a file, or stdout."""
        name, file, stdout = port["name"], port.get("file"), port.get("stdout", False)
        if file is not None:
            if datatype.kind is not Kind.DATASET and datatype != _DATASETS:
                self._say(
                    f"{where}/file", f"output '{name}' is a {datatype}; a file is a dataset, or a list of datasets"
                )
            elif not isinstance(file, str) or not file or file.startswith("/") or ".." in file.split("/"):
                self._say(f"{where}/file", f"expected a name or a pattern in the working folder, found {quote(file)}")
            else:
                self.output_files[name] = file
        if stdout is False:
            return
        if datatype.contains(Kind.DATASET):
            self._say(f"{where}/stdout", f"output '{name}' is a {datatype}; write it to a file: {{out.{name}}}")
        elif stdout is True:
            self.stdout[name] = ""
        elif isinstance(stdout, dict):
            at = stdout.get("json")
            if stdout.keys() == {"json"} and isinstance(at, str) and (at == "" or at.startswith("/")):
                self.stdout[name], self.members[name] = "", at
            else:
                expected = 'expected {"json": "/MEMBER/MEMBER"}, a JSON pointer'
                self._say(f"{where}/stdout", f"{expected}, found {quote(stdout)}")
        else:
            try:
                self.stdout[name] = _pattern(stdout)
            except (TypeError, re.error) as error:
                expected = 'expected true, a pattern with one (group), or {"json": "/MEMBER"}'
                self._say(f"{where}/stdout", f"{expected}, found {quote(stdout)} ({error})")

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
                choices = self._choices(port, datatype, where)
                found.append(
                    InputPort(name=name, type=datatype, default=default, optional=optional, help=text, choices=choices)
                )
        return found

    def _choices(self, port: Mapping[str, Any], datatype: DataType, where: str) -> tuple[str, ...]:
        """Read the values that an input takes, if they are listed."""
        if "choices" not in port:
            return ()
        listed = port["choices"]
        if not isinstance(listed, list) or not listed:
            self._say(f"{where}/choices", f"expected a list of values, found {quote(listed)}")
            return ()
        if datatype.contains(Kind.DATASET):
            self._say(f"{where}/choices", f"input '{port['name']}' is of type {datatype}: datasets have no choices")
            return ()
        texts: dict[str, None] = {}
        for at, value in enumerate(listed):
            try:
                texts[parse_to_canonical(datatype, value)] = None
            except ValueProblem as problem:
                self._say(f"{where}/choices/{at}", f"input '{port['name']}': {problem.message}")
        return tuple(texts)

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
                self._captured(port, datatype, where)
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
