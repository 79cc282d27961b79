"""Whether dictionaries were changed, without looking at what they hold: runs in worker processes.

CPython up to 3.12 gives a dictionary a new number whenever it is changed (PEP 509: `ma_version_tag`, the fourth word of
the object). Joining the words of many costs a sixtieth of a microsecond for each, comparing a module's names ten. Where
the number isn't there, or says nothing of the attributes of objects (3.13), as a trial shows, contents are compared.
"""

import ctypes
import gc
from collections.abc import Sequence
from typing import Any

_OFFSET = 24


class _Thing:
    value: int


def _has_versions() -> bool:
    trial: dict[int, int] = {0: 0}
    number = ctypes.c_uint64.from_address(id(trial) + _OFFSET)
    seen = {number.value}
    trial[1] = 1
    seen.add(number.value)
    trial[1] = 2
    seen.add(number.value)
    del trial[0]
    seen.add(number.value)
    _ = trial.get(1), list(trial)
    return len(seen) == 4 and number.value in seen and _has_version_of_attributes()


def _has_version_of_attributes() -> bool:
    thing = _Thing()
    thing.value = 0
    names = vars(thing)
    number = ctypes.c_uint64.from_address(id(names) + _OFFSET)
    before = number.value
    thing.value = 1
    return number.value != before


VERSIONED = _has_versions()


def dict_of(kind: type) -> dict[str, Any]:
    """Return the dictionary behind a class's read-only view of it."""
    found: dict[str, Any] = gc.get_referents(kind.__dict__)[0]
    return found


class DictVersions:
    """Some dictionaries as they were; whoever holds this keeps them alive."""

    def __init__(self, dicts: Sequence[dict[Any, Any]]) -> None:
        self._dicts = list(dicts)
        self._numbers = [ctypes.c_uint64.from_address(id(each) + _OFFSET) for each in dicts] if VERSIONED else []
        self._kept: bytes | list[Any] = self._now()

    def _now(self) -> bytes | list[Any]:
        # Joined as bytes: to make an integer of each would take four times as long.
        return b"".join(self._numbers) if VERSIONED else [each.copy() for each in self._dicts]

    def changed(self) -> bool:
        """Return whether any of them may have changed."""
        if VERSIONED:
            return b"".join(self._numbers) != self._kept
        try:
            if self._dicts != self._kept:
                return True
            return any(list(now) != list(kept) for now, kept in zip(self._dicts, self._kept, strict=True))  # the order
        except Exception:  # noqa: BLE001 - values of operators compare as they like
            return True

    def renew(self) -> None:
        """Note them as they are now."""
        self._kept = self._now()
