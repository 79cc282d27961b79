"""Reading which parameters of a sweep go together: by `zip`, as explicit `points`, or because they are sampled."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from accio.domain.axes import Axis
from accio.domain.findings import Findings, is_ignored
from accio.domain.issues import pointer
from accio.domain.layouts import Alike, Digit, Listed
from accio.domain.names import suggest
from accio.domain.numbers import seed_number, whole_number
from accio.domain.param_forms import Column, ParamForms
from accio.domain.problems import ValueProblem, quote
from accio.domain.sampling import Method, Sampled
from accio.domain.sobol import DIMENSIONS
from accio.late import dataclass

MOST_LISTED = 200_000
"""Values that may be listed as rows (`points`, and `zip` of values that repeat): they are kept with the run."""

_MOST_SAMPLED = 100_000


@dataclass(frozen=True, slots=True)
class Together:
    """Parameters whose values go together, row by row; the first one's place is that of all."""

    columns: tuple[Column, ...]
    sample: "_Sample | None" = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.axis.name for column in self.columns)

    def digit(self, first: int) -> Digit:
        """Return the digit of axes that stand at *first* and behind it; equal rows collapse."""
        axes = range(first, first + len(self.columns))
        if self.sample is not None:
            return Digit(axes, self.sample.of(self.columns))
        if any(column.rows is None for column in self.columns):  # then no two rows are equal
            different = all(column.rows is None for column in self.columns)
            rows = [column.indices() for column in self.columns]
            return Digit(axes, Alike(len(rows), self.columns[0].size) if different else Listed(rows))
        unique = dict.fromkeys(zip(*(column.indices() for column in self.columns), strict=True))
        return Digit(axes, Listed(tuple(zip(*unique, strict=True))))


@dataclass(frozen=True, slots=True)
class _Sample:
    """How points are drawn; `params` None: of all parameters that vary and aren't zipped."""

    method: Method
    size: int
    seed: int
    params: tuple[str, ...] | None

    def of(self, columns: Sequence[Column]) -> Sampled:
        """Return the sample of some axes."""
        return Sampled(
            method=self.method,
            size=self.size,
            seed=self.seed,
            names=tuple(column.axis.name for column in columns),
            sizes=tuple(column.axis.size for column in columns),
        )


