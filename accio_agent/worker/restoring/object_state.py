"""What of an object can change under somebody who holds it, read in one step: runs in worker processes."""

import itertools
import os
import pickle
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import IOBase
from types import GeneratorType
from typing import Any

MOST_BYTES = 1 << 16
"""Arrays up to this size are compared byte by byte; of larger ones nothing is looked at."""

_ITERATORS = tuple(
    type(each)
    for each in (iter([]), iter(()), iter(""), iter(b""), iter(range(0)), iter({}), iter(set()), reversed([]))
)
_HASHES = frozenset({"_blake2", "_hashlib", "_md5", "_sha1", "_sha2", "_sha256", "_sha3", "_sha512"})
_FLAGS = 6  # of a decimal context's parts: what computations have raised, which changes no result
_WRAPPERS = (
    enumerate, filter, map, zip, itertools.chain, itertools.count, itertools.cycle, itertools.islice,
    itertools.accumulate, itertools.compress, itertools.dropwhile, itertools.takewhile, itertools.product,
    itertools.combinations, itertools.permutations, itertools.repeat, itertools.starmap,
)  # fmt: skip


def reader_of(thing: object) -> Callable[[], Any] | None:
    """Return what reads the changeable state of an object of a known kind as a value that can be compared; else
    None.
    """
    if isinstance(thing, random.Random):
        return thing.getstate
    if isinstance(thing, GeneratorType):
        return lambda: _paused_at(thing)
    if isinstance(thing, _ITERATORS + _WRAPPERS):
        return lambda: _position(thing)
    if isinstance(thing, IOBase):
        return FilePlace(thing)
    module = type(thing).__module__.partition(".")[0]
    if module == "numpy":
        return _numpy_reader(thing)
    if module == "array" or isinstance(thing, bytearray):
        return (lambda: bytes(thing)) if len(thing) <= MOST_BYTES else None  # type: ignore[arg-type, call-overload]  # both are buffers
    return _reader_of_extension(thing)


def _reader_of_extension(thing: Any) -> Callable[[], Any] | None:
    """Return what reads an object that the standard library has in C, by what it can be asked for."""
    module = type(thing).__module__
    if module == "_thread" and hasattr(thing, "locked"):
        found: Callable[[], Any] = thing.locked
        return found
    if module == "_queue":
        return lambda: thing.qsize()
    if module == "sqlite3":
        return (lambda: (thing.total_changes, thing.in_transaction)) if hasattr(thing, "total_changes") else None
    if module == "decimal" and hasattr(thing, "prec"):
        return lambda: [part for at, part in enumerate(thing.__reduce__()[1]) if at != _FLAGS]
    if module in _HASHES and hasattr(thing, "hexdigest"):
        return lambda: _digest(thing)
    if any(base.__module__ == "_ctypes" for base in type(thing).__mro__):
        import ctypes

        with suppress(TypeError):  # it is a function, which has no size
            if ctypes.sizeof(thing) <= MOST_BYTES:
                return lambda: bytes(thing)
    return None


def _digest(hashing: Any) -> Any:
    try:
        return hashing.digest()
    except TypeError:  # as long as one asks for
        return hashing.digest(16)


def _numpy_reader(thing: Any) -> Callable[[], Any] | None:
    if hasattr(thing, "bit_generator"):
        return lambda: pickle.dumps(thing.bit_generator.state)
    if hasattr(thing, "get_state"):
        return lambda: pickle.dumps(thing.get_state())
    if getattr(thing, "dtype", None) is not None and getattr(thing, "shape", None) and hasattr(thing, "tobytes"):
        if thing.nbytes > MOST_BYTES or thing.dtype.hasobject:
            return None
        return lambda: (thing.shape, thing.tobytes())
    return None


def _position(thing: object) -> Any:
    """Return where an iterator stands. Asking it for its parts takes nothing from it."""
    if isinstance(thing, _ITERATORS + _WRAPPERS):
        return tuple(map(_position, thing.__reduce__()))
    if isinstance(thing, GeneratorType):
        return _paused_at(thing)
    if isinstance(thing, tuple):
        return tuple(map(_position, thing))
    if isinstance(thing, list):
        return len(thing)
    return id(thing) if isinstance(thing, Iterator) or callable(thing) else thing


def _paused_at(generator: Any) -> Any:
    frame = generator.gi_frame
    return None if frame is None else (frame.f_lasti, dict(frame.f_locals))


class FilePlace:
    """Where an open file stands."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __call__(self) -> Any:
        try:
            if hasattr(self._file, "getvalue"):
                return self._file.tell(), self._file.getvalue()
            return os.lseek(self._file.fileno(), 0, os.SEEK_CUR)
        except (OSError, ValueError):
            return -1  # a pipe, or closed

    def restore(self, place: Any) -> None:
        """Go back to a place, for all processes that share the open file."""
        if isinstance(place, int) and place >= 0 and self() != place:
            with suppress(OSError, ValueError):
                os.lseek(self._file.fileno(), place, os.SEEK_SET)
