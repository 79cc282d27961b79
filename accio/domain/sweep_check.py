"""Checking the sweep of a run definition: `params`, what goes together (`zip`, `points`), what is kept (`where`)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accio.domain.datatypes import DataType
from accio.domain.filters import Checked, Context, FilterProblem, read_query
from accio.domain.filters.slices import kept_points
from accio.domain.filters.syntax import Text, leaves
from accio.domain.findings import Findings, is_ignored
from accio.domain.issues import pointer
from accio.domain.layouts import Alike, Block, Digit, Layout, Listed
from accio.domain.limits import Limits
from accio.domain.param_forms import Column, ParamForms
from accio.domain.problems import quote
from accio.domain.sweeps import Axis, Sweep

SWEEP_KEYS = ("params", "points", "zip", "where")
_MOST_LISTED = 200_000
"""Values that may be listed as rows (`points`, and `zip` of values that repeat): they are kept with the run."""


@dataclass(frozen=True, slots=True)
class _Together:
    """Parameters whose values go together, row by row; the first one's place is that of all."""

    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.axis.name for column in self.columns)

    def digit(self, first: int) -> Digit:
        """Return the digit of axes that stand at *first* and behind it; equal rows collapse."""
        axes = range(first, first + len(self.columns))
        if any(column.rows is None for column in self.columns):  # then no two rows are equal
            different = all(column.rows is None for column in self.columns)
            rows = [column.indices() for column in self.columns]
            return Digit(axes, Alike(len(rows), self.columns[0].size) if different else Listed(rows))
        unique = dict.fromkeys(zip(*(column.indices() for column in self.columns), strict=True))
        return Digit(axes, Listed(tuple(zip(*unique, strict=True))))


