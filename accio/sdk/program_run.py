"""Runs a program once, as a child of this process.

It finds its inputs in the JSON file that ACCIO_INPUTS names (canonical values, datasets as paths), and writes its
outputs as a JSON object to the file that ACCIO_OUTPUTS names; or inputs stand in its command, and outputs are files or
are read from stdout, as the declaration says. stdout and stderr are those of this process.

ACCIO_CHECKPOINT names a folder with what an earlier attempt saved. Once the program makes an empty file of that name
with `.save` behind it, beside the folder, the folder's content is kept for the next attempt and the file removed; until
then the program must change nothing in the folder. To the file that ACCIO_METRICS names it may add lines, each a JSON
object of numbers, as `{"step": 3, "loss": 0.25}`: `metric` and `progress` of the context in another form.
"""

import os
import re
import select
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePath
from typing import Any

import orjson

from accio.domain.canonical import Value, canonical, decode
from accio.domain.containers import FrozenMap
from accio.domain.datatypes import DataType, Kind
from accio.domain.documents import JsonProblem, parse_json
from accio.domain.failures import Failure, clip
from accio.domain.jsontext import object_text
from accio.domain.names import suggest
from accio.domain.problems import ValueProblem, quote
from accio.domain.states import Cause
from accio.domain.values import parse
from accio.errors import AccioError
from accio.sdk.bad_input import BadInputError
from accio.sdk.checkpoint import Checkpoint, FolderKeeper
from accio.sdk.commands import Program
from accio.sdk.context import PRIVATE
from accio.sdk.copies import CannotCopyError, Copies
from accio.sdk.execution import BadOutputError, Failed, Finished, Request, read_document
from accio.sdk.measuring import Measurements
from accio.sdk.program_invocation import invocation
from accio.sdk.program_watch import LOOK_MS, ProgramWatch
from accio.sdk.sinks import Sinks

_MOST_OUTPUT = 64 * 1024 * 1024
_CONTAINERS_CODES = {
    125: ", with which containers end that can't be started: stderr says why",
    126: ", with which containers end whose command can't be executed",
    127: ", with which containers end whose image has no such command",
}


def run_program(program: Program, request: Request, sinks: Sinks) -> Finished | Failed:
    """Run the program in the request's folder, and read what it wrote."""
    measurements = Measurements(sinks)
    found = _run_program(program, request, measurements)
    return found._replace(metrics=measurements.metrics, series=measurements.series)


def _run_program(program: Program, request: Request, measurements: Measurements) -> Finished | Failed:
    name = program.spec.name
    private = request.folder / PRIVATE
    private.mkdir(exist_ok=True)
    inputs, outputs, metrics = private / "inputs.json", private / "outputs.json", private / "metrics.jsonl"
    outputs.unlink(missing_ok=True)
    try:
        values = _inputs(program, request)
    except BadInputError as error:
        return _failed(Failure(cause=Cause.BAD_INPUT, message=clip(f"operator {name}: {error}")))
    texts = {port: canonical(datatype, value) for port, (datatype, value) in values.items()}
    inputs.write_text(object_text(texts), encoding="utf-8")
    checkpoint = Checkpoint(private / "checkpoint", request.keeper or FolderKeeper(private / "saved"))
    environment = _environment(program, request, inputs, outputs) | {
        "ACCIO_CHECKPOINT": str(checkpoint.folder),
        "ACCIO_CHECKPOINT_ATTEMPT": str(checkpoint.attempt),
        "ACCIO_METRICS": str(metrics),
    }
    watch = ProgramWatch(checkpoint, metrics, measurements)
    printed = _run(program, request, environment, program.arguments(values), watch)
    if isinstance(printed, Failure):
        return _failed(printed)
    try:
        return _OutputReader(program, request).read(outputs, printed)
    except BadOutputError as error:
        return _failed(Failure(cause=Cause.BAD_OUTPUT, message=clip(f"operator {name}: {error}")))


