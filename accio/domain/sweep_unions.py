"""Unions of sweeps: their points one sweep after the other, those that an earlier one has left out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from accio.domain.axes import Axis
from accio.domain.layouts import Block, Digit, Layout, Listed
from accio.domain.problems import ValueProblem
from accio.domain.sampling import Sampled
from accio.domain.slices import Intervals
from accio.domain.sweeps import Sweep
from accio.late import dataclass

_MOST_LISTED = 200_000
"""Values that may be listed, on axes and as rows, where sweeps differ in the values of a parameter."""

_MOST_COMPARED = 100_000
"""Points of a sweep that are looked for in those before it."""


@dataclass(frozen=True, slots=True)
class _Merged:
    """The axis of a parameter in all parts, and for each part where its own values stand on it (None: as they are)."""

    axis: Axis
    places: Sequence[Mapping[int, int] | None]

    @property
    def listed(self) -> int:
        return 0 if all(each is None for each in self.places) else self.axis.size


def united(parts: Sequence[Sweep]) -> Sweep:
    """Return the union of sweeps of one block each; ValueProblem if it can't be made.

    A parameter with the same values in all parts keeps them, as a formula if they are one; those of any other are
    listed.
    """
    names = [axis.name for axis in parts[0].axes]
    for at, part in enumerate(parts):
        if odd := {axis.name for axis in part.axes}.symmetric_difference(names):
            name = min(odd)
            has, lacks = (0, at) if name in names else (at, 0)
            raise ValueProblem(f"sweep {has} gives '{name}' a value, and sweep {lacks} doesn't: expected one in each")
    merged = {name: _merge(parts, name) for name in names}
    _check_listed(sum(each.listed for each in merged.values()))
    blocks: list[Block] = []
    for at, part in enumerate(parts):
        (own,) = part.blocks
        digits = [_moved(digit, part, names, merged, at) for digit in own.digits]
        _check_listed(sum(digit.size * len(digit.axes) for digit in digits if isinstance(digit.rows, Listed)))
        block = Block(digits, own.kept)
        if block.size:
            block = Block(digits, own.kept, _intervals(_there(block, blocks, len(names))))
        if block.size:
            blocks.append(block)
    if not blocks:
        raise ValueProblem("none of the points of its sweeps is left")
    return Sweep(tuple(merged[name].axis for name in names), parts[0].repeat, Layout(blocks))


def _check_listed(values: int) -> None:
    if values > _MOST_LISTED:
        raise ValueProblem(
            f"where sweeps differ in the values of a parameter, at most {_MOST_LISTED} can be listed, found {values}"
        )


def _merge(parts: Sequence[Sweep], name: str) -> _Merged:
    axes = [axis for part in parts if (axis := part.axis(name)) is not None]
    if all(axis == axes[0] for axis in axes):
        return _Merged(axes[0], [None] * len(axes))
    occurring = [_occurring(part, name) for part in parts]
    _check_listed(sum(map(len, occurring)))
    texts: dict[str, int] = {}
    places = [
        {index: texts.setdefault(axis.value_at(index), len(texts)) for index in indices}
        for axis, indices in zip(axes, occurring, strict=True)
    ]
    return _Merged(Axis(name, axes[0].type, tuple(texts)), places)


def _occurring(part: Sweep, name: str) -> Sequence[int]:
    """Return the places of a parameter's values that a part may have: of a sample, those that were drawn."""
    place = next(at for at, axis in enumerate(part.axes) if axis.name == name)
    digit = next(digit for digit in part.blocks[0].digits if place in digit.axes)
    return sorted(set(digit.column(place))) if isinstance(digit.rows, Sampled) else range(part.axes[place].size)


def _moved(digit: Digit, part: Sweep, names: Sequence[str], merged: Mapping[str, _Merged], at: int) -> Digit:
    """Return a digit of a part as one of the union."""
    own = [part.axes[place].name for place in digit.axes]
    axes = [names.index(name) for name in own]
    maps = [merged[name].places[at] for name in own]
    if all(each is None for each in maps):
        return Digit(axes, digit.rows)
    columns = [
        column if each is None else [each[index] for index in column]
        for column, each in zip(digit.rows.columns(), maps, strict=True)
    ]
    return Digit(axes, Listed(columns))


def _there(block: Block, before: Sequence[Block], width: int) -> Iterator[int]:
    """Yield the points of a block that one before it has."""
    near = [other for other in before if not _are_apart(block, other)]
    if not near:
        return
    if block.size > _MOST_COMPARED:
        raise ValueProblem(
            f"a sweep of {block.size} points may have some of those before it, and at most {_MOST_COMPARED} are "
            "compared: put it first, or give a parameter values that no other sweep has"
        )
    indices = [0] * width
    for point in range(block.size):
        block.fill(point, indices)
        if any(other.find(indices) is not None for other in near):
            yield point


def _are_apart(one: Block, other: Block) -> bool:
    """Return whether some axis has no value that both have: then they have no point in common."""
    theirs = {place: digit.column(place) for digit in other.digits for place in digit.axes}
    for digit in one.digits:
        for place in digit.axes:
            column = digit.column(place)
            few = len(column) <= _MOST_LISTED and len(theirs[place]) <= _MOST_LISTED
            if few and set(column).isdisjoint(theirs[place]):
                return True
    return False


def _intervals(points: Iterable[int]) -> Intervals:
    """Return ascending points as intervals."""
    found: list[tuple[int, int]] = []
    for point in points:
        if found and found[-1][1] == point - 1:
            found[-1] = (found[-1][0], point)
        else:
            found.append((point, point))
    return found
