"""Reading the range forms of a run definition: `from`, `to`, and `step` or `count`, linear or geometric."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from math import ulp
from typing import Any, TypeVar

from accio.domain.axes import Axis
from accio.domain.datatypes import INTEGRAL, DataType, Kind
from accio.domain.findings import Findings
from accio.domain.issues import pointer
from accio.domain.numbers import finite_double, integer, number_of_json, whole_number
from accio.domain.problems import ValueProblem, quote
from accio.domain.quantities import distance_meters, parse_distance, parse_duration, parse_timestamp
from accio.domain.ranges import (
    GeometricPoints,
    LinearPoints,
    Points,
    WholePoints,
    evenly_geometric,
    evenly_linear,
    geometric,
    linear,
)

T = TypeVar("T")

RANGE_KEYS = ("from", "to", "step", "count", "log", "log2", "log10")
_WHOLE = INTEGRAL | {Kind.DURATION, Kind.TIMESTAMP}
_RANGES = _WHOLE | {Kind.DOUBLE, Kind.DISTANCE}
_LOG_RANGES = frozenset({Kind.DOUBLE, Kind.DISTANCE, Kind.DURATION})
_RATIOS = {"log": Decimal(10), "log10": Decimal(10), "log2": Decimal(2)}
# A geometric progression of whole numbers below 2^63 with a ratio of at least 65/64 has no more points than this:
# at ratio p/q in lowest terms, q^(n-1) divides the first point, and a whole ratio doubles at least.
_MOST_WHOLE_POINTS = 64


class RangeProblem(ValueError):
    """A range that can't be; `key` is the one to blame, or empty for the whole."""

    def __init__(self, message: str, key: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.key = key


_DENSE = (10**9, 10**6, 10**3)
"""Steps of a continuous range: the first number of which the type can tell the points apart."""


def read_range(
    name: str, datatype: DataType, form: Mapping[str, Any], path: str, findings: Findings, *, continuous: bool = False
) -> Axis | None:
    """Read a range for the parameter *name*; report what is wrong at *path* or below.

    A *continuous* one that has neither step nor count is of all whole numbers, or of very many points.
    """
    if datatype.kind not in _RANGES:
        kinds = "byte, integer, long, double, distance, duration and timestamp"
        findings.error(path, f"there are no ranges of {datatype}, only of {kinds}; list its values instead")
        return None
    before = len(findings.errors)
    flag = _log_flag(datatype, form, path, findings)
    for key in ("from", "to"):
        if key not in form:
            findings.error(path, f"expected a range with 'from' and 'to', found none of '{key}'")
    if "step" in form and "count" in form:
        findings.error(path, "expected 'step' or 'count', found both")
    elif "step" not in form and "count" not in form and flag == "" and not continuous:
        findings.error(path, f"a linear range of {datatype} needs a 'step' or a 'count'")
    read = _Reader(datatype, form, flag, path, findings)
    start, end, step, count = read.bound("from"), read.bound("to"), read.step(), read.count()
    if start is None or end is None or flag is None or len(findings.errors) > before:
        return None
    try:
        if continuous and step is None and count is None and (datatype.kind is not Kind.DURATION or not flag):
            return Axis(name, datatype, _dense(datatype, form, flag, start, end))
        return Axis(name, datatype, _Range(datatype, form, flag).points(start, end, step, count))
    except RangeProblem as problem:
        findings.error(path + (pointer(problem.key) if problem.key in form else ""), problem.message)
        return None


def _dense(datatype: DataType, form: Mapping[str, Any], flag: str, start: Decimal, end: Decimal) -> Points:
    """Return the points of a continuous range."""
    if start > end:
        raise RangeProblem(f"'from' ({quote(form['from'])}) is above 'to' ({quote(form['to'])})")
    if datatype.kind in _WHOLE:
        return WholePoints(start=int(start), step=1, size=int(end) - int(start) + 1)
    if start == end:
        return LinearPoints(start=start, step=Decimal(1), size=1, end=end)
    *finer, coarsest = _DENSE
    for steps in finer:
        try:
            return _dense_of(datatype, form, flag, start, end, steps)
        except RangeProblem:
            continue
    return _dense_of(datatype, form, flag, start, end, coarsest)


def _dense_of(
    datatype: DataType, form: Mapping[str, Any], flag: str, start: Decimal, end: Decimal, steps: int
) -> Points:
    found = _Range(datatype, form, flag).points(start, end, None, steps + 1)
    assert not isinstance(found, tuple), "only durations are listed"
    return found


def _log_flag(datatype: DataType, form: Mapping[str, Any], path: str, findings: Findings) -> str | None:
    """Return the flag of a log range, empty for a linear one; None if what is set can't be, which is reported."""
    before = len(findings.errors)
    for key in _RATIOS:
        if not isinstance(form.get(key, False), bool):
            findings.error(path + pointer(key), f"expected true or false, found {quote(form[key])}")
    flags = [key for key in _RATIOS if form.get(key) is True]
    if len(flags) > 1:
        findings.error(path, f"expected at most one of log, log2 and log10, found {' and '.join(flags)}")
    if flags and datatype.kind not in _LOG_RANGES:
        kinds = "double, distance and duration"
        findings.error(path + pointer(flags[0]), f"there are no {flags[0]} ranges of {datatype}, only of {kinds}")
    if len(findings.errors) > before:
        return None
    return flags[0] if flags else ""


class _Reader:
    """Reads the keys of a form one by one, each as far as it can be told without the others; reports what is wrong."""

    def __init__(
        self, datatype: DataType, form: Mapping[str, Any], flag: str | None, path: str, findings: Findings
    ) -> None:
        self._kind = datatype.kind
        self._form = form
        self._flag = flag
        self._path = path
        self._findings = findings

    def bound(self, key: str) -> Decimal | None:
        """Read `from` or `to`, exact in the canonical unit; None if it can't be read, or isn't there."""
        return self._read(key, self._quantity)

    def step(self) -> Decimal | None:
        """Read the step, or the ratio of a log range; what it should be isn't known if the flags are wrong."""
        if self._flag is None:
            return None
        return self._read("step", self._ratio if self._flag else self._stride)

    def count(self) -> int | None:
        return self._read("count", lambda value: whole_number(value, 1))

    def _read(self, key: str, read: Callable[[Any], T]) -> T | None:
        if key not in self._form:
            return None
        try:
            return read(self._form[key])
        except ValueProblem as problem:
            self._findings.error(self._path + pointer(key), f"'{key}': {problem.message}")
            return None

    def _quantity(self, value: Any) -> Decimal:
        found = self._exact(value)
        if self._flag and found <= 0:
            raise ValueProblem(f"expected a bound above 0 in a {self._flag} range, found {quote(value)}")
        return found

    def _exact(self, value: Any) -> Decimal:
        if self._kind in INTEGRAL:
            return Decimal(integer(self._kind, value))
        if self._kind is Kind.DURATION:
            return Decimal(parse_duration(value).ms)
        if self._kind is Kind.TIMESTAMP:
            return Decimal(parse_timestamp(value).epoch_ms)
        if self._kind is Kind.DISTANCE:
            parse_distance(value)  # refuses what no double can hold
            return distance_meters(value)
        finite_double(value)
        return _plain(value)

    def _stride(self, value: Any) -> Decimal:
        if self._kind is Kind.DISTANCE:
            step = distance_meters(value)
        elif self._kind in (Kind.DURATION, Kind.TIMESTAMP):
            step = Decimal(parse_duration(value).ms)
        else:
            step = _plain(value)
        if step == 0:
            raise ValueProblem(f"expected a step other than zero, found {quote(value)}")
        return step

    def _ratio(self, value: Any) -> Decimal:
        ratio = _plain(value)
        if ratio <= 1:
            raise ValueProblem(f"expected the ratio of a {self._flag} range, above 1, found {quote(value)}")
        return ratio


def _plain(value: Any) -> Decimal:
    number = number_of_json(value)
    if number is None:
        raise ValueProblem(f"expected a number, found {quote(value)}")
    return number.exact


class _Range:
    """The points of one range whose keys are right by themselves."""

    def __init__(self, datatype: DataType, form: Mapping[str, Any], flag: str) -> None:
        self._type = datatype
        self._kind = datatype.kind
        self._form = form
        self._flag = flag

    def points(self, start: Decimal, end: Decimal, step: Decimal | None, count: int | None) -> Points | tuple[str, ...]:
        """Return the points, with a step (a ratio, for log ranges) or a count; RangeProblem if they can't be."""
        if count is not None:
            self._count_fits(count, start, end)
        if self._flag:
            return self._log_points(start, end, step or _RATIOS[self._flag], count)
        if count is not None:
            return self._counted(start, end, count)
        assert step is not None, "a linear range has a step or a count"
        return self._stepped(start, end, step)

    def _shown(self, key: str) -> str:
        return f"'{key}' ({quote(self._form[key])})"

    # -------------------------------------------------------------------------------------------------- linear ranges

    def _stepped(self, start: Decimal, end: Decimal, step: Decimal) -> LinearPoints | WholePoints:
        if (end - start) * (1 if step > 0 else -1) < 0:
            order, sign = ("above", "positive") if start > end else ("below", "negative")
            message = f"{self._shown('from')} is {order} {self._shown('to')}, and {self._shown('step')} is {sign}"
            raise RangeProblem(message)
        if self._kind not in _WHOLE:
            points = linear(start, end, step)
            self._distinct(start, end, step, points.size)
            return points
        if start == end:
            return WholePoints(start=int(start), step=0, size=1)
        if step != step.to_integral_value():
            message = f"{self._shown('step')} gives points that {self._type} can't hold exactly"
            raise RangeProblem(message, "step")
        size = (int(end) - int(start)) // int(step) + 1
        return WholePoints(start=int(start), step=int(step), size=size)

    def _counted(self, start: Decimal, end: Decimal, count: int) -> LinearPoints | WholePoints:
        if self._kind not in _WHOLE:
            if count == 1:
                return LinearPoints(start=start, step=Decimal(1), size=1, end=end)
            points = evenly_linear(start, end, count)
            self._distinct(start, end, points.step, count)
            return points
        if count == 1:
            return WholePoints(start=int(start), step=0, size=1)
        step, rest = divmod(int(end) - int(start), count - 1)
        if rest:
            bounds = f"from {quote(self._form['from'])} to {quote(self._form['to'])}"
            message = f"{count} evenly spaced points {bounds} are not all whole, and {self._type} can't hold the others"
            raise RangeProblem(message, "count")
        return WholePoints(start=int(start), step=step, size=count)

    def _count_fits(self, count: int, start: Decimal, end: Decimal) -> None:
        if count == 1 and start != end:
            message = f"'count': one point can't be both {self._shown('from')} and {self._shown('to')}"
            raise RangeProblem(message, "count")
        if count > 1 and start == end:
            message = f"'count': there is one point only from {self._shown('from')} to {self._shown('to')}, not {count}"
            raise RangeProblem(message, "count")

    def _distinct(self, start: Decimal, end: Decimal, step: Decimal, size: int) -> None:
        largest = max(abs(float(start)), abs(float(end)))
        if size > 1 and abs(step) < Decimal(ulp(largest)):
            message = f"the step is so small that {self._type} can't tell its points apart near {largest!r}"
            raise RangeProblem(message, "step" if "step" in self._form else "count")

    # ----------------------------------------------------------------------------------------------- geometric ranges

    def _log_points(
        self, start: Decimal, end: Decimal, ratio: Decimal, count: int | None
    ) -> GeometricPoints | tuple[str, ...]:
        points = self._log_stepped(start, end, ratio) if count is None else _log_counted(start, end, count)
        if self._kind is Kind.DURATION:
            return self._whole_texts(points, int(start), int(end))
        gap = abs(points.ratio - 1)
        smallest = min(start, end)
        if points.size > 1 and (gap < Decimal(2) ** -52 or smallest * gap < Decimal(ulp(float(smallest)))):
            message = f"the ratio is so close to 1 that {self._type} can't tell the points apart"
            raise RangeProblem(message, "step" if "step" in self._form else "count")
        return points

    def _log_stepped(self, start: Decimal, end: Decimal, ratio: Decimal) -> GeometricPoints:
        if start > end:
            raise RangeProblem(f"{self._shown('from')} is above {self._shown('to')}")
        return geometric(start, end, ratio)

    def _whole_texts(self, points: GeometricPoints, start: int, end: int) -> tuple[str, ...]:
        """List a geometric progression of whole milliseconds: there are few, since each must be exact."""
        problem = RangeProblem(
            f"not all points of this {self._flag} range are whole milliseconds, and {self._type} can't hold the others",
            "step" if "step" in self._form else "count",
        )
        if points.size > _MOST_WHOLE_POINTS:
            raise problem
        if "count" in self._form:
            last = points.size - 1
            whole = [int(points.at(index).to_integral_value()) for index in range(points.size)]
            exact = all(point**last == start ** (last - at) * end**at for at, point in enumerate(whole))
        else:
            ratio = Fraction(points.ratio)
            progression = [start * ratio**index for index in range(points.size)]
            whole = [int(point) for point in progression]
            exact = all(point.denominator == 1 for point in progression)
        if not exact:
            raise problem
        return tuple(str(point) for point in whole)


def _log_counted(start: Decimal, end: Decimal, count: int) -> GeometricPoints:
    if count == 1:
        return GeometricPoints(start=start, ratio=Decimal(1), size=1, end=end)
    return evenly_geometric(start, end, count)