def _failed(failure: Failure) -> Failed:
    return Failed(failure=failure, metrics={})


def _inputs(program: Program, request: Request) -> dict[str, tuple[DataType, Value]]:
    """Return the values of the inputs that have one, with each dataset's path in place of its text."""
    document = read_document(request.inputs)
    unknown = document.keys() - {port.name for port in program.spec.inputs}
    if unknown:
        raise BadInputError(f"it has no input {', '.join(sorted(unknown))}")
    copies = Copies(request.folder)
    values: dict[str, tuple[DataType, Value]] = {}
    for port in program.spec.inputs:
        if port.name not in document:
            if port.required:
                raise BadInputError(f"its input '{port.name}' has no value")
            if port.default is None:
                continue
        text = orjson.dumps(document[port.name]).decode() if port.name in document else str(port.default)
        try:
            value = decode(port.type, text)
            if port.choices:
                port.take(port.type, canonical(port.type, value))
            if port.type.contains(Kind.DATASET):
                locate = partial(_staged, request.datasets)
                if port.name in program.copied:
                    locate = partial(_copied, request.datasets, copies, program.copied[port.name])
                value = _with_paths(port.type, value, locate)
            values[port.name] = (port.type, value)
        except ValueProblem as problem:
            raise BadInputError(f"input '{port.name}': {problem.message}") from None
        except CannotCopyError as error:
            raise BadInputError(f"input '{port.name}': {error}") from None
    return values


def _staged(datasets: Mapping[str, Path], text: str) -> str:
    if text not in datasets:
        raise ValueProblem(f"the dataset {text} isn't there")
    return str(datasets[text])


def _copied(datasets: Mapping[str, Path], copies: Copies, name: str, text: str) -> str:
    return str(copies.of(Path(_staged(datasets, text)), name))


def _with_paths(datatype: DataType, value: Value, locate: Callable[[str], str]) -> Value:
    """Replace the text of each dataset in a value by what *locate* gives for it."""
    match datatype.kind:
        case Kind.DATASET:
            return locate(value)
        case Kind.LIST:
            return tuple(_with_paths(datatype.args[0], part, locate) for part in value)
        case Kind.SET:
            return frozenset(_with_paths(datatype.args[0], part, locate) for part in value)
        case Kind.MAP:
            keys, values = datatype.args
            return FrozenMap(
                (_with_paths(keys, key, locate), _with_paths(values, part, locate)) for key, part in value.items()
            )
        case _:
            return value


def _environment(program: Program, request: Request, inputs: Path, outputs: Path) -> dict[str, str]:
    environment = {
        **{name: value for name, value in os.environ.items() if name != "ACCIO_TOKEN"},
        **program.environment,
        "ACCIO_INPUTS": str(inputs),
        "ACCIO_OUTPUTS": str(outputs),
        "ACCIO_FOLDER": str(request.folder),
        "ACCIO_ATTEMPT": str(request.attempt),
        "ACCIO_IDEMPOTENCY_KEY": request.idempotency_key,
    }
    if program.spec.unstable and request.seed is not None:
        environment["ACCIO_SEED"] = str(request.seed)
    return environment


def _run(
    program: Program,
    request: Request,
    environment: Mapping[str, str],
    arguments: Sequence[str],
    watch: ProgramWatch,
) -> bytes | Failure:
    """Run the program to its end, and *watch* it; return what it printed to stdout, if any output is read from
    there.
    """
    try:
        command, environment = invocation(program, arguments, environment, request)
    except AccioError as error:
        return Failure(cause=Cause.STAGING, message=clip(f"operator {program.spec.name}: {error.message}"))
    if not command:
        message = f"operator {program.spec.name}: the program {program.command[0]} can't be found"
        return Failure(cause=Cause.EXCEPTION, message=message, exception="FileNotFoundError")
    try:
        child = subprocess.Popen(
            command,
            cwd=request.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program.stdout else None,
        )
    except OSError as error:
        message = f"operator {program.spec.name}: {command[0]} can't be started ({error.strerror})"
        return Failure(cause=Cause.EXCEPTION, message=message, exception=type(error).__name__)
    with child:
        printed = _follow(child, watch)
    return _ending(program, child.returncode) or printed


