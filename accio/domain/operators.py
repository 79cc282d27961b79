"""Operators as the daemon knows them: what an agent announced."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from accio.domain.datatypes import DataType, TypeProblem, parse_type
from accio.domain.issues import Issue, pointer
from accio.domain.jsontypes import JsonObject
from accio.domain.names import NODE_RULE, PARAMETER_RULE, is_operator_name, is_port_name
from accio.domain.problems import ValueProblem, quote
from accio.domain.resources import ONE_CPU, Resources, resources_from_json
from accio.domain.retry_demand import growth_problems
from accio.domain.values import canonical, cast, decode
from accio.late import dataclass

_SHOWN = 10  # choices that a message lists


@dataclass(frozen=True, slots=True, kw_only=True)
class InputPort:
    """An input. `default` is canonical JSON text; an optional port without a value is absent. `choices` are the
    canonical texts of the values that it takes; none if it takes every value of its type.
    """

    name: str
    type: DataType
    default: str | None = None
    optional: bool = False
    help: str = ""
    choices: tuple[str, ...] = ()

    @property
    def required(self) -> bool:
        """Whether a node must give it a value."""
        return self.default is None and not self.optional

    def to_json(self) -> JsonObject:
        """Return a form that `from_json` reads."""
        document: JsonObject = {"name": self.name, "type": str(self.type)}
        if self.default is not None:
            document["default"] = self.default
        if self.optional:
            document["optional"] = True
        if self.help:
            document["help"] = self.help
        if self.choices:
            document["choices"] = list(self.choices)
        return document

    @property
    def listed(self) -> str:
        """The choices for people, the first ones of many."""
        return ", ".join(self.choices[:_SHOWN]) + (", …" if len(self.choices) > _SHOWN else "")

    def take(self, datatype: DataType, text: str) -> str:
        """Return the canonical text that a value of a type has here; ValueProblem if the port doesn't take it."""
        return self.taker(datatype)(text)

    def taker(self, datatype: DataType) -> Callable[[str], str]:
        """Return `take` for many values of a type."""
        among = frozenset(self.choices)  # there may be thousands of either
        listed = self.listed

        def take(text: str) -> str:
            found = cast(datatype, self.type, text)
            if among and found not in among:
                raise ValueProblem(f"expected one of {listed}, found {found}")
            return found

        return take


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputPort:
    """An output."""

    name: str
    type: DataType
    help: str = ""

    def to_json(self) -> JsonObject:
        """Return a form that `from_json` reads."""
        document: JsonObject = {"name": self.name, "type": str(self.type)}
        if self.help:
            document["help"] = self.help
        return document


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSpec:
    """A typed function or program.

    `digest` is `blake3:HEX`, or None where it can't be known; then `uncacheable` says why. `deprecated` is the message
    for its users, or None. `components` maps a name (`function _noise`, `package numpy`) to a hash, for explanations.
    `distribution` names the package that it comes from. After it was ended for its memory, its next attempt demands
    `retry_memory` times as much, `memory_limit` bytes at most. `draws` tells of random numbers that it draws otherwise
    than from its context (accio.domain.draws).
    """

    name: str
    digest: str | None = None
    uncacheable: str | None = None
    category: str = ""
    help: str = ""
    unstable: bool = False
    deprecated: str | None = None
    inputs: tuple[InputPort, ...] = ()
    outputs: tuple[OutputPort, ...] = ()
    resources: Resources = ONE_CPU
    timeout_ms: int | None = None
    retries: int = 0
    retry_backoff_ms: int = 0
    retry_memory: float | None = None
    memory_limit: int | None = None
    isolated: bool = False
    components: tuple[tuple[str, str], ...] = ()
    distribution: str = ""
    draws: tuple[str, ...] = ()

    def input(self, name: str) -> InputPort | None:
        """Find an input by name."""
        return next((port for port in self.inputs if port.name == name), None)

    def output(self, name: str) -> OutputPort | None:
        """Find an output by name."""
        return next((port for port in self.outputs if port.name == name), None)

    def problems(self) -> tuple[Issue, ...]:
        """Return everything that is wrong with the declaration; pointers are into `to_json()`."""
        return tuple(_Checker(self).issues())

    def to_json(self) -> JsonObject:
        """Return a form that `from_json` reads."""
        document: JsonObject = {
            "name": self.name,
            "digest": self.digest,
            "uncacheable": self.uncacheable,
            "category": self.category,
            "help": self.help,
            "unstable": self.unstable,
            "deprecated": self.deprecated,
            "inputs": [port.to_json() for port in self.inputs],
            "outputs": [port.to_json() for port in self.outputs],
            "resources": self.resources.to_json(),
            "timeout_ms": self.timeout_ms,
            "retries": self.retries,
            "retry_backoff_ms": self.retry_backoff_ms,
            "isolated": self.isolated,
            "components": dict(self.components),
            "distribution": self.distribution,
        }
        if self.retry_memory is not None:  # else absent: what versions without it announced stays what it was
            document["retry_memory"] = self.retry_memory
        if self.memory_limit is not None:
            document["memory_limit"] = self.memory_limit
        if self.draws:
            document["draws"] = list(self.draws)
        return document

    @classmethod
    def from_json(cls, document: Any) -> "OperatorSpec":
        """Read what `to_json` gave; ValueProblem if it is something else. Keys of later versions are ignored."""
        try:
            return _operator(document)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueProblem(f"expected an operator, found {quote(document)} ({error!r})") from None
        except TypeProblem as problem:
            raise ValueProblem(f"expected an operator, found one in which {problem.message}") from None


