"""What a worker calls to run one operator once: a function in this process, or a program.

Inputs come as the canonical document of their ports, outputs go as canonical texts. Whatever the operator does wrong
becomes a `Failure`; only a bug here, or the end of the process, escapes.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, is_typeddict

import orjson

from accio.disk_space import FULL, is_full
from accio.domain.canonical import decode_document, decoder, encoder
from accio.domain.datatypes import Kind
from accio.domain.failures import TEXT_LIMIT, Failure, clip
from accio.domain.problems import ValueProblem
from accio.domain.series import Series
from accio.domain.states import Cause
from accio.sdk.bad_input import BadInputError
from accio.sdk.checkpoint import Keeper
from accio.sdk.context import OperatorContext
from accio.sdk.copies import CannotCopyError, Copies
from accio.sdk.declare import RUN, Declaration
from accio.sdk.encoding import Encoder, UnknownDatasetError, check_closed, load
from accio.sdk.hints import Hint
from accio.sdk.records import MISSING
from accio.sdk.signature import SINGLE_OUTPUT, Input, Output
from accio.sdk.sinks import Sinks
from accio.sdk.tracebacks import traceback_text

_NO_DATASETS: Mapping[str, Path] = MappingProxyType({})
_NO_SERIES: Mapping[str, Series] = MappingProxyType({})
_NO_METRICS: Mapping[str, float] = MappingProxyType({})
_PLAIN = frozenset({int, float, str, bool})


# Tuples, as a frozen dataclass takes six times as long to make, and each node needs one of both.
class Request(NamedTuple):
    """One execution.

    `inputs` is the canonical JSON object of the ports that have a value. `datasets` maps the text of each dataset in it
    to where its content lies here. `folder` is private to the execution. `seed` is None for a stable operator.
    """

    inputs: str
    folder: Path
    datasets: Mapping[str, Path] = _NO_DATASETS
    seed: int | None = None
    attempt: int = 1
    idempotency_key: str = ""
    keeper: Keeper | None = None


class Finished(NamedTuple):
    """A success: the canonical text of each output. A dataset's text is its path here, and `datasets` has them all."""

    outputs: Mapping[str, str]
    datasets: Mapping[str, Path]
    metrics: Mapping[str, float]
    series: Mapping[str, Series] = _NO_SERIES


class Failed(NamedTuple):
    """A failure, with what was measured before it; *disk_full* if space was wanting where it wrote."""

    failure: Failure
    metrics: Mapping[str, float]
    disk_full: bool = False
    series: Mapping[str, Series] = _NO_SERIES


_LONGEST_REASON = 200
_LONGEST_NAME = 500  # of an exception's class
# What NumPy, scikit-learn and others say of a seed that they don't take.
_SEED_REFUSED = ("non-negative", "negative", "2**32", "4294967295", "unsigned", "too large", "out of bounds")
_SEED_ADVICE = (
    "; if it is the seed: ctx.seed is a signed 64-bit integer, ctx.seed % 2**32 fits where only some are taken, and "
    "ctx.rng is NumPy's generator with this seed"
)


class BadOutputError(Exception):
    """What came out doesn't fit the ports."""


def read_document(inputs: str) -> dict[str, Any]:
    """Read an inputs document to JSON values; BadInputError if it is none."""
    try:
        document = orjson.loads(inputs)
    except orjson.JSONDecodeError as error:
        raise BadInputError(f"the inputs are no JSON ({error.msg})") from None
    if not isinstance(document, dict):
        raise BadInputError("the inputs are no JSON object")
    return document