class Groups:
    """Reads the groups of one sweep, at a path of the definition; reports what is wrong."""

    def __init__(self, forms: ParamForms, findings: Findings, path: str) -> None:
        """Read parameters by *forms*; *path* leads to a part of a union, and is empty for the whole."""
        self._forms = forms
        self._findings = findings
        self._path = path

    def read(self, document: Mapping[str, Any], params: Mapping[str, Any]) -> list[Together]:
        """Return the groups in the order in which they vary, the slowest first.

        *params* has those of the whole, too, which a part of a union shares.
        """
        own = document.get("params", {})
        self._errors_before = len(self._findings.errors)
        self._own = frozenset(own) if isinstance(own, Mapping) else frozenset()
        points = self._points(document)
        zipped = self._zipped(document, params)
        sample = self._sample(document, params, zipped)
        self._sample_is_wrong = sample is None and "sample" in document
        taken = {name for each in points for name in each.names}
        return [*points, *self._groups(params, zipped, sample, taken)]

    def _groups(
        self,
        params: Mapping[str, Any],
        zipped: Mapping[str, tuple[str, ...]],
        sample: _Sample | None,
        taken: set[str],
    ) -> Iterator[Together]:
        """Read the forms, those that go together at the place of the first of them."""
        columns: dict[str, Column] = {}
        for name, form in params.items():
            path = (self._path if name in self._own else "") + pointer("params", name)
            if is_ignored(name) or (param := self._forms.param(name, path)) is None:
                continue
            if name in taken:
                self._findings.error(path, f"'points' gives parameter '{name}' its values, so 'params' can't")
                continue
            # What a sample would draw from needs no step, also if something is wrong with the sample.
            continuous = _draws(sample, name, zipped) or self._sample_is_wrong
            if (column := self._forms.column(param, form, path, continuous=continuous)) is not None:
                columns[name] = _first_of(column) if self._sample_is_wrong else column
        drawn = [each for name, each in columns.items() if each.axis.size > 1 and _draws(sample, name, zipped)]
        if sample is not None and sample.size > 1 and not drawn and len(self._findings.errors) == self._errors_before:
            what = f"a parameter with several values, or a range, to draw {sample.size} points from"
            self._findings.error(self._path + "/params", f"expected {what}, found none")
        done: set[str] = set()
        for name, column in columns.items():
            if name in done:
                continue
            if sample is not None and any(column is each for each in drawn):
                done.update(each.axis.name for each in drawn)
                if self._may_draw(sample, drawn):
                    yield Together(tuple(Column(each.axis, None) for each in drawn), sample)
                continue
            group = [columns[each] for each in zipped.get(name, ()) if each in columns]
            if len(group) < 2:
                yield Together((Column(column.axis, None),))
                continue
            done.update(zipped[name])
            if self._same_sizes(group):
                yield Together(tuple(group))

    def _may_draw(self, sample: _Sample, drawn: Sequence[Column]) -> bool:
        path = self._path + "/sample"
        if sample.method is Method.SOBOL and len(drawn) > DIMENSIONS:
            message = f"a Sobol' sequence has at most {DIMENSIONS} parameters, found {len(drawn)}"
            self._findings.error(path, message)
            return False
        if why := sample.of(drawn).repeats():
            more = "" if sample.method is Method.RANDOM else "; 'random' never draws a point twice"
            self._findings.error(path + "/n", f"{sample.size} different points can't be drawn: {why}{more}")
        return not why

    def _sample(
        self, document: Mapping[str, Any], params: Mapping[str, Any], zipped: Mapping[str, tuple[str, ...]]
    ) -> _Sample | None:
        """Read `sample`, but for the parameters' values."""
        if "sample" not in document:
            return None
        path = self._path + "/sample"
        given = self._findings.object(document["sample"], path, "'method' and 'n' of a sample")
        if given is None:
            return None
        self._findings.known_keys(given, ("method", "n", "seed", "params"), path, "a sample")
        method = self._method(given, path)
        try:
            size = whole_number(given.get("n"), 1, _MOST_SAMPLED, of=" of points")
        except ValueProblem as problem:
            self._findings.problem(path + "/n", problem)
            return None
        try:
            seed = seed_number(given.get("seed", 0))
        except ValueProblem as problem:
            self._findings.problem(path + "/seed", problem)
            return None
        names = self._drawn_names(given, path, params, zipped)
        return None if method is None else _Sample(method, size, seed, names)

    def _method(self, given: Mapping[str, Any], path: str) -> Method | None:
        found = given.get("method")
        if isinstance(found, str) and found in Method.__members__.values():
            return Method(found)
        meant = suggest(found, Method) if isinstance(found, str) else None
        self._findings.error(path + "/method", f"expected one of {', '.join(Method)}, found {quote(found)}", meant)
        return None

    def _drawn_names(
        self,
        given: Mapping[str, Any],
        path: str,
        params: Mapping[str, Any],
        zipped: Mapping[str, tuple[str, ...]],
    ) -> tuple[str, ...] | None:
        if "params" not in given:
            return None
        listed = self._findings.array(given["params"], path + "/params", "names of parameters") or []
        for at, name in enumerate(listed):
            where = path + pointer("params", at)
            if not isinstance(name, str) or name not in params:
                self._findings.error(where, f"expected a parameter of 'params', found {quote(name)}")
            elif name in zipped:
                self._findings.error(where, f"parameter '{name}' is zipped, so it can't be drawn by itself")
        return tuple(name for name in listed if isinstance(name, str))

    def _same_sizes(self, group: Sequence[Column]) -> bool:
        sizes = {column.axis.name: column.size for column in group}
        if len(set(sizes.values())) == 1:
            listed = sum(column.size for column in group if column.rows is not None)
            return self._few(self._path + "/zip", listed)
        counts = ", ".join(f"{name} has {size}" for name, size in sizes.items())
        self._findings.error(
            self._path + "/zip", f"parameters that go together need the same number of values, found: {counts}"
        )
        return False

    def _few(self, path: str, listed: int) -> bool:
        if listed > MOST_LISTED:
            message = f"expected at most {MOST_LISTED} listed values (rows × parameters), found {listed}"
            self._findings.error(path, message)
        return listed <= MOST_LISTED

    def _zipped(self, document: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        """Return for each zipped parameter the group of parameters that it is zipped with."""
        given = self._findings.array(
            document.get("zip", []), self._path + "/zip", 'names such as ["a", "b"], or lists of them'
        )
        nested = bool(given) and all(isinstance(each, list) for each in given or ())
        zipped: dict[str, tuple[str, ...]] = {}
        for at, group in enumerate((given if nested else [given] if given else None) or ()):
            path = self._path + pointer("zip", at) if nested else self._path + "/zip"
            names = tuple(name for name in group if isinstance(name, str))
            before = len(self._findings.errors)
            for place, each in enumerate(group):
                if not isinstance(each, str):
                    self._findings.error(
                        path + pointer(place), f"expected the name of a parameter, found {quote(each)}"
                    )
            if len(group) < 2:
                self._findings.error(path, f"expected the names of two or more parameters, found {quote(group)}")
            if len(self._findings.errors) > before:
                continue
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

    def _points(self, document: Mapping[str, Any]) -> list[Together]:
        """Read `points`: an array of objects, or an object of arrays, as tables have them."""
        if "points" not in document:
            return []
        given = document["points"]
        if isinstance(given, str):
            hint = "give it to the command line or the Python client, which read such files"
            self._findings.error(
                self._path + "/points", f"expected rows, found the name of a file ({quote(given)}): {hint}"
            )
            return []
        by_columns = isinstance(given, Mapping)
        columns = self._of_columns(given) if isinstance(given, Mapping) else self._of_rows(given)
        if columns is None:
            return []
        read: list[Column] = []
        good = self._few(self._path + "/points", sum(map(len, columns.values())))
        for name, values in columns.items() if good else ():
            whole = self._path + pointer("points", name) if by_columns else self._path + "/points"
            param = self._forms.param(name, whole if by_columns else self._path + pointer("points", 0, name))
            column = None
            if param is not None:
                column = self._forms.listed(param, values, whole, self._placed(name, by_columns=by_columns))
            if column is None:
                good = False
            else:
                read.append(column)
        return [Together(tuple(read))] if good and read else []

    def _placed(self, name: str, *, by_columns: bool) -> Callable[[int], str]:
        """Return where the value of a parameter stands, by its row."""
        return lambda at: self._path + (pointer("points", name, at) if by_columns else pointer("points", at, name))

    def _of_columns(self, given: Mapping[str, Any]) -> dict[str, list[Any]] | None:
        columns = {
            name: self._findings.array(
                values, self._path + pointer("points", name), "the values of a parameter, row by row"
            )
            for name, values in given.items()
            if not is_ignored(name)
        }
        sizes = {name: len(values) for name, values in columns.items() if values is not None}
        if len(sizes) < len(columns):
            return None
        if not sizes or not all(sizes.values()):
            self._findings.error(self._path + "/points", f"expected at least one point, found {quote(given)}")
            return None
        if len(set(sizes.values())) > 1:
            counts = ", ".join(f"{name} has {size}" for name, size in sizes.items())
            self._findings.error(self._path + "/points", f"expected as many values of each parameter, found: {counts}")
            return None
        return {name: values for name, values in columns.items() if values is not None}

    def _of_rows(self, given: Any) -> dict[str, list[Any]] | None:
        rows = self._findings.array(given, self._path + "/points", "points, each an object of parameters")
        if rows is None:
            return None
        if not rows:
            self._findings.error(self._path + "/points", "expected at least one point, found an empty list")
            return None
        names = [name for name in rows[0] if not is_ignored(name)] if isinstance(rows[0], Mapping) else []
        if not names:
            message = f'expected a value of each parameter, such as {{"a": 1, "b": 2}}, found {quote(rows[0])}'
            self._findings.error(self._path + pointer("points", 0), message)
            return None
        good = True
        for at, row in enumerate(rows):
            if not isinstance(row, Mapping) or {name for name in row if not is_ignored(name)} != set(names):
                message = f"expected a point with {', '.join(names)}, as the first one, found {quote(row)}"
                self._findings.error(self._path + pointer("points", at), message)
                good = False
        return {name: [row[name] for row in rows] for name in names} if good else None


def _first_of(column: Column) -> Column:
    """Return a column with the first value only: how many there would be isn't known."""
    axis = column.axis
    return Column(Axis(axis.name, axis.type, (next(iter(axis.values())),)), None)


def _draws(sample: _Sample | None, name: str, zipped: Mapping[str, tuple[str, ...]]) -> bool:
    """Return whether a parameter is drawn, if it has more than one value."""
    if sample is None:
        return False
    return name not in zipped if sample.params is None else name in sample.params