class SweepCheck:
    """Reads the sweep of one definition; reports what is wrong."""

    def __init__(self, forms: ParamForms, findings: Findings, limits: Limits) -> None:
        """Read parameters by *forms*."""
        self._forms = forms
        self._findings = findings
        self._limits = limits

    def sweep(self, document: Mapping[str, Any], repeat: int) -> Sweep | None:
        """Read the sweep; None if it can't be made, which is reported."""
        before = len(self._findings.errors)
        params = self._findings.object(document.get("params", {}), "/params", "parameters by name")
        if params is None:
            return None
        points = self._points(document)
        zipped = self._zipped(document, params)
        groups = [*points, *self._groups(params, zipped, {name for each in points for name in each.names})]
        mentioned = {name for group in groups for name in group.names} | params.keys()
        defaults = [
            axis
            for param in self._forms.params
            if param.name not in mentioned and (axis := self._forms.default(param)) is not None
        ]
        query = self._query(document, [*(column.axis for group in groups for column in group.columns), *defaults])
        if len(self._findings.errors) > before:
            # What is readable is still too large if it is.
            self._size(_product(groups, defaults, repeat))
            return None
        sweep = _product(groups, defaults, repeat)
        if query is not None:
            sweep = self._kept(sweep, query)
        self._size(sweep)
        return _normal(sweep)

    # -------------------------------------------------------------------------------------------------------- groups

    def _groups(
        self, params: Mapping[str, Any], zipped: Mapping[str, tuple[str, ...]], taken: set[str]
    ) -> Iterator[_Together]:
        """Read the forms, those that are zipped at the place of the first of them."""
        columns: dict[str, Column] = {}
        for name, form in params.items():
            path = pointer("params", name)
            if is_ignored(name) or (param := self._forms.param(name, path)) is None:
                continue
            if name in taken:
                self._findings.error(path, f"'points' gives parameter '{name}' its values, so 'params' can't")
            elif (column := self._forms.column(param, form, path)) is not None:
                columns[name] = column
        done: set[str] = set()
        for name, column in columns.items():
            if name in done:
                continue
            group = [columns[each] for each in zipped.get(name, ()) if each in columns]
            if len(group) < 2:
                yield _Together((Column(column.axis, None),))
                continue
            done.update(zipped[name])
            if self._same_sizes(group):
                yield _Together(tuple(group))

    def _same_sizes(self, group: Sequence[Column]) -> bool:
        sizes = {column.axis.name: column.size for column in group}
        if len(set(sizes.values())) == 1:
            listed = sum(column.size for column in group if column.rows is not None)
            return self._few("/zip", listed)
        counts = ", ".join(f"{name} has {size}" for name, size in sizes.items())
        self._findings.error("/zip", f"parameters that go together need the same number of values, found: {counts}")
        return False

    def _few(self, path: str, listed: int) -> bool:
        if listed > _MOST_LISTED:
            message = f"expected at most {_MOST_LISTED} listed values (rows × parameters), found {listed}"
            self._findings.error(path, message)
        return listed <= _MOST_LISTED

    def _zipped(self, document: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        """Return, for each parameter that is zipped, all those that it goes with."""
        given = self._findings.array(document.get("zip", []), "/zip", 'names such as ["a", "b"], or lists of them')
        nested = bool(given) and all(isinstance(each, list) for each in given or ())
        zipped: dict[str, tuple[str, ...]] = {}
        for at, group in enumerate((given if nested else [given] if given else None) or ()):
            path = pointer("zip", at) if nested else "/zip"
            names = tuple(name for name in group if isinstance(name, str))
            if len(names) < len(group) or len(names) < 2:
                self._findings.error(path, f"expected the names of two or more parameters, found {quote(group)}")
                continue
            before = len(self._findings.errors)
            for place, name in enumerate(names):
                where = path + pointer(place)
                if name in zipped or names.count(name) > 1:
                    self._findings.error(where, f"parameter '{name}' is zipped twice")
                elif name not in params and self._forms.param(name, where) is not None:
                    self._findings.error(where, f"'params' has no values of '{name}', which is zipped")
            if len(self._findings.errors) == before:
                zipped |= dict.fromkeys(names, names)
        return zipped

    # -------------------------------------------------------------------------------------------------------- points

    def _points(self, document: Mapping[str, Any]) -> list[_Together]:
        """Read `points`: an array of objects, or an object of arrays, as tables have them."""
        if "points" not in document:
            return []
        given = document["points"]
        if isinstance(given, str):
            hint = "give it to the command line or the Python client, which read such files"
            self._findings.error("/points", f"expected rows, found the name of a file ({quote(given)}): {hint}")
            return []
        by_columns = isinstance(given, Mapping)
        columns = self._of_columns(given) if isinstance(given, Mapping) else self._of_rows(given)
        if columns is None:
            return []
        read: list[Column] = []
        good = self._few("/points", sum(map(len, columns.values())))
        for name, values in columns.items() if good else ():
            whole = pointer("points", name) if by_columns else "/points"
            param = self._forms.param(name, whole if by_columns else pointer("points", 0, name))
            column = None
            if param is not None:
                place = _place_in_column(name) if by_columns else _place_in_rows(name)
                column = self._forms.listed(param, values, whole, place)
            if column is None:
                good = False
            else:
                read.append(column)
        return [_Together(tuple(read))] if good and read else []

    def _of_columns(self, given: Mapping[str, Any]) -> dict[str, list[Any]] | None:
        columns = {
            name: self._findings.array(values, pointer("points", name), "the values of a parameter, row by row")
            for name, values in given.items()
            if not is_ignored(name)
        }
        sizes = {name: len(values) for name, values in columns.items() if values is not None}
        if len(sizes) < len(columns):
            return None
        if not sizes or not all(sizes.values()):
            self._findings.error("/points", f"expected at least one point, found {quote(given)}")
            return None
        if len(set(sizes.values())) > 1:
            counts = ", ".join(f"{name} has {size}" for name, size in sizes.items())
            self._findings.error("/points", f"expected as many values of each parameter, found: {counts}")
            return None
        return {name: values for name, values in columns.items() if values is not None}

    def _of_rows(self, given: Any) -> dict[str, list[Any]] | None:
        rows = self._findings.array(given, "/points", "points, each an object of parameters")
        if rows is None:
            return None
        names = [name for name in rows[0] if not is_ignored(name)] if rows and isinstance(rows[0], Mapping) else []
        if not names:
            self._findings.error("/points", f"expected at least one point that has parameters, found {quote(given)}")
            return None
        good = True
        for at, row in enumerate(rows):
            if not isinstance(row, Mapping) or {name for name in row if not is_ignored(name)} != set(names):
                message = f"expected a point with {', '.join(names)}, as the first one, found {quote(row)}"
                self._findings.error(pointer("points", at), message)
                good = False
        return {name: [row[name] for row in rows] for name in names} if good else None

    # --------------------------------------------------------------------------------------------------------- where

    def _query(self, document: Mapping[str, Any], axes: Sequence[Axis]) -> Checked | None:
        text = self._findings.text(document, "where", "")
        if not text:
            return None
        checked = read_condition(text, {axis.name: axis.type for axis in axes})
        if isinstance(checked, Checked):
            return checked
        self._findings.error("/where", *_told(checked, text))
        return None

    def _kept(self, sweep: Sweep, query: Checked) -> Sweep:
        (block,) = sweep.blocks
        try:
            kept = kept_points(query, sweep.axes, block.digits)
        except FilterProblem as problem:
            self._findings.error("/where", problem.message)
            return sweep
        if not kept.size:
            self._findings.error("/where", f"none of the {_amount(sweep.points)} points is left: {query}")
            return sweep
        if kept.size == sweep.points:
            return sweep
        return Sweep(sweep.axes, sweep.repeat, Layout([Block(block.digits, kept)]))

    # ---------------------------------------------------------------------------------------------------------- size

    def _size(self, sweep: Sweep) -> None:
        most = self._limits.max_children
        if sweep.size <= most:
            return
        path = "/params" if sweep.varying else "/repeat"
        message = (
            f"the sweep has {_amount(sweep.size)} children ({_factors(sweep)}), "
            f"and this daemon takes at most {_amount(most)}"
        )
        self._findings.error(path, message)


def _place_in_column(name: str) -> Any:
    return lambda at: pointer("points", name, at)


def _place_in_rows(name: str) -> Any:
    return lambda at: pointer("points", at, name)


def read_condition(text: str, parameters: Mapping[str, DataType]) -> Checked | FilterProblem:
    """Read a condition on parameters alone; what it says never depends on when it is read."""
    try:
        now, later = (read_query(text, Context(fields={}, now_ms=ms, parameters=parameters)) for ms in (0, 10**15))
    except FilterProblem as problem:
        return problem
    for term, predicate in now.predicates.items():
        if predicate.values != later.predicates[term].values:
            why = "a time before now changes with the day; write the time itself"
            return FilterProblem(f"'{term}': {why}")
    if any(isinstance(leaf, Text) for leaf in leaves(now.filter)):
        return FilterProblem("expected conditions on parameters, such as a<3, found words to search for")
    return now


def _told(problem: FilterProblem, text: str) -> tuple[str, str | None]:
    return f"column {problem.start + 1} of {quote(text)}: {problem.message}", problem.suggestion


def _product(groups: Sequence[_Together], defaults: Sequence[Axis], repeat: int) -> Sweep:
    """Return all combinations of groups."""
    axes: list[Axis] = []
    digits: list[Digit] = []
    for group in groups:
        digits.append(group.digit(len(axes)))
        axes.extend(column.axis for column in group.columns)
    for axis in defaults:
        digits.append(Digit((len(axes),), Alike(1, 1)))
        axes.append(axis)
    is_grid = all(len(digit.axes) == 1 and digit.is_plain for digit in digits)
    return Sweep(tuple(axes), repeat, None if is_grid else Layout([Block(digits)]))


def _normal(sweep: Sweep) -> Sweep:
    """Return a sweep of one point as a plain one, as if its values had been written down."""
    if sweep.layout is None or sweep.points > 1:
        return sweep
    values = sweep.child(0)
    return Sweep(tuple(Axis(axis.name, axis.type, (values[axis.name],)) for axis in sweep.axes), sweep.repeat)


def _factors(sweep: Sweep) -> str:
    """Return what the size of a sweep is the product of."""
    factors = [f"repeat: {_amount(sweep.repeat)}"] if sweep.repeat > 1 else []
    if sweep.layout is not None and not (len(sweep.blocks) == 1 and sweep.blocks[0].is_whole):
        return " × ".join([f"points: {_amount(sweep.points)}", *factors])
    digits = [
        f"{' and '.join(sweep.axes[place].name for place in digit.axes)}: {_amount(digit.size)}"
        for digit in sweep.blocks[0].digits
        if digit.size > 1
    ]
    return " × ".join([*digits, *factors])


def _amount(number: int) -> str:
    """Write a size; one of more than 18 digits as a power of ten."""
    return str(number) if number < 10**18 else f"about 10^{number.bit_length() * 30103 // 100000}"
