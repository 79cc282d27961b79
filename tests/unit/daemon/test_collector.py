"""How long the collector of cycles keeps everybody else from the interpreter."""

import gc
from typing import Any

from accio_daemon.__main__ import COLLECTED_AFTER

_OBJECTS = 200_000
_AT_ONCE = 7_000  # one or two milliseconds


def test_new_objects_are_looked_at_in_small_portions() -> None:
    """While a large run comes in, no look but the rare one at everything is at more than a few thousand objects: a look
    at a million keeps everybody waiting for 0.3 s.
    """
    looked_at: dict[int, int] = {}

    def note(phase: str, about: dict[str, Any]) -> None:
        if phase == "start":
            age = about["generation"]
            among = sum(len(gc.get_objects(generation=each)) for each in range(age + 1))
            looked_at[age] = max(looked_at.get(age, 0), among)

    before = gc.get_threshold()
    gc.collect()
    gc.callbacks.append(note)
    try:
        gc.set_threshold(*COLLECTED_AFTER)
        kept = [[number] for number in range(_OBJECTS)]
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(note)
    assert len(kept) == _OBJECTS
    assert set(looked_at) == {0, 1}
    assert max(looked_at.values()) <= _AT_ONCE
