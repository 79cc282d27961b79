"""Columns as bytes: little-endian, so that a reader takes them as they are.

This module must not know what a column holds.
"""

import sys
from array import array
from collections.abc import Iterable, Sequence


def pack_doubles(values: Iterable[float]) -> bytes:
    """Return numbers as doubles; TypeError if one isn't a number."""
    return _little(array("d", values))


def pack_places(values: Iterable[int]) -> bytes:
    """Return numbers from 0 as 32 bits each."""
    return _little(array("I", values))


def pack_indices(values: Iterable[int]) -> bytes:
    """Return numbers from 0 as 64 bits each."""
    return _little(array("Q", values))


def pack_texts(texts: Iterable[str]) -> tuple[bytes, Sequence[str]]:
    """Return for each text which one of the distinct texts it is, as 32 bits, and the distinct texts."""
    codes: dict[str, int] = {}
    places = pack_places(codes.setdefault(text, len(codes)) for text in texts)
    return places, list(codes)


def _little(values: "array[int] | array[float]") -> bytes:
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()
