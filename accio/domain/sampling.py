"""Samples of a sweep's axes: point *n* is a formula of the seed and of *n*, so that none is kept.

Three ways, each of which gives a point an index on every axis:

- `random`: a pseudo-random permutation of all combinations (a Feistel network over two digits, walked until it ends
  inside; Black and Rogaway 2002). No point comes twice, and a larger sample begins with the smaller one.
- `lhs`: a Latin hypercube. Each axis is cut into as many strata as there are points; each stratum is met once, in the
  order of a permutation of its own, at a place inside it by hash. A larger sample has other strata, so other points.
- `sobol`: a Sobol' sequence, shifted by a number of the seed for each axis. A larger sample begins with the smaller
  one.

An axis of a continuous range has so many points that the rest is of no account.
"""

from array import array
from collections.abc import Sequence
from enum import StrEnum
from functools import cached_property
from hashlib import blake2b, shake_256
from math import isqrt, prod
from typing import TypeAlias

from accio.domain import sobol
from accio.domain.jsontypes import JsonObject
from accio.late import dataclass

Row: TypeAlias = tuple[int, ...]

_ROUNDS = 4
_BITS = 2**64 - 1
_SMALL = 2**48  # numbers of which the rest of 64 bits is even enough


class Method(StrEnum):
    """How points are drawn."""

    RANDOM = "random"
    LHS = "lhs"
    SOBOL = "sobol"


@dataclass(frozen=True, kw_only=True)  # no slots: cached_property needs a dictionary
class Sampled:
    """Rows of a digit: *size* points on axes of some sizes; an axis is told from others by its name."""

    method: Method
    size: int
    seed: int
    names: tuple[str, ...]
    sizes: tuple[int, ...]

    def at(self, index: int) -> Row:
        """Return the indices of a point on all axes."""
        if not 0 <= index < self.size:
            raise IndexError(index)
        match self.method:
            case Method.RANDOM:
                return self._digits(self._combinations.at(index))
            case Method.LHS:
                return tuple([self._in_stratum(axis, index) for axis in range(len(self.sizes))])
            case Method.SOBOL:
                return tuple([self._shifted(axis, sobol.coordinate(axis, index)) for axis in range(len(self.sizes))])

    def columns(self) -> Sequence[Sequence[int]]:
        """Return all points, by axes; computed once."""
        return self._columns

    @cached_property
    def _columns(self) -> Sequence[Sequence[int]]:
        if self.method is Method.SOBOL:
            return [
                array("q", [self._shifted(axis, point) for point in sobol.coordinates(axis, self.size)])
                for axis in range(len(self.sizes))
            ]
        columns = [array("q") for _ in self.sizes]
        for index in range(self.size):
            for column, value in zip(columns, self.at(index), strict=True):
                column.append(value)
        return columns

    def to_json(self) -> JsonObject:
        """Return the members of a digit's JSON that say the rows."""
        return {
            "sample": {
                "method": self.method.value,
                "n": self.size,
                "seed": self.seed,
                "names": list(self.names),
                "sizes": list(self.sizes),
            }
        }

    @classmethod
    def from_json(cls, document: JsonObject) -> "Sampled":
        """Read what `to_json` gave under `sample`."""
        return cls(
            method=Method(document["method"]),
            size=document["n"],
            seed=document["seed"],
            names=tuple(document["names"]),
            sizes=tuple(document["sizes"]),
        )

    def repeats(self) -> str:
        """Return why two points might be equal; empty if none are."""
        if self.method is Method.RANDOM:
            there = prod(self.sizes)
            return "" if self.size <= there else f"there are {there} points only"
        needed = self.size if self.method is Method.LHS else 1 << (self.size - 1).bit_length()
        if max(self.sizes) >= needed:
            return ""
        return f"none of the parameters has {needed} values or more, so that points would come twice"

    @cached_property
    def _combinations(self) -> "_Permutation":
        return _Permutation(prod(self.sizes), f"random:{self.seed}".encode())

    @cached_property
    def _strata(self) -> "tuple[_Permutation, ...]":
        return tuple(_Permutation(self.size, f"lhs:{self.seed}:{name}".encode()) for name in self.names)

    @cached_property
    def _jitters(self) -> tuple[int, ...]:
        return tuple(_hashed(f"jitter:{self.seed}:{name}".encode()) for name in self.names)

    @cached_property
    def _shifts(self) -> tuple[int, ...]:
        return tuple(_hashed(f"sobol:{self.seed}:{name}".encode()) >> (64 - sobol.BITS) for name in self.names)

    def _digits(self, number: int) -> Row:
        indices: list[int] = []
        for size in reversed(self.sizes):
            number, index = divmod(number, size)
            indices.append(index)
        return tuple(reversed(indices))

    def _shifted(self, axis: int, point: int) -> int:
        return (point ^ self._shifts[axis]) * self.sizes[axis] >> sobol.BITS

    def _in_stratum(self, axis: int, index: int) -> int:
        size, stratum = self.sizes[axis], self._strata[axis].at(index)
        first, end = -(-stratum * size // self.size), -(-(stratum + 1) * size // self.size)
        if first >= end:  # fewer values than strata: the one that lies in it
            return stratum * size // self.size
        return first + _mixed(index + self._jitters[axis]) % (end - first)


class _Permutation:
    """A pseudo-random order of the numbers below a size, fixed by a key."""

    def __init__(self, size: int, key: bytes) -> None:
        self._size = size
        self._key = blake2b(key, digest_size=32).digest()
        self._left = isqrt(size - 1) + 1
        self._right = -(-size // self._left)
        self._bytes = (self._left.bit_length() + 7) // 8 + 8
        self._is_small = self._left <= _SMALL
        self._keys = [_hashed(b"%b:%d" % (self._key, turn)) for turn in range(_ROUNDS)]

    def at(self, number: int) -> int:
        """Return the number that stands at a place of the order."""
        number = self._turned(number)
        while number >= self._size:  # the network may have some more numbers, whose walk leads back inside
            number = self._turned(number)
        return number

    def _turned(self, number: int) -> int:
        left, right = divmod(number, self._right)
        noise = self._small_noise if self._is_small else self._noise
        for turn in range(0, _ROUNDS, 2):
            left = (left + noise(turn, right)) % self._left
            right = (right + noise(turn + 1, left)) % self._right
        return left * self._right + right

    def _small_noise(self, turn: int, value: int) -> int:
        return _mixed(value + self._keys[turn])

    def _noise(self, turn: int, value: int) -> int:
        if self._bytes <= 64:
            told = b"%d:%d" % (turn, value)
            return int.from_bytes(blake2b(told, digest_size=self._bytes, key=self._key).digest(), "big")
        return int.from_bytes(shake_256(b"%b:%d:%d" % (self._key, turn, value)).digest(self._bytes), "big")


def _mixed(number: int) -> int:
    """Return 64 bits that look unlike those of other numbers: the finalizer of SplitMix64 (Steele and others 2014)."""
    number &= _BITS
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9 & _BITS
    number = (number ^ number >> 27) * 0x94D049BB133111EB & _BITS
    return number ^ number >> 31


def _hashed(told: bytes) -> int:
    return int.from_bytes(blake2b(told, digest_size=8).digest(), "big")