class Callee:
    """An operator declared in Python, to be run any number of times in this process: what is the same for all
    executions is looked up once.
    """

    def __init__(self, operator: Declaration) -> None:
        self._operator = operator
        self._inputs = [(port, decoder(port.hint.type) if _is_plain(port.hint) else None) for port in operator.inputs]
        self._outputs = [(port, encoder(port.hint.type) if _is_plain(port.hint) else None) for port in operator.outputs]

    def __repr__(self) -> str:
        return f"<Callee {self._operator.name}>"

    def run(self, request: Request, sinks: Sinks) -> Finished | Failed:
        """Run it, with the current directory as it is."""
        operator = self._operator
        context = _context_of(operator, request, sinks) if operator.takes_context else None
        try:
            arguments = self._arguments(request)
        except BadInputError as error:
            return _failed(Cause.BAD_INPUT, f"operator {operator.name}: {error}", context)
        try:
            result = _call(operator, context, arguments)
        except BadInputError as refusal:
            return _failed(Cause.BAD_INPUT, f"operator {operator.name}: {_text(refusal)}", context)
        except BaseException as error:  # noqa: BLE001 - whatever an operator raises is its failure, not the worker's
            return _ended(_failure_of(error, context), context, disk_full=_wants_space(error, request.folder))
        try:
            outputs, datasets = self._encode(request, result)
        except RecursionError:
            return _failed(Cause.BAD_OUTPUT, f"operator {operator.name}: what it returned contains itself", context)
        except BadOutputError as error:
            return _failed(Cause.BAD_OUTPUT, f"operator {operator.name}: {error}", context)
        if context is None:
            return Finished(outputs, datasets, _NO_METRICS)
        return Finished(outputs, datasets, dict(context.metrics), context.series)

    def _arguments(self, request: Request) -> dict[str, Any]:
        document = read_document(request.inputs)
        copies: Copies | None = None
        arguments = {}
        given = 0
        for port, decode in self._inputs:
            name = port.name
            if port.may_lack and document.get(name) is None:
                given += name in document  # a null there says that there is none
            elif name in document:
                given += 1
                value = document[name]
                if decode is not None and value is not None:  # as most are; what isn't right with them is said below
                    try:
                        arguments[name] = decode(value)
                        continue
                    except ValueProblem:
                        pass
                copies = copies or Copies(request.folder)
                arguments[name] = _argument(port, value, request.datasets, copies)
            elif port.default is MISSING:
                if not port.optional:
                    raise BadInputError(f"its input '{name}' has no value")
                arguments[name] = None
        if given < len(document):
            unknown = document.keys() - {port.name for port, _ in self._inputs}
            raise BadInputError(f"it has no input {', '.join(sorted(unknown))}")
        return _with_records(self._operator, arguments) if self._operator.records else arguments

    def _encode(self, request: Request, result: object) -> tuple[dict[str, str], Mapping[str, Path]]:
        """Return the text of each output, and the datasets among them; BadOutputError if one isn't of its type."""
        rest: Encoder | None = None
        outputs = {}
        values = _outputs(self._operator, result)
        for port, encode in self._outputs:
            value = values[port.name]
            if encode is not None and type(value) in _PLAIN:
                try:
                    outputs[port.name] = encode(value)
                    continue
                except ValueProblem:
                    pass
            rest = rest or Encoder(request.folder)
            outputs[port.name] = _encoded(rest, port, value)
        return outputs, rest.datasets if rest is not None else _NO_DATASETS


def _context_of(operator: Declaration, request: Request, sinks: Sinks) -> OperatorContext:
    return OperatorContext(
        operator=operator.name,
        folder=request.folder,
        seed=request.seed if operator.unstable else None,
        sinks=sinks,
        attempt=request.attempt,
        idempotency_key=request.idempotency_key,
        keeper=request.keeper,
    )


def _is_plain(hint: Hint) -> bool:
    """Return whether an operator gets the domain's value itself, and may return it: of a scalar without conditions."""
    return not hint.type.args and hint.type.kind is not Kind.DATASET and not hint.choices and hint.make is None


def _with_records(operator: Declaration, found: dict[str, Any]) -> dict[str, Any]:
    """Return arguments in which records stand for the inputs that are their fields."""
    arguments = {port.name: found[port.name] for port in operator.inputs if not port.record and port.name in found}
    for each in operator.records:
        try:
            arguments[each.name] = each.make(found)
        except BadInputError:
            raise
        except LookupError as error:
            raise BadInputError(f"'{each.name}' can't be made, a {each.record.__qualname__}: {error}") from None
        except Exception as error:  # noqa: BLE001 - a class may refuse its values by whatever it raises
            why = f"{_class_name(type(error))}: {_text(error)}"
            raise BadInputError(f"'{each.name}' can't be made, a {each.record.__qualname__} ({why})") from None
    return arguments


def _argument(port: Input, document: Any, datasets: Mapping[str, Path], copies: Copies) -> Any:
    if document is None and port.optional:
        return None
    try:
        return load(port.hint, decode_document(port.hint.type, document), datasets, copies)
    except ValueProblem as problem:
        raise BadInputError(f"input '{port.name}': {problem.message}") from None
    except UnknownDatasetError as error:
        raise BadInputError(f"input '{port.name}': the dataset {error} isn't there") from None
    except CannotCopyError as error:
        raise BadInputError(f"input '{port.name}': {error}") from None


def _call(operator: Declaration, context: OperatorContext | None, arguments: dict[str, Any]) -> Any:
    function = getattr(operator.target(), RUN) if operator.is_class else operator.target
    return function(**arguments) if context is None else function(context, **arguments)


