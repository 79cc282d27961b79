"""Reading the forms that a run definition gives its parameters: one value, listed values, ranges."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from accio.domain.absence import NO_VALUE, means_none
from accio.domain.axes import Axis
from accio.domain.datatypes import DataType, Kind
from accio.domain.findings import Findings, is_ignored
from accio.domain.issues import pointer
from accio.domain.linking import Operators, Use, reading_type, uses_of_params
from accio.domain.names import Suggestions
from accio.domain.problems import ValueProblem, quote
from accio.domain.range_forms import RANGE_KEYS, read_range
from accio.domain.values import caster, parse_to_canonical
from accio.domain.workflows import Param, Workflow
from accio.late import dataclass

_FORMS = '{"value": x}, {"values": [..]} or {"from": x, "to": y, "step": z}'
_FORM_KEYS = ("value", "values", *RANGE_KEYS)
_ARRAYS = frozenset({Kind.LIST, Kind.SET})


@dataclass(frozen=True, slots=True)
class Column:
    """The values that a form lists for a parameter: its different ones as an axis, and which of them, one by one.

    `rows` None: every value is different from the others, so that their places are those on the axis.
    """

    axis: Axis
    rows: tuple[int, ...] | None

    @property
    def size(self) -> int:
        """How many values are listed, equal ones included."""
        return self.axis.size if self.rows is None else len(self.rows)

    def indices(self) -> Sequence[int]:
        """Return the place on the axis of each listed value."""
        return range(self.axis.size) if self.rows is None else self.rows


class ParamForms:
    """Reads parameters of one workflow; reports what is wrong."""

    def __init__(self, workflow: Workflow, operators: Operators, findings: Findings, base_path: str) -> None:
        """Read for the ports that the parameters feed; relative dataset paths are joined to *base_path*."""
        self._workflow = workflow
        self._uses = uses_of_params(workflow.graph, operators)
        self._names = Suggestions(param.name for param in workflow.params)
        self._findings = findings
        self._base_path = base_path

    @property
    def params(self) -> Sequence[Param]:
        """The parameters of the workflow."""
        return self._workflow.params

    def param(self, name: str, path: str) -> Param | None:
        """Find a parameter, or report that there is none."""
        param = self._workflow.param(name)
        if param is None:
            known = ", ".join(each.name for each in self._workflow.params)
            message = f"workflow '{self._workflow.id}' has no parameter '{name}'; it has {known or 'none'}"
            self._findings.error(path, message, self._names.closest(name))
        return param

    def column(self, param: Param, form: Any, path: str, *, continuous: bool = False) -> Column | None:
        """Read one of the forms, with a value for each that is listed.

        A range may be *continuous*, if it is sampled.
        """
        column = self._column(param, form, path, continuous=continuous)
        return self._fitting(column, param, path)

    def listed(self, param: Param, values: Sequence[Any], path: str, place: Callable[[int], str]) -> Column | None:
        """Read listed values, one by one; *place* points at a value, *path* at all.

        An empty cell of a table is no value, but for texts.
        """
        column = self._listed(param, reading_type(param.type, self._of(param)), values, place, cells=True)
        return self._fitting(column, param, path)

    def default(self, param: Param, path: str) -> Axis | None:
        """Return the axis of a parameter that `params` at *path* doesn't mention; report if it can't be absent."""
        if param.default is not None:
            axis = Axis(param.name, param.type, (param.default,))
            self._meets_ports(axis, self._of(param), path + pointer("params", param.name))
            return axis
        needy = [f"{use.node}/{use.port.name}" for use in self._of(param) if use.port.required]
        if needy:
            message = f"parameter '{param.name}' ({param.type}) needs a value: {_first(needy)} can't do without one"
            self._findings.error(path + pointer("params", param.name), message)
        return None

    def _of(self, param: Param) -> list[Use]:
        return self._uses.get(param.name, [])

    def _fitting(self, column: Column | None, param: Param, path: str) -> Column | None:
        if column is not None:
            self._meets_ports(column.axis, self._of(param), path)
        return column

    def _column(self, param: Param, form: Any, path: str, *, continuous: bool) -> Column | None:
        datatype = reading_type(param.type, self._of(param))
        if isinstance(form, list):
            one = f'one {param.type} is written {{"value": [..]}}; ' if param.type.kind in _ARRAYS else ""
            hint = f'; {one}several values are written {{"values": [..]}}'
            self._findings.error(path, f"expected a value or {_FORMS}, found {quote(form)}{hint}")
            return None
        if not isinstance(form, Mapping):
            return self._listed(param, datatype, [form], lambda at: path)
        keys = [key for key in form if not is_ignored(key)]
        if "value" in keys:
            self._findings.known_keys(form, ("value",), path, "a parameter with 'value'")
            return self._listed(param, datatype, [form["value"]], lambda at: path + "/value")
        if "values" in keys:
            self._findings.known_keys(form, ("values",), path, "a parameter with 'values'")
            return self._values(param, datatype, form["values"], path + "/values")
        if any(key in RANGE_KEYS for key in keys):
            self._findings.known_keys(form, RANGE_KEYS, path, "a range")
            axis = read_range(param.name, param.type, form, path, self._findings, continuous=continuous)
            return None if axis is None else Column(axis, None)
        hint = '; a map is written {"value": {..}}' if param.type.kind is Kind.MAP else ""
        self._findings.no_form(form, _FORM_KEYS, path, f"expected a value or {_FORMS}{hint}")
        return None

    def _values(self, param: Param, datatype: DataType, values: Any, path: str) -> Column | None:
        listed = self._findings.array(values, path, "'values', the list of values")
        if listed is None:
            return None
        if not listed:
            self._findings.error(path, "expected at least one value in 'values', found an empty list")
            return None
        return self._listed(param, datatype, listed, lambda at: path + pointer(at))

    def _listed(
        self,
        param: Param,
        datatype: DataType,
        values: Sequence[Any],
        place: Callable[[int], str],
        *,
        cells: bool = False,
    ) -> Column | None:
        """Read listed values; equal ones collapse on the axis, and the order of the first ones stays."""
        texts: dict[str, int] = {}
        rows: list[int] = []
        good = True
        empty = "" if cells and datatype.kind is not Kind.STRING else None
        for at, value in enumerate(values):
            if value == empty or means_none(datatype, value):
                if needy := self._needy(param):
                    what = f"expected {datatype}, found {quote(value)}: {needy} can't do without a value"
                    hint = self._hint_at_default(param)
                    self._findings.error(place(at), f"parameter '{param.name}': {what}{hint}")
                    good = False
                else:
                    rows.append(texts.setdefault(NO_VALUE, len(texts)))
                continue
            try:
                text = parse_to_canonical(datatype, value, base_path=self._base_path)
            except ValueProblem as problem:
                self._findings.error(place(at), f"parameter '{param.name}': {problem.message}")
                good = False
            else:
                rows.append(texts.setdefault(text, len(texts)))
        if not good:
            return None
        return Column(Axis(param.name, param.type, tuple(texts)), None if len(texts) == len(rows) else tuple(rows))

    def _hint_at_default(self, param: Param) -> str:
        """Say how a parameter gets a default, if that may have been meant."""
        if param.default is None and any(use.port.required for use in self._of(param)):
            return ""
        return f"; a run that doesn't mention '{param.name}' has the default"

    def _needy(self, param: Param) -> str:
        """Name the ports that a parameter feeds and that take no None, the first ones of many."""
        return _first([f"{use.node}/{use.port.name}" for use in self._of(param) if not use.port.optional])

    def _meets_ports(self, axis: Axis, uses: list[Use], path: str) -> None:
        """Report values that can't go to a port whose type is right: longs that a double can't hold, empty paths, what
        isn't among its choices.
        """
        for port in {(use.port.type, use.port.choices): use.port for use in uses}.values():
            if caster(axis.type, port.type) is None or (port.type == axis.type and not port.choices):
                continue
            take = port.taker(axis.type)
            # Of a computed axis, only the ends are looked at if they tell about all of it.
            few = axis.bounds() if axis.all_are_doubles() and not port.choices else axis.values()
            for text in few:
                if text == NO_VALUE:
                    continue
                try:
                    take(text)
                except ValueProblem as problem:
                    self._findings.error(path, f"parameter '{axis.name}': {problem.message}")
                    break


def _first(ports: Sequence[str]) -> str:
    return f"{', '.join(ports[:3])}{' and others' if len(ports) > 3 else ''}"