def _ending(program: Program, code: int) -> Failure | None:
    """Return why a program that ended with this code has failed; None if it hasn't.

    An engine of containers tells its own failures and signals by codes of its own.
    """
    what = f"the program {program.command[0]}"
    number = code - 128 if program.image and 128 < code < 193 else -code
    if number > 0:
        return Failure(cause=Cause.SIGNAL, message=f"{what} was ended by {_signal_name(number)}", signal=number)
    if code > 0:
        hint = _CONTAINERS_CODES.get(code, "") if program.image else ""
        if left_out := program.left_out_files():
            beside = ", ".join(left_out)
            hint += f' (beside {program.path.name} lies {beside}, but not in the working folder: name it among "files")'
        return Failure(cause=Cause.EXIT_CODE, message=f"{what} ended with exit code {code}{hint}", exit_code=code)
    return None


def _follow(child: "subprocess.Popen[bytes]", watch: ProgramWatch) -> bytes:
    """Wait for a program's end, and *watch* it; print what it prints to a pipe, and return the first part."""
    kept = bytearray()
    ended = os.pidfd_open(child.pid)
    out = child.stdout.fileno() if child.stdout is not None else -1
    try:
        waiting = select.poll()
        waiting.register(ended, select.POLLIN)
        if out >= 0:
            waiting.register(out, select.POLLIN)
        open_fds = {ended, out} - {-1}
        while open_fds:
            ready = [fd for fd, _ in waiting.poll(LOOK_MS)]
            watch.look()
            for fd in ready:
                data = os.read(out, 65536) if fd == out else b""
                if not data:  # the end of the pipe, or of the program
                    open_fds.discard(fd)
                    waiting.unregister(fd)
                kept += data[: _MOST_OUTPUT - len(kept)]
                _print(data)
    finally:
        os.close(ended)
        watch.finish()
    return bytes(kept)


def _print(data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(1, rest) :]


def _signal_name(number: int) -> str:
    try:
        return f"{signal.Signals(number).name} (signal {number})"
    except ValueError:
        return f"signal {number}"


