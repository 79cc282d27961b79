"""Sweeps as formulas: any child is computed from its number, and no work is proportional to how many there are.

A sweep is the cross product of its axes times `repeat`, unless a layout says which of its points there are and in what
order (`accio.domain.layouts`). The first axis varies slowest, repetitions innermost; children count from 0, repetitions
from 1. A run of a single combination is a sweep of size 1.
Axes hold the *effective* values of the parameters: those of the run definition in its order, then the defaults of the
workflow's parameters that the run doesn't mention. So a value has the same part in seeds whether it was written down or
came from a default.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from typing import Any, TypeAlias

from accio.domain.axes import Axis
from accio.domain.jsontext import canonical_dump
from accio.domain.jsontypes import JsonObject
from accio.domain.labels import label_text
from accio.domain.layouts import Alike, Block, Digit, Layout, Listed
from accio.domain.precision import Until
from accio.domain.seeds import SeedTemplate
from accio.domain.slices import Chained, Level, Numbered
from accio.domain.studies import Study

Coordinates: TypeAlias = tuple[tuple[int, ...], int]


class Sweep:
    """All combinations of some axes (or those of a layout), each repeated. Immutable."""

    __slots__ = (
        "_base",
        "_places",
        "_seeds",
        "_strides",
        "axes",
        "layout",
        "origin",
        "points",
        "repeat",
        "size",
        "study",
        "until",
        "varying",
    )

    def __init__(
        self,
        axes: tuple[Axis, ...],
        repeat: int = 1,
        layout: Layout | None = None,
        origin: JsonObject | None = None,
        until: Until | None = None,
        study: Study | None = None,
    ) -> None:
        """Combine axes of different names; *layout* None: all combinations, the first axis varies slowest.

        *origin* is what the definition said of a layout, for people; nothing is computed from it. With *until*, points
        may need fewer repetitions than there are numbers for. The points are the trials of a *study*, if there is one:
        those that are known so far, where later ones depend on what earlier ones gave.
        """
        self.axes = axes
        self.repeat = repeat
        self.until = until
        self.study = study
        self.layout = layout
        self.origin: JsonObject = origin or {}
        self.points = prod(axis.size for axis in axes) if layout is None else layout.size
        self.size = self.points * repeat
        self.varying = tuple(axis for axis in axes if axis.size > 1)
        strides: list[int] = []
        stride = prod(axis.size for axis in axes) * repeat
        for axis in axes:
            stride //= axis.size
            strides.append(stride)
        self._places = tuple((stride, axis.size) for axis, stride in zip(axes, strides, strict=True))
        # Of the varying axes only: the others stand in the base.
        self._strides = tuple(
            (axis, stride, axis.size) for axis, stride in zip(axes, strides, strict=True) if axis.size > 1
        )
        self._base = {axis.name: axis.value_at(0) for axis in axes}
        self._seeds: SeedTemplate | None = None

    def repeated_until(self, until: Until | None) -> "Sweep":
        """Return the same points, each repeated until it is precise."""
        return Sweep(self.axes, self.repeat, self.layout, self.origin, until)

    def studied(self, study: Study) -> "Sweep":
        """Return the same points as the trials of a study."""
        return Sweep(self.axes, self.repeat, self.layout, {"optimize": study.to_json()}, study=study)

    def with_trial(self, row: Sequence[int]) -> "Sweep":
        """Return the sweep of a study with a further trial behind the others: its places on the axes that vary."""
        assert self.layout is not None, "a study that asks lists its trials"
        (block,) = self.layout.blocks
        *fixed, trials = block.digits
        columns = [(*column, place) for column, place in zip(trials.rows.columns(), row, strict=True)]
        layout = Layout([Block([*fixed, Digit(trials.axes, Listed(columns))])])
        return Sweep(self.axes, self.repeat, layout, self.origin, study=self.study)

    @property
    def asks(self) -> bool:
        """Whether it grows by what a sampler says."""
        return self.study is not None and self.study.sampler.is_asked

    @property
    def budget(self) -> int:
        """How many children there will be at most: more than there are so far, of a study that asks for trials."""
        return self.size if self.study is None else max(self.size, self.study.trials * self.repeat)

    @property
    def is_single(self) -> bool:
        """Whether it is exactly one combination."""
        return self.budget == 1

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks of points, one after the other; a sweep without a layout is one block, with a digit per axis."""
        if self.layout is not None:
            return self.layout.blocks
        return (Block([Digit((place,), Alike(1, axis.size)) for place, axis in enumerate(self.axes)]),)

    def children(self, root: Callable[[Block], Level | None]) -> Numbered:
        """Return the children that *root* takes of each block's digits, then of the repetitions."""
        parts = [(block.size * self.repeat, block.children(root(block), self.repeat)) for block in self.blocks]
        return parts[0][1] if len(parts) == 1 else Chained(parts)

    def with_indices(self, fixed: Mapping[int, int]) -> Numbered:
        """Return the children that have these indices on some axes, given by the places of these."""
        return self.children(lambda block: block.with_indices(fixed, self.repeat))

    def coordinates(self, number: int) -> Coordinates:
        """Return the indices of child *number* on all axes, and its repetition (from 1)."""
        return self.indices(number), number % self.repeat + 1

    def indices(self, number: int) -> tuple[int, ...]:
        """Return the indices of child *number* on all axes."""
        if not 0 <= number < self.size:
            self._check(number)
        if self.layout is not None:
            return self.layout.indices(number // self.repeat, len(self.axes))
        return tuple([number // stride % size for stride, size in self._places])

    def number(self, indices: tuple[int, ...], repetition: int = 1) -> int:
        """Return the number of the child at these coordinates: the inverse of `coordinates`.

        KeyError if a layout has no such point.
        """
        if self.layout is not None:
            found = self.layout.find(indices)
            if found is None:
                raise KeyError(indices)
            return found * self.repeat + repetition - 1
        point = 0
        for axis, index in zip(self.axes, indices, strict=True):
            point = point * axis.size + index
        return point * self.repeat + repetition - 1

    def _check(self, number: int) -> None:
        if not 0 <= number < self.size:
            raise IndexError(f"a sweep of {self.size} has no child {number}")

    def repetition(self, number: int) -> int:
        """Return the repetition of child *number*, from 1."""
        return number % self.repeat + 1

    def stride(self, axes: frozenset[int]) -> int:
        """Return how many children one after the other surely agree on the axes at these places."""
        if self.layout is not None:
            return self.layout.stride(axes) * self.repeat
        return prod(axis.size for axis in self.axes[max(axes, default=-1) + 1 :]) * self.repeat

    def child(self, number: int) -> dict[str, str]:
        """Return the effective parameters of child *number*: name to canonical text, or to NO_VALUE."""
        self._check(number)
        params = self._base.copy()
        for axis, index in self._indices(number):
            params[axis.name] = axis.value_at(index)
        return params

    def _indices(self, number: int) -> Iterator[tuple[Axis, int]]:
        """Yield the index of a child on each axis that varies."""
        if self.layout is None:
            for axis, stride, size in self._strides:
                yield axis, number // stride % size
            return
        indices = self.layout.indices(number // self.repeat, len(self.axes))
        for axis, index in zip(self.axes, indices, strict=True):
            if axis.size > 1:
                yield axis, index

    def child_seed(self, number: int, parent_seed: int) -> int:
        """Return the seed of child *number* of a parent (docs/seeds.md)."""
        return self._template().seed(parent_seed, self.child(number), number % self.repeat + 1)

    def seed_of(self, number: int, run_seed: int) -> int:
        """Return the seed of child *number* of a run: a single one's is the run's own."""
        return run_seed if self.is_single else self.child_seed(number, run_seed)

    def child_seeds(self, numbers: Sequence[int], parent_seed: int) -> list[int]:
        """Return the seeds of many children: the same as `child_seed`, for a third of its price."""
        varying = {axis.name: list(map(axis.value_at, places)) for axis, places in self.places(numbers)}
        repetitions = [number % self.repeat + 1 for number in numbers]
        return self._template().seeds(parent_seed, self._base, varying, repetitions)

    def _template(self) -> SeedTemplate:
        if self._seeds is None:
            self._seeds = SeedTemplate({axis.name: axis.type for axis in self.axes})
        return self._seeds

    def places(self, numbers: Sequence[int]) -> Iterator[tuple[Axis, list[int]]]:
        """Return, for each axis that varies, the index of each of these children on it."""
        if self.layout is None:
            for axis, stride, size in self._strides:
                yield axis, [number // stride % size for number in numbers]
            return
        width, repeat, indices = len(self.axes), self.repeat, self.layout.indices
        found = [indices(number // repeat, width) for number in numbers]
        for place, axis in enumerate(self.axes):
            if axis.size > 1:
                yield axis, [each[place] for each in found]

    def label(self, number: int) -> str:
        """Return what tells child *number* from its siblings: `epsilon=0.01 #2`; empty for a single run."""
        self._check(number)
        parts = [
            f"{axis.name}={label_text(axis.type, axis.value_at(index), index)}" for axis, index in self._indices(number)
        ]
        if self.repeat > 1:
            parts.append(f"#{number % self.repeat + 1}")
        return " ".join(parts)

    def axis(self, name: str) -> Axis | None:
        """Find an axis by name."""
        return next((axis for axis in self.axes if axis.name == name), None)

    def to_json(self) -> JsonObject:
        """Return an exact form that `from_json` reads; ranges stay formulas."""
        document: JsonObject = {"axes": [axis.to_json() for axis in self.axes], "repeat": self.repeat}
        if self.layout is not None:
            document["layout"] = self.layout.to_json()
        if self.origin:
            document["origin"] = self.origin
        if self.until is not None:
            document["until"] = self.until.to_json()
        if self.study is not None:
            document["study"] = self.study.to_json()
        return document

    def to_text(self) -> str:
        """Return `to_json` as compact text, for the database."""
        return canonical_dump(self.to_json())

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Sweep":
        """Read what `to_json` gave."""
        layout = Layout.from_json(document["layout"]) if "layout" in document else None
        axes = tuple(Axis.from_json(axis) for axis in document["axes"])
        until = Until.from_json(document["until"]) if "until" in document else None
        study = Study.from_json(document["study"]) if "study" in document else None
        return cls(axes, document["repeat"], layout, document.get("origin"), until, study)

    @classmethod
    def from_text(cls, text: str) -> "Sweep":
        """Read what `to_text` gave."""
        return cls.from_json(json.loads(text))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sweep) or (self.repeat, self.until, self.study) != (
            other.repeat,
            other.until,
            other.study,
        ):
            return False
        if self.axes != other.axes:
            return False
        return (self.layout and self.layout.to_json()) == (other.layout and other.layout.to_json())

    def __hash__(self) -> int:
        return hash((self.axes, self.repeat, self.size))

    def __repr__(self) -> str:
        factors = " × ".join(f"{axis.name}:{axis.size}" for axis in self.axes)
        return f"Sweep({self.size} {'=' if self.layout is None else 'of'} {factors} × {self.repeat})"
