"""Whether memory was written to, as a fork of the process that had looked at it tells."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from accio_agent.worker.restoring import written_memory
from accio_agent.worker.restoring.written_memory import WrittenMemory, place_of


def watched(thing: Any) -> WrittenMemory:
    place = place_of(thing)
    assert place is not None
    return WrittenMemory(place)


def in_fork(told: Callable[[], bool]) -> bool:
    """Return what a fork of this process tells."""
    pid = os.fork()
    if pid == 0:
        code = 2
        try:
            code = int(told())
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in {0, 1}
    return bool(code)


def write(thing: Any, at: int, value: object) -> bool:
    if isinstance(thing, set):
        thing.discard(at)
        thing.add(value)
    else:
        thing[at] = value
    return True


LARGE: dict[str, Callable[[], Any]] = {
    "an array": lambda: np.ones(100_000),
    "an array of zeros": lambda: np.zeros(100_000),
    "an array with gaps": lambda: np.ones(200_000)[::2],
    "a list": lambda: list(range(100_000)),
    "a set": lambda: set(range(100_000)),
    "bytes": lambda: bytearray(1_000_000),
}


@pytest.mark.parametrize("what", LARGE)
@pytest.mark.parametrize("at", [0, 50_000, 99_999])
def test_a_fork_tells_what_it_has_written(what: str, at: int) -> None:
    """A change at any place shows in the fork that made it; reading is none."""
    thing = LARGE[what]()
    found = watched(thing)
    assert not in_fork(lambda: len(list(thing)) < 1 or found())
    assert in_fork(lambda: write(thing, at, 7 if what == "bytes" else -1) and found())


def test_a_fork_that_looks_again_tells_what_it_has_written_since() -> None:
    """Memory that was the process's own when it looked is compared by its content."""
    thing = np.ones(100_000)

    def told() -> bool:
        thing[50_000] = 2
        found = watched(thing)
        before = found()
        thing[50_000] = 3
        return found() and not before

    assert in_fork(told)


def test_a_list_that_grows_is_another() -> None:
    """What lies elsewhere, or has another size, counts as changed."""
    thing = list(range(100_000))
    found = watched(thing)
    thing.append(1)
    assert found()


def test_where_the_kernel_says_nothing_content_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a list of pages all is compared, up to a size."""
    monkeypatch.setattr(WrittenMemory, "_own_pages", lambda _: None)
    thing = np.ones(100_000)
    found = watched(thing)
    assert not found()
    thing[50_000] = 2
    assert found()
    monkeypatch.setattr(written_memory, "MOST_HASHED", 1000)
    assert not watched(thing)()