def _encoded(encoder: Encoder, port: Output, value: Any) -> str:
    try:
        text = encoder.encode(port.hint.type, value, port.name)
        check_closed(port.hint, value)
    except ValueProblem as problem:
        raise BadOutputError(f"output '{port.name}': {problem.message}") from None
    except RecursionError:
        raise
    except BaseException as error:  # noqa: BLE001 - values of other packages raise what they like when they are read
        found = f"a {type(value).__qualname__} that can't be read"
        why = f"{_class_name(type(error))}: {_text(error)[:_LONGEST_REASON]}"
        raise BadOutputError(f"output '{port.name}': expected {port.hint.type}, found {found} ({why})") from None
    return text


def _outputs(operator: Declaration, result: Any) -> dict[str, Any]:
    """Split what an operator returned into its outputs."""
    if operator.record is None and operator.outputs and result is not None:  # as most do
        return {SINGLE_OUTPUT: result}
    names = [port.name for port in operator.outputs]
    found = type(result).__qualname__
    if not names:
        if result is not None and not (operator.record and _is_a(result, operator.record)):
            raise BadOutputError(f"it declares no outputs, but returned a {found}")
        return {}
    if result is None or operator.record is None:
        raise BadOutputError(f"it returned nothing; expected {_listed(names)}")
    if not _is_a(result, operator.record):
        raise BadOutputError(f"expected a {operator.record.__qualname__} with {_listed(names)}, found a {found}")
    values = {}
    missing = []
    for port in operator.outputs:
        name = port.name
        try:
            values[name] = _within(result, port.path)
        except (AttributeError, KeyError):
            missing.append(name)
        except BaseException as error:  # noqa: BLE001 - a property may raise anything
            why = f"{_class_name(type(error))}: {_text(error)[:_LONGEST_REASON]}"
            raise BadOutputError(f"output '{name}' of the {found} that it returned can't be read ({why})") from None
    if missing:
        raise BadOutputError(f"the {found} that it returned has no value for {_listed(missing)}")
    return values


def _within(record: Any, path: tuple[str, ...]) -> Any:
    """Return a field of a record, or one of the records that are its fields; a TypedDict is a dictionary."""
    for field in path:
        record = record[field] if type(record) is dict or is_typeddict(type(record)) else getattr(record, field)
    return record


def _is_a(result: Any, record: type) -> bool:
    """Return whether a result is one of a record's class; a TypedDict is any dictionary."""
    return isinstance(result, dict if is_typeddict(record) else record)


def _listed(names: list[str]) -> str:
    return ("output " if len(names) == 1 else "outputs ") + ", ".join(f"'{name}'" for name in names)


def _failed(cause: Cause, message: str, context: OperatorContext | None) -> Failed:
    return _ended(Failure(cause=cause, message=clip(message)), context)


def _ended(failure: Failure, context: OperatorContext | None, *, disk_full: bool = False) -> Failed:
    if context is None:
        return Failed(failure, _NO_METRICS, disk_full)
    return Failed(failure, dict(context.metrics), disk_full, context.series)


def _failure_of(error: BaseException, context: OperatorContext | None) -> Failure:
    """Describe what an operator raised."""
    name = _class_name(type(error))[:_LONGEST_NAME]
    if isinstance(error, SystemExit):
        code = _exit_code(error)
        return Failure(cause=Cause.EXIT_CODE, message=f"the operator ended with exit code {code}", exit_code=code)
    message = _text(error)
    if context is not None and context.gave_seed and isinstance(error, ValueError | OverflowError | TypeError):
        message += _SEED_ADVICE if any(word in message.lower() for word in _SEED_REFUSED) else ""
    cause = Cause.OUT_OF_MEMORY if isinstance(error, MemoryError) else Cause.EXCEPTION
    return Failure(
        cause=cause,
        message=f"{name}: {clip(message, TEXT_LIMIT // 2)}" if message else name,  # the name is what tells most
        exception=name,
        traceback=clip(traceback_text(error, besides=__file__)),  # its own frames are no news to the operator's author
    )


def _wants_space(error: BaseException, folder: Path) -> bool:
    """Return whether an operator failed as a disk or a quota was full, also where a library hides the system's word for
    it.
    """
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if isinstance(cause, OSError) and (cause.errno in FULL or (cause.errno is None and is_full(folder))):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _exit_code(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    sys.stderr.write(f"{error.code}\n")  # as the interpreter does
    return 1


def _class_name(kind: type) -> str:
    return (
        kind.__qualname__ if kind.__module__ in {"builtins", "__main__"} else f"{kind.__module__}.{kind.__qualname__}"
    )


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as second:  # noqa: BLE001 - somebody's __str__ may raise anything
        return f"(its text can't be made: {type(second).__qualname__})"
