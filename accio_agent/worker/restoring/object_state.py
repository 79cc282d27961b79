"""What of an object can change under somebody who holds it, read in one step: runs in worker processes."""

import itertools
import os
import pickle
import random
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import IOBase
from types import GeneratorType
from typing import Any

from accio_agent.worker.restoring.written_memory import WrittenMemory, place_of

MOST_BYTES = 1 << 16
"""Arrays up to this size are compared byte by byte; of larger ones it is found out whether they were written to."""

MOST_KEYS = 10_000
"""Of larger ordered dictionaries the order isn't looked at."""

_EMPTY: dict[Any, Any] = {}
_ITERATORS: tuple[type, ...] = (
    *map(type, (iter([]), iter(()), iter(""), iter(b""), iter(range(0)), iter(set()), reversed([]))),
    *map(type, (iter(_EMPTY), iter(_EMPTY.items()), iter(_EMPTY.values()))),
    *map(type, (reversed(_EMPTY), reversed(_EMPTY.items()), reversed(_EMPTY.values()))),
)
_GLOBAL: random.Random = random._inst  # noqa: SLF001 - seeded anew for each execution
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
        return None if thing is _GLOBAL else thing.getstate
    if isinstance(thing, GeneratorType):
        return lambda: _paused_at(thing)
    if isinstance(thing, _ITERATORS + _WRAPPERS):
        return lambda: _position(thing)
    if isinstance(thing, OrderedDict):  # moving an entry to an end isn't a change of the dictionary
        return lambda: list(map(id, thing)) if len(thing) <= MOST_KEYS else len(thing)
    if isinstance(thing, BaseException):  # what is noted by `add_note` is an attribute
        return lambda: thing.args
    if isinstance(thing, IOBase):
        return FilePlace(thing)
    module = type(thing).__module__.partition(".")[0]
    if module == "numpy":
        return _numpy_reader(thing)
    if module == "pandas":
        return _pandas_reader(thing)
    if module == "polars":
        return _polars_reader(thing)
    if module == "mmap":
        return SharedMemory(thing) if len(thing) <= MOST_BYTES else None  # type: ignore[arg-type]  # it has a length
    if module == "array" or isinstance(thing, bytearray | memoryview):
        size = memoryview(thing).nbytes  # type: ignore[arg-type]  # all of them are buffers
        return (lambda: memoryview(thing).tobytes()) if size <= MOST_BYTES else _written(thing)  # type: ignore[arg-type]  # as above
    return _reader_of_extension(thing)


def _reader_of_extension(thing: Any) -> Callable[[], Any] | None:
    """Return what reads an object that the standard library has in C, by what it can be asked for."""
    module = type(thing).__module__
    if module == "_thread" and hasattr(thing, "locked"):
        found: Callable[[], Any] = thing.locked
        return found
    if module == "_queue":
        return lambda: thing.qsize()
    if module == "zlib" and hasattr(thing, "copy"):
        return lambda: thing.copy().flush()
    if module == "xml.etree.ElementTree" and hasattr(thing, "itertext"):
        return lambda: _tree_of(thing)
    if module == "sqlite3":
        return (lambda: _database_state(thing)) if hasattr(thing, "total_changes") else None
    if module == "decimal" and hasattr(thing, "prec"):
        return lambda: [part for at, part in enumerate(thing.__reduce__()[1]) if at != _FLAGS]
    if module in _HASHES and hasattr(thing, "hexdigest"):
        return lambda: _digest(thing)
    if any(base.__module__ == "_ctypes" for base in type(thing).__mro__):
        import ctypes

        with suppress(TypeError):  # it is a function, which has no size
            if ctypes.sizeof(thing) <= MOST_BYTES:
                return lambda: bytes(thing)
            return WrittenMemory(lambda: (ctypes.addressof(thing), ctypes.sizeof(thing)))
    if isinstance(thing, Iterator) and module.partition(".")[0] in sys.stdlib_module_names:
        return object  # where it stands can't be asked for: it counts as moved whenever it is looked at
    return None


def objects_within(thing: Any) -> Iterator[object]:
    """Yield the objects that a small array, or the columns of a frame or a series, hold."""
    package = type(thing).__module__.partition(".")[0]
    arrays = [thing] if package == "numpy" else []
    if package == "pandas":
        arrays = [each.values for each in getattr(getattr(thing, "_mgr", None), "blocks", ())]
    for array in arrays:
        if getattr(getattr(array, "dtype", None), "hasobject", False) and array.nbytes <= MOST_BYTES:
            yield from array.ravel().tolist()


