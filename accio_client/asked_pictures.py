"""Which picture of a sweep somebody asks for, by names that may be left out: the same for commands and pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from accio.errors import BadRequest
from accio.late import dataclass
from accio_client.analysis import pictures
from accio_client.analysis.pictures import Picture
from accio_client.selected import Selected

if TYPE_CHECKING:
    from accio_client.collected import Head

KINDS = ("states", "heat", "failures", "line", "cdf", "pdf", "importance", "scatter", "parallel", "trials")
WITHOUT_VALUE = ("states", "failures", "trials")
WHOLE_ONLY = ("trials", "importance")
"""What would be wrong of a sample: in few children, pairs of values explain whatever there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options of `accio plot`; *kind* None: what shows most."""

    kind: str | None = None
    x: str | None = None
    y: str | None = None
    by: str | None = None
    median: bool = False

    def results(self) -> tuple[str, ...]:
        """Return the names of the results that are drawn."""
        names = (self.y, self.x if self.kind in ("scatter", "trials") else None)
        return tuple(name for name in names if name is not None)

    def metrics(self) -> tuple[str, ...]:
        """Return those of the results that are metrics: such a name has a dot, and no slash."""
        return tuple(name for name in self.results() if "." in name and "/" not in name)

    def ports(self) -> tuple[str, ...]:
        """Return those of the results that are outputs."""
        return tuple(name for name in self.results() if name not in self.metrics())

    @property
    def may_be_of_study(self) -> bool:
        """Whether a study shows its trials when this is asked, by results that nobody named."""
        return self.kind == "trials" or (self.kind is None and self.y is None)

    def of(self, head: Head) -> Asked:
        """Return what is meant of this run: a study that isn't asked for anything shows its trials."""
        is_study = head.sweep.study is not None
        return replace(self, kind="trials") if self.kind is None and self.may_be_of_study and is_study else self

    def needed(self, head: Head) -> tuple[str, ...]:
        """Return the outputs that are to be read of this run: of a study's trials, all of its objectives."""
        study = head.sweep.study
        if self.kind != "trials" or study is None:
            return self.ports()
        return tuple(each.output for each in study.objectives)

    def with_members(self, head: Head) -> Asked:
        """Return the same where a result that is named by a member of a map alone, as in `accuracy`, has its whole name
        (`Fit/value.accuracy`); BadRequest if several have such a member.
        """
        return replace(self, x=_whole(head, self.x) if self.kind == "scatter" else self.x, y=_whole(head, self.y))


def _whole(head: Head, name: str | None) -> str | None:
    """Return the only member of a map that has this name; the name itself if there is none."""
    found = [each for each in head.types if (output := head.map_of(each)) and each == f"{output}.{name}"]
    if len(found) > 1:
        raise BadRequest(f"'{name}' could be any of {', '.join(found)}: name one")
    return found[0] if found else name


def draw(found: Selected, asked: Asked) -> Picture:
    """Return the picture; BadRequest and NotFound say which names can't be meant."""
    _check(asked)
    table, y = found.table, (_meant(found, asked.y) if asked.kind != "trials" else None) or ""
    common: dict[str, Any] = {"where": found.where, "query": found.query}
    makers: dict[str, Callable[[], Picture]] = {
        "states": lambda: pictures.state_map(table, x=asked.x, y=asked.by, **common),
        "failures": lambda: pictures.failure_map(table, x=asked.x, y=asked.by, **common),
        "heat": lambda: pictures.heat_map(table, y, x=asked.x, y=asked.by, **common),
        "line": lambda: pictures.line(table, y, x=asked.x, by=asked.by, median=asked.median, **common),
        "cdf": lambda: pictures.distribution(table, y, by=asked.by, **common),
        "pdf": lambda: pictures.distribution(table, y, density=True, by=asked.by, **common),
        "importance": lambda: pictures.importance_bars(table, y, **common),
        "scatter": lambda: pictures.scatter(table, _meant(found, asked.x) or "", y, **common),
        "parallel": lambda: pictures.parallel(table, y, **common),
        "trials": lambda: pictures.study_trials(table, x=asked.x, y=asked.y, pruned=found.collected.pruned, **common),
    }
    return makers[asked.kind or _kind(found, asked)]()


def _check(asked: Asked) -> None:
    if asked.kind is not None and asked.kind not in KINDS:
        raise BadRequest(f"expected a kind of {', '.join(KINDS)}, found {asked.kind!r}")
    if asked.y is None and asked.kind is not None and asked.kind not in WITHOUT_VALUE:
        raise BadRequest(f"a picture of kind {asked.kind} draws a result: name it as y, as in Node/port")
    if asked.kind == "scatter" and asked.x is None:
        raise BadRequest("a scatter plot draws two results against each other: name the other one as x")


def _kind(found: Selected, asked: Asked) -> str:
    """Return what shows most: states without a result; a line over one parameter, a map over two."""
    if asked.y is None:
        return "states"
    axes = len(found.table.axes)
    if not axes:
        return "cdf"
    return "heat" if axes == 2 and asked.x is None and asked.by is None else "line"


def _meant(found: Selected, name: str | None) -> str | None:
    """Return the column that a name means: a port or a node may be named alone where there is only one such."""
    if name is None or name in found.table.numbers:
        return name
    found.require_members([name])
    named = [each for each in found.numbers() if _is_named(each, name)] or found.numbers()
    if len(named) > 1:
        raise BadRequest(f"'{name}' could be any of {', '.join(named)}: name one")
    if not named and found.collected.head.map_of(name) is not None:
        raise BadRequest(f"no child has a value of '{name}' yet, so there is nothing to draw")
    if not named:
        raise BadRequest(f"'{name}' is text, and pictures show numbers: accio table {found.table.run} -points shows it")
    return named[0]


def _is_named(column: str, name: str) -> bool:
    """Return whether a column, `Node/port` or a member of it, is of *name*: a node, a port, or both."""
    node, _, port = column.partition("/")
    return name == node or any(each == name or each.startswith(f"{name}.") for each in (column, port))