class _OutputReader:
    """Reads the outputs file against the ports."""

    def __init__(self, program: Program, request: Request) -> None:
        self._program = program
        self._ports = {port.name: port for port in program.spec.outputs}
        self._folder = request.folder
        self._inputs = {Path(os.path.normpath(path)) for path in request.datasets.values()}
        self._datasets: dict[str, Path] = {}

    def read(self, path: Path, printed: bytes) -> Finished:
        found = {name: self._file(name, file) for name, file in self._program.output_files.items()}
        found |= {name: self._printed(name, pattern, printed) for name, pattern in self._program.stdout.items()}
        document = {**self._document(path, [name for name in self._ports if name not in found]), **found}
        for name in document:
            if name not in self._ports:
                meant = suggest(name, self._ports)
                hint = f" (did you mean {meant}?)" if meant else ""
                raise BadOutputError(f"there is no output '{name}'{hint}")
        missing = sorted(self._ports.keys() - document.keys())
        if missing:
            raise BadOutputError(f"its outputs file has no value for {', '.join(missing)}")
        outputs = {}
        for name, port in self._ports.items():
            try:
                outputs[name] = canonical(port.type, self._value(port.type, document[name]))
            except ValueProblem as problem:
                raise BadOutputError(f"output '{name}': {problem.message}") from None
        return Finished(outputs=outputs, datasets=self._datasets, metrics={})

    def _file(self, name: str, pattern: str) -> str | list[str]:
        """Return the path of an output that is a file of the working folder, or the paths of several."""
        several = self._ports[name].type.kind is Kind.LIST
        found = [str(path) for path in sorted(self._folder.glob(pattern)) if self._means(pattern, path)]
        if several and found:
            return found
        if len(found) == 1:
            return found[0]
        what = "files" if several else "a file"
        many = f"{len(found)} of them" if found else "nothing of that name"
        raise BadOutputError(f"output '{name}': expected {what} {pattern} in the working folder, found {many}")

    def _means(self, pattern: str, path: Path) -> bool:
        """Return whether a pattern means a file that it matches: a hidden one as in a shell, if it says the dot."""
        inside = path.relative_to(self._folder).parts
        said = PurePath(pattern).parts
        hidden = [part for part in inside if part.startswith(".") and part not in said]
        return PRIVATE not in inside and (not hidden or any(part.startswith(".") for part in said))

    def _printed(self, name: str, pattern: str, printed: bytes) -> Any:
        """Return what an output is by what the program printed: JSON, or a text."""
        text = printed.decode(errors="replace").strip()
        if (at := self._program.members.get(name)) is not None:
            return _member(name, text, at)
        if pattern:
            match = re.search(pattern, text, re.MULTILINE)
            if match is None:
                raise BadOutputError(
                    f"output '{name}': nothing on stdout matches {pattern}; it begins {quote(text[:80])}"
                )
            text = match[1] or ""
        if self._ports[name].type.kind is Kind.STRING:
            return text
        try:
            return parse_json(text)
        except JsonProblem:
            return text

    def _document(self, path: Path, wanted: Sequence[str]) -> dict[str, Any]:
        try:
            if path.stat().st_size > _MOST_OUTPUT:
                raise BadOutputError(
                    f"its outputs file has more than {_MOST_OUTPUT} bytes; write large data to a dataset"
                )
            document = parse_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            if not wanted:
                return {}
            names = ", ".join(wanted)
            raise BadOutputError(f"it wrote no outputs file ($ACCIO_OUTPUTS); expected the outputs {names}") from None
        except (OSError, UnicodeDecodeError) as error:
            raise BadOutputError(f"its outputs file can't be read ({error})") from None
        except JsonProblem as problem:
            where = f"line {problem.line}, column {problem.column}"
            raise BadOutputError(f"its outputs file is no JSON: {where}: {problem.message}") from None
        if not isinstance(document, dict):
            raise BadOutputError(f"its outputs file holds {quote(document)}, expected a JSON object {{port: value}}")
        return document

    def _value(self, datatype: DataType, document: Any) -> Value:
        """Read a value in the form that users write or, where that differs, in the canonical one."""
        try:
            value = parse(datatype, document, non_finite=True)
        except ValueProblem as problem:
            try:
                value = decode(datatype, orjson.dumps(document, default=float).decode())
            except (ValueProblem, TypeError):
                raise problem from None
        return _with_paths(datatype, value, self._locate) if datatype.contains(Kind.DATASET) else value

    def _locate(self, text: str) -> str:
        """Find a dataset of the outputs: in the folder, or an input passed on."""
        path = Path(os.path.normpath(self._folder / text))
        if not path.is_relative_to(os.path.normpath(self._folder)) and path not in self._inputs:
            raise ValueProblem(f"expected dataset (a path in the working folder), found {quote(text)}, outside of it")
        if not path.exists():
            raise ValueProblem(f"expected dataset, found the path {path}, where there is nothing")
        self._datasets[str(path)] = path
        return str(path)


def _member(name: str, text: str, at: str) -> Any:
    """Return a member of the JSON that a program printed, by its pointer (RFC 6901)."""
    try:
        found = parse_json(text)
    except JsonProblem as problem:
        where = f"line {problem.line}, column {problem.column}"
        raise BadOutputError(
            f"output '{name}': expected JSON on stdout, found {quote(text[:80])} ({where}: {problem.message})"
        ) from None
    for part in at.split("/")[1:]:
        step = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and step in found:
            found = found[step]
        elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        else:
            raise BadOutputError(f"output '{name}': the JSON on stdout has no {at}; it is {quote(text[:80])}")
    return found