def _database_state(connection: Any) -> tuple[Any, ...]:
    """Return what of a database's connection tells that rows, tables or settings were changed."""
    cursor = connection.cursor()
    cursor.row_factory = None
    asked = [cursor.execute(f"PRAGMA {name}").fetchone() for name in ("schema_version", "user_version")]
    settings = (connection.row_factory, connection.text_factory, connection.isolation_level)
    return connection.total_changes, connection.in_transaction, *settings, *asked


def _tree_of(element: Any) -> list[Any]:
    return [(each.tag, each.text, each.tail, dict(each.attrib)) for each in element.iter()]


def _digest(hashing: Any) -> Any:
    try:
        return hashing.digest()
    except TypeError:  # as long as one asks for
        return hashing.digest(16)


def _numpy_reader(thing: Any) -> Callable[[], Any] | None:
    if hasattr(thing, "bit_generator"):
        return lambda: pickle.dumps(thing.bit_generator.state)
    if hasattr(thing, "random_raw"):  # a bit generator
        return lambda: pickle.dumps(thing.state)
    if hasattr(thing, "get_state"):
        return None if _is_global(thing) else lambda: pickle.dumps(thing.get_state())
    if hasattr(thing, "n_children_spawned"):
        return lambda: thing.n_children_spawned
    memory = getattr(thing, "_mmap", None)
    if memory is not None and len(memory) <= MOST_BYTES:
        return SharedMemory(memory)
    if getattr(thing, "dtype", None) is not None and hasattr(thing, "flags") and hasattr(thing, "tobytes"):
        return _array_reader(thing)
    return None


def _written(thing: Any) -> WrittenMemory | None:
    """Return what tells whether a large buffer or array was written to, if that can be found out."""
    place = place_of(thing)
    return None if place is None else WrittenMemory(place)


def _polars_reader(thing: Any) -> Callable[[], Any] | None:
    """Return what compares a frame or a column with a copy, which costs nothing until one of them is changed."""
    if not hasattr(thing, "clone") or not hasattr(thing, "equals"):
        return None  # what is lazy doesn't change
    kept = thing.clone()
    if hasattr(thing, "schema"):
        return lambda: bool(thing.schema == kept.schema and thing.equals(kept))
    return lambda: bool(thing.equals(kept, check_dtypes=True, check_names=True))


def _is_global(generator: Any) -> bool:
    """Return whether it is NumPy's global generator, which each execution finds seeded anew."""
    return generator is getattr(sys.modules.get("numpy.random.mtrand"), "_rand", None)


def _array_reader(array: Any) -> Callable[[], Any]:
    """Return what reads what of an array can be compared."""
    if array.nbytes > MOST_BYTES and (written := _written(array)) is not None:
        return lambda: (*_kind_of(array), written())
    if array.dtype.hasobject:
        return lambda: (*_kind_of(array), array.tolist())
    return lambda: (*_kind_of(array), array.tobytes())


def _kind_of(array: Any) -> tuple[Any, ...]:
    return array.shape, array.dtype, array.flags.writeable


def _pandas_reader(thing: Any) -> Callable[[], Any] | None:
    """Return what reads a frame or a series: what its columns and its index are, and the content of small ones."""
    manager = getattr(thing, "_mgr", None)
    if manager is None or not hasattr(manager, "blocks") or not hasattr(manager, "axes"):
        return None
    blocks = [each.values for each in manager.blocks]
    readers = [_array_reader(values) for values in blocks if hasattr(values, "flags")]
    return lambda: (
        list(map(id, thing._mgr.axes)),  # noqa: SLF001 - in public it is copied
        [id(each.values) for each in thing._mgr.blocks],  # noqa: SLF001 - as above
        [read() for read in readers],
        dict(thing.attrs),
    )


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


class Shared:
    """What is shared with the workers that come after this one, and so has to be put back before they do."""

    def __call__(self) -> Any:
        """Return its state."""
        raise NotImplementedError

    def restore(self, state: Any) -> None:
        """Put a state back."""
        raise NotImplementedError


class SharedMemory(Shared):
    """Memory that is mapped, of a file or of none."""

    def __init__(self, memory: Any) -> None:
        self._memory = memory

    def __call__(self) -> Any:
        return self._memory[:]

    def restore(self, state: Any) -> None:
        with suppress(TypeError, ValueError, IndexError):  # it is read-only, or closed
            if self() != state:
                self._memory[:] = state


class FilePlace(Shared):
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