def _operator(document: Any) -> OperatorSpec:
    resources, issues = resources_from_json(document["resources"])
    if issues:
        raise ValueProblem(f"operator {document['name']}: {issues[0]}")
    return OperatorSpec(
        name=document["name"],
        digest=document["digest"],
        uncacheable=document["uncacheable"],
        category=document["category"],
        help=document["help"],
        unstable=document["unstable"],
        deprecated=document["deprecated"],
        inputs=tuple(
            InputPort(
                name=port["name"],
                type=parse_type(port["type"]),
                default=port.get("default"),
                optional=port.get("optional", False),
                help=port.get("help", ""),
                choices=tuple(port.get("choices", ())),
            )
            for port in document["inputs"]
        ),
        outputs=tuple(
            OutputPort(name=port["name"], type=parse_type(port["type"]), help=port.get("help", ""))
            for port in document["outputs"]
        ),
        resources=resources,
        timeout_ms=document["timeout_ms"],
        retries=document["retries"],
        retry_backoff_ms=document["retry_backoff_ms"],
        retry_memory=document.get("retry_memory"),
        memory_limit=document.get("memory_limit"),
        isolated=document["isolated"],
        components=tuple(sorted(document["components"].items())),
        distribution=document["distribution"],
        draws=tuple(document.get("draws", ())),
    )


class _Checker:
    def __init__(self, spec: OperatorSpec) -> None:
        self._spec = spec

    def issues(self) -> Iterable[Issue]:
        spec = self._spec
        if not is_operator_name(spec.name):
            yield self._issue(pointer("name"), f"expected a name ({NODE_RULE}), found {quote(spec.name)}")
        yield from self._ports("inputs", spec.inputs)
        yield from self._ports("outputs", spec.outputs)
        yield from self._choices()
        yield from self._defaults()
        if spec.digest is None and not spec.uncacheable:
            yield self._issue(pointer("digest"), "it has no digest, and doesn't say why")
        if spec.timeout_ms is not None and spec.timeout_ms <= 0:
            yield self._issue(pointer("timeout_ms"), f"expected a time-out above 0, found {spec.timeout_ms} ms")
        if spec.retries < 0:
            yield self._issue(pointer("retries"), f"expected a number of retries, 0 or more, found {spec.retries}")
        if spec.retry_backoff_ms < 0:
            message = f"expected a duration, 0 or more, found {spec.retry_backoff_ms} ms"
            yield self._issue(pointer("retry_backoff_ms"), message)
        yield from self._resources()
        for key, problem in growth_problems(spec.retry_memory, spec.memory_limit, spec.resources):
            yield self._issue(pointer(key), problem)

    def _issue(self, path: str, message: str) -> Issue:
        return Issue(path, f"operator {self._spec.name}: {message}")

    def _resources(self) -> Iterable[Issue]:
        """Find amounts that would be others once they were written and read."""
        wanted = self._spec.resources
        read, issues = resources_from_json(wanted.to_json(), pointer("resources"))
        for issue in issues:
            yield self._issue(issue.path, issue.message)
        if not issues and read != wanted:
            yield self._issue(
                pointer("resources"), f"expected resources, found {wanted}, which would be read as {read}"
            )

    def _ports(self, key: str, ports: Sequence[InputPort | OutputPort]) -> Iterable[Issue]:
        seen: set[str] = set()
        for at, port in enumerate(ports):
            path = pointer(key, at, "name")
            if not is_port_name(port.name):
                yield self._issue(path, f"expected the name of a port ({PARAMETER_RULE}), found {quote(port.name)}")
            if port.name in seen:
                yield self._issue(path, f"there are two ports '{port.name}' in its {key}")
            seen.add(port.name)

    def _defaults(self) -> Iterable[Issue]:
        for at, port in enumerate(self._spec.inputs):
            if port.default is None:
                continue
            try:
                decode(port.type, port.default)
                port.take(port.type, port.default)
            except ValueProblem as problem:
                message = f"port '{port.name}' ({port.type}) doesn't take its default: {problem.message}"
                yield self._issue(pointer("inputs", at, "default"), message)

    def _choices(self) -> Iterable[Issue]:
        for at, port in enumerate(self._spec.inputs):
            for place, text in enumerate(port.choices):
                if problem := _choice_problem(port, text):
                    yield self._issue(pointer("inputs", at, "choices", place), problem)


def _choice_problem(port: InputPort, text: str) -> str:
    try:
        written = canonical(port.type, decode(port.type, text))
    except ValueProblem as problem:
        return f"a choice of port '{port.name}' is no {port.type}: {problem.message}"
    if written == text:  # else no value would ever be equal to it
        return ""
    return f"expected choices of port '{port.name}' in canonical form, as {written}, found {quote(text)}"
