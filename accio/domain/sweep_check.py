"""Checking the sweep of a run definition: `params`, what goes together, what is kept (`where`), and unions."""

from collections.abc import Mapping, Sequence
from typing import Any

from accio.domain.axes import Axis
from accio.domain.datatypes import DataType
from accio.domain.filters import Checked, Context, FilterProblem, read_query
from accio.domain.filters.slices import kept_points
from accio.domain.filters.syntax import Text, leaves
from accio.domain.findings import Findings, is_ignored
from accio.domain.issues import pointer
from accio.domain.jsontypes import JsonObject
from accio.domain.layouts import Alike, Block, Digit, Layout
from accio.domain.limits import Limits
from accio.domain.param_forms import ParamForms
from accio.domain.problems import ValueProblem, quote
from accio.domain.sweep_groups import Groups, Together
from accio.domain.sweep_unions import united
from accio.domain.sweeps import Sweep

PART_KEYS = ("params", "points", "zip", "sample", "where")
SWEEP_KEYS = (*PART_KEYS, "union")


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
        sweep = self._union(document, repeat) if "union" in document else self._part(document, "", {}, repeat)
        if sweep is not None:
            # What is readable is still too large if it is.
            self._size(sweep)
        return None if sweep is None or len(self._findings.errors) > before else _normal(sweep, document)

    def _part(self, document: Mapping[str, Any], path: str, shared: Mapping[str, Any], repeat: int) -> Sweep | None:
        """Read the sweep of a definition, or of one part of a union, where *shared* has the parameters of all."""
        before = len(self._findings.errors)
        params = self._findings.object(document.get("params", {}), path + "/params", "parameters by name")
        if params is None:
            return None
        params = {**shared, **params}
        groups = Groups(self._forms, self._findings, path).read(document, params)
        mentioned = {name for group in groups for name in group.names} | params.keys()
        defaults = [
            axis
            for param in self._forms.params
            if param.name not in mentioned and (axis := self._forms.default(param, path)) is not None
        ]
        query = self._query(document, path, [*(column.axis for group in groups for column in group.columns), *defaults])
        sweep = _product(groups, defaults, repeat)
        if query is not None and len(self._findings.errors) == before:
            sweep = self._kept(sweep, query, path)
        return sweep

    def _union(self, document: Mapping[str, Any], repeat: int) -> Sweep | None:
        """Read a union: its parts have the parameters of the whole, and those of their own."""
        for key in ("points", "zip", "sample"):
            if key in document:
                self._findings.error(pointer(key), f"expected '{key}' in the parts of 'union', not beside it")
        shared = self._findings.object(document.get("params", {}), "/params", "parameters by name")
        parts = self._findings.array(document["union"], "/union", "sweeps, each with 'params' or 'points'")
        if shared is None or parts is None:
            return None
        if not parts:
            self._findings.error("/union", "expected at least one sweep, found an empty list")
        sweeps: list[Sweep] = []
        for at, part in enumerate(parts):
            path = pointer("union", at)
            if (given := self._findings.object(part, path, "a sweep of a union")) is None:
                continue
            self._findings.known_keys(given, PART_KEYS, path, "a sweep of a union")
            before = len(self._findings.errors)
            self._once(given, path, shared)
            sweep = self._part(given, path, shared, repeat)
            if sweep is not None and len(self._findings.errors) == before:
                query = self._query(document, "", sweep.axes)
                sweeps.append(sweep if query is None else self._kept(sweep, query, "", may_be_empty=True))
        if len(sweeps) < len(parts) or not parts:
            # What the parts share is told once.
            self._findings.errors[:] = dict.fromkeys(self._findings.errors)
            return None
        try:
            return united(sweeps)
        except ValueProblem as problem:
            self._findings.error("/union", problem.message)
            return None

    def _once(self, part: Mapping[str, Any], path: str, shared: Mapping[str, Any]) -> None:
        """Warn of parameters that a part of a union gives other values than 'params' beside it does."""
        own = part.get("params")
        for name in own if isinstance(own, Mapping) else ():
            if name in shared and not is_ignored(name):
                message = f"this part's values of '{name}' count here, not those in 'params' beside 'union'"
                self._findings.warn(path + pointer("params", name), message)

    # --------------------------------------------------------------------------------------------------------- where

    def _query(self, document: Mapping[str, Any], path: str, axes: Sequence[Axis]) -> Checked | None:
        text = self._findings.text(document, "where", path)
        if not text:
            return None
        checked = read_condition(text, {axis.name: axis.type for axis in axes})
        if isinstance(checked, Checked):
            return checked
        self._findings.error(path + "/where", *_told(checked, text))
        return None

    def _kept(self, sweep: Sweep, query: Checked, path: str, *, may_be_empty: bool = False) -> Sweep:
        """Return what a condition keeps of a sweep of one block."""
        (block,) = sweep.blocks
        try:
            kept = kept_points(query, sweep.axes, block.digits)
        except FilterProblem as problem:
            self._findings.error(path + "/where", problem.message)
            return sweep
        if block.kept is not None:
            kept = kept.among(block.kept)
        if not kept.size and not may_be_empty:
            self._findings.error(path + "/where", f"none of the {_amount(sweep.points)} points is left: {query}")
            return sweep
        if kept.size == block.size:
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


def _product(groups: Sequence[Together], defaults: Sequence[Axis], repeat: int) -> Sweep:
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


def _normal(sweep: Sweep, document: Mapping[str, Any]) -> Sweep:
    """Return a sweep of one point as a plain one, as if its values had been written down; any other with its origin."""
    if sweep.layout is None:
        return sweep
    if sweep.points > 1:
        return Sweep(sweep.axes, sweep.repeat, sweep.layout, origin_of(document))
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
    """Write a size; one that nobody would read digit by digit as a power of ten."""
    return str(number) if number < 10**40 else f"about 10^{number.bit_length() * 30103 // 100000}"


def origin_of(document: Mapping[str, Any]) -> JsonObject:
    """Return what a definition says of its points, in its own words; of listed points, the names of the parameters."""
    origin: JsonObject = {key: document[key] for key in ("zip", "sample", "where") if key in document}
    if "points" in document:
        points = document["points"]
        names = points if isinstance(points, Mapping) else points[0]
        origin["points"] = [name for name in names if not is_ignored(name)]
    if "union" in document:
        origin["union"] = [origin_of(part) for part in document["union"]]
    return origin
