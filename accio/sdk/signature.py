"""The ports of an operator, read from the signature of the function that implements it.

All that is wrong is collected, each with the port that it is about; nothing here raises for a bad declaration.
"""

import enum
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from accio.domain.issues import Issue, pointer
from accio.domain.names import PARAMETER_RULE, is_port_name
from accio.late import dataclass
from accio.sdk.context import OperatorContext
from accio.sdk.docstrings import describe
from accio.sdk.hints import Hint, NotADataTypeError, is_data_type, member_value, one_of, read_hint, show, take_apart
from accio.sdk.records import MISSING, Field, RecordInput, fields_of, is_record, port_names, values_of

SINGLE_OUTPUT = "value"
CONTEXT = "ctx"

_NOT_INPUTS = {
    inspect.Parameter.VAR_POSITIONAL: "*{} can't be a port: each input needs a name",
    inspect.Parameter.VAR_KEYWORD: "**{} can't be a port: each input needs a name of its own",
    inspect.Parameter.POSITIONAL_ONLY: "'{}' is positional-only, but inputs are passed by name: remove the '/'",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A parameter of the function; `default` is MISSING without one."""

    name: str
    hint: Hint
    optional: bool
    default: Any
    help: str
    record: str = ""  # the parameter whose field it is
    may_lack: bool = False  # of a field of a TypedDict, that there may be none


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A field of what the function returns, or the whole of it; `path` leads to a field within records."""

    name: str
    hint: Hint
    help: str
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a function takes and returns. `record` is the class of its result if that has a field per output, `records`
    are its parameters that are made of several inputs.
    """

    takes_context: bool
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    record: type | None
    issues: tuple[Issue, ...]
    records: tuple[RecordInput, ...] = ()


def read_signature(function: Callable[..., Any], *, is_method: bool, docstring: str | None) -> Signature:
    """Read the ports of *function*, whose first parameter is `self` if *is_method*."""
    return _Reader(function, docstring).read(is_method=is_method)


class _Reader:
    def __init__(self, function: Callable[..., Any], docstring: str | None) -> None:
        self._function = function
        self._help = {**describe(function.__doc__).names, **describe(docstring).names}
        self._issues: list[Issue] = []
        self._records: dict[str, RecordInput] = {}

    def read(self, *, is_method: bool) -> Signature:
        try:
            signature = inspect.signature(self._function)
        except (TypeError, ValueError) as error:
            self._say("", f"its signature can't be read ({error}); wrap it in a Python function with type hints")
            return Signature(takes_context=False, inputs=(), outputs=(), record=None, issues=tuple(self._issues))
        parameters = list(signature.parameters.values())[1 if is_method else 0 :]
        takes_context = bool(parameters) and parameters[0].name == CONTEXT
        taken = parameters[1 if takes_context else 0 :]
        inputs = self._named([each for parameter in taken for each in self._inputs(parameter)])
        outputs, record = self._outputs(signature.return_annotation)
        self._check_kind_of_function()
        return Signature(
            takes_context=takes_context,
            inputs=tuple(inputs),
            outputs=tuple(outputs),
            record=record,
            issues=tuple(self._issues),
            records=tuple(self._records.values()),
        )

    def _say(self, path: str, message: str) -> None:
        self._issues.append(Issue(path, message))

    def _check_kind_of_function(self) -> None:
        function = inspect.unwrap(self._function)
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            self._say(
                "", "it is an async function; an operator is an ordinary function (it may call asyncio.run itself)"
            )
        elif inspect.isgeneratorfunction(function):
            self._say("", "it is a generator; an operator returns its outputs")

    def _inputs(self, parameter: inspect.Parameter) -> list[Input]:
        """Return the input that a parameter is, or those of its fields if it is a record; none if it can't be any."""
        name, path = parameter.name, pointer("inputs", parameter.name)
        if parameter.kind in _NOT_INPUTS:
            self._say(path, _NOT_INPUTS[parameter.kind].format(name))
            return []
        if name == CONTEXT:
            self._say(path, f"'{CONTEXT}' names the context, which must be the first argument")
            return []
        if parameter.annotation is inspect.Parameter.empty:
            self._say(path, f"input '{name}' has no type hint; write for example {name}: float")
            return []
        annotation = self._resolve(parameter.annotation, f"input '{name}'", path)
        if annotation is OperatorContext:
            self._say(path, f"the context must be the first argument, and be named '{CONTEXT}'")
            return []
        default = MISSING if parameter.default is inspect.Parameter.empty else parameter.default
        bare, nullable, _ = take_apart(annotation)
        if isinstance(bare, type) and is_record(bare) and not is_data_type(bare):
            return self._record(name, bare, default, nullable=nullable)
        found = self._input(name, annotation, default)
        return [] if found is None else [found]

    def _record(self, name: str, record: type, default: Any, *, nullable: bool) -> list[Input]:
        """Return the inputs of a record, one for each field; they get their final names from `_named`."""
        if default is None and not nullable:
            text = f"write {name}: {record.__qualname__} | None"
            self._say(pointer("inputs", name), f"input '{name}' has the default None, but its type allows none: {text}")
            return []
        inputs, found = self._taken_apart(name, record, default, nullable=nullable, within=())
        self._records[name] = found
        return [replace(each, record=name) for each in inputs]

    def _taken_apart(
        self, name: str, record: type, default: Any, *, nullable: bool, within: tuple[type, ...]
    ) -> tuple[list[Input], RecordInput]:
        """Return the inputs of a record that is a parameter, or a field within other records, and how it is made."""
        path = pointer("inputs", name)
        fields, problem = fields_of(record)
        if problem:
            self._say(path, problem)
        if record in within:
            self._say(path, f"the record {record.__qualname__} is made of itself: an input has a value of a fixed size")
            fields = []
        given: Mapping[str, Any] = {}
        if default is not MISSING and default is not None:
            try:
                given = values_of(record, default)
            except TypeError as error:
                self._say(path, f"the default of input '{name}' is none: {error}")
        may_be_none = nullable and not given
        described = describe(record.__doc__).names
        inputs, ports, inner = list[Input](), dict[str, str](), dict[str, RecordInput]()
        for each in fields:
            if not each.is_taken:
                continue
            bare, field_nullable, _ = take_apart(each.hint)
            value = given.get(each.name, each.default)
            if isinstance(bare, type) and is_record(bare) and not is_data_type(bare):
                found, inner[each.name] = self._taken_apart(
                    each.name, bare, value, nullable=field_nullable or may_be_none, within=(*within, record)
                )
                inputs += [replace(port, name=f"{each.name}_{port.name}") for port in found]
                inner[each.name] = inner[each.name].named({port.name: f"{each.name}_{port.name}" for port in found})
            elif (port := self._field(record, each, value)) is not None:
                ports[each.name] = each.name
                lacks = each.may_lack or may_be_none
                text = port.help or described.get(each.name, "")
                inputs.append(replace(port, help=text, may_lack=lacks, optional=port.optional or lacks))
        if may_be_none:
            inputs = [replace(port, default=MISSING, optional=True, may_lack=True) for port in inputs]
        made = RecordInput(
            name=name, record=record, ports=ports, inner=inner, given=MISSING if default is None else default,
            nullable=may_be_none,
        )  # fmt: skip
        return inputs, made

    def _field(self, record: type, field: Field, value: Any) -> Input | None:
        if field.hint is MISSING:
            self._say(
                pointer("inputs", field.name), f"the field '{field.name}' of {record.__qualname__} has no type hint"
            )
            return None
        return self._input(field.name, field.hint, value)

    def _named(self, inputs: list[Input]) -> list[Input]:
        """Rename the fields of records to inputs of which no two have one name."""
        fields = {name: [each.name for each in inputs if each.record == name] for name in self._records}
        names = port_names(fields, [each.name for each in inputs if not each.record])
        self._records = {name: record.named(names[name]) for name, record in self._records.items()}
        named = [replace(each, name=names[each.record][each.name]) if each.record else each for each in inputs]
        seen: set[str] = set()
        for each in named:
            if each.name in seen:
                self._say(pointer("inputs", each.name), f"two inputs are called '{each.name}': rename a field")
            seen.add(each.name)
        return named

    def _input(self, name: str, annotation: object, default: Any) -> Input | None:
        path = pointer("inputs", name)
        bare, nullable, help_text = take_apart(annotation)
        hint = self._hint(bare, f"input '{name}'", path)
        if default is None and not nullable and hint is not None:
            self._say(path, f"input '{name}' has the default None, but its type allows none: write {show(bare)} | None")
        self._check_name("input", name, path)
        if hint is None:
            return None
        optional, default = (True, MISSING) if default is None else (nullable, default)
        help_text = help_text or self._help.get(name, "")
        if hint.choices:
            help_text = f"{help_text} ({one_of(hint)})".lstrip()
            chosen = member_value(default) if isinstance(default, enum.Enum) else default
            if chosen is not MISSING and chosen not in hint.choices:
                self._say(path, f"the default of input '{name}' is {default!r}; expected {one_of(hint)}")
        return Input(name=name, hint=hint, optional=optional, default=default, help=help_text)

    def _outputs(self, annotation: Any) -> tuple[list[Output], type | None]:
        path = pointer("outputs")
        if annotation is inspect.Signature.empty:
            advice = "write for example -> float, or -> None if it has no outputs"
            self._say(path, f"its return type isn't declared; {advice}")
            return [], None
        resolved = self._resolve(annotation, "the return type", path)
        bare, nullable, help_text = take_apart(resolved)
        if bare is None or bare is types.NoneType:
            return [], None
        if nullable:
            self._say(path, f"the return type {show(resolved)} allows None, but an output always has a value")
            return [], None
        if is_data_type(bare) or not (isinstance(bare, type) and is_record(bare)):
            return [o for o in [self._output(SINGLE_OUTPUT, bare, help_text, "the output")] if o], None
        return self._fields_out(bare, ()), bare

    def _fields_out(self, record: type, within: tuple[tuple[str, type], ...]) -> list[Output]:
        """Return the outputs of a record's fields; *within* has the fields that lead to it, with their records."""
        if record in {above for _, above in within}:
            self._say(pointer("outputs"), f"the record {record.__qualname__} is made of itself: outputs are fixed")
            return []
        described = describe(record.__doc__).names
        found = list[Output | None]()
        for field, hint in self._fields(record).items():
            inner, nullable, text = take_apart(hint)
            path = (*(name for name, _ in within), field)
            name = "_".join(path)
            if nullable:
                self._say(pointer("outputs", name), f"output '{name}' allows None, but an output always has a value")
            elif isinstance(inner, type) and is_record(inner) and not is_data_type(inner):
                found += self._fields_out(inner, (*within, (field, record)))
            else:
                made = self._output(name, inner, text or described.get(field, ""), f"output '{name}'")
                found.append(made and replace(made, path=path))
        return [output for output in found if output is not None]

    def _fields(self, record: type) -> Mapping[str, object]:
        """Return the hints of the fields of a result, in their order."""
        fields, problem = fields_of(record)
        if problem:
            self._say(pointer("outputs"), problem)
        for field in fields:
            path = pointer("outputs", field.name)
            if field.may_lack:
                self._say(path, f"output '{field.name}' may be left out, but an output always has a value")
            if field.hint is MISSING:
                self._say(path, f"output '{field.name}' of {record.__qualname__} has no type hint")
        return {field.name: field.hint for field in fields if field.hint is not MISSING}

    def _output(self, name: str, annotation: object, help_text: str, what: str) -> Output | None:
        path = pointer("outputs", name)
        hint = self._hint(annotation, what, path)
        self._check_name("output", name, path)
        return None if hint is None else Output(name=name, hint=hint, help=help_text)

    def _check_name(self, what: str, name: str, path: str) -> None:
        if not is_port_name(name):
            self._say(path, f"{what} '{name}' has an illegal name; names are {PARAMETER_RULE}")

    def _hint(self, annotation: object, what: str, path: str) -> Hint | None:
        if isinstance(annotation, _Unresolved):
            return None
        try:
            return read_hint(annotation)
        except NotADataTypeError as error:
            self._say(path, f"{what}: {error}")
            return None

    def _resolve(self, annotation: Any, what: str, path: str) -> Any:
        """Evaluate an annotation that is text (`from __future__ import annotations`)."""
        carrier = types.SimpleNamespace(__annotations__={"it": annotation})
        names = getattr(inspect.unwrap(self._function), "__globals__", {})
        try:
            return typing.get_type_hints(carrier, globalns=names, include_extras=True)["it"]
        except Exception as error:  # noqa: BLE001 - evaluating somebody's annotations may raise anything
            self._say(
                path,
                f"the type hint {show(annotation)} of {what} can't be resolved ({error}); it must be importable when "
                "the module is, not only under TYPE_CHECKING, and be defined before the operator",
            )
            return _Unresolved()


class _Unresolved:
    """Stands for an annotation that was already complained about."""
