"""How long the collector of cycles keeps everybody else from the interpreter."""

import gc
import subprocess
import sys
from typing import Any

import pytest

from accio.collector import Portions, Thresholds, look_as_usual, look_rarely
from accio_daemon.cli import COLLECTED_AFTER, COLLECTED_ALONE

_OBJECTS = 200_000
_AT_ONCE = 3_500  # a millisecond, or two to four beside other work
_AT_ONCE_ALONE = 70_000


def test_new_objects_are_looked_at_in_small_portions() -> None:
    """While a large run comes in, no look but the rare one at everything is at more than a few thousand objects: a look
    at a million keeps everybody waiting for 0.3 s.
    """
    looked_at = _looked_at(COLLECTED_AFTER)
    assert {age for age, _ in looked_at} == {0, 1}
    assert max(among for _, among in looked_at) <= _AT_ONCE


def test_alone_looks_are_rare_and_bounded() -> None:
    """Where nobody waits, far less is looked at altogether, and never everything that is new."""
    looked_at, alone = _looked_at(COLLECTED_AFTER), _looked_at(COLLECTED_ALONE)
    assert {age for age, _ in alone} == {0, 1}
    assert max(among for _, among in alone) <= _AT_ONCE_ALONE
    assert len(alone) * 10 < len(looked_at)


def test_portions_are_chosen_as_somebody_waits_or_not() -> None:
    """The thresholds change with what is chosen, and are left alone where that is as before."""
    before = gc.get_threshold()
    portions = Portions((1_001, 5, 6), (2_002, 7, 8))
    try:
        portions.choose(few=True)
        assert gc.get_threshold() == before
        portions.choose(few=False)
        assert gc.get_threshold() == (2_002, 7, 8)
        gc.set_threshold(*before)
        portions.choose(few=False)
        assert gc.get_threshold() == before
        portions.choose(few=True)
        assert gc.get_threshold() == (1_001, 5, 6)
    finally:
        gc.set_threshold(*before)


@pytest.mark.parametrize("program", ["accio_daemon", "accio_agent", "accio.sdk.describing", "accio_agent.worker"])
def test_no_program_stops_for_the_collector_while_it_loads(program: str) -> None:
    """The collector of cycles doesn't look while a program is loaded: nearly all that comes stays."""
    script = (
        "import gc, os, runpy, sys\n"
        "os._exit = sys.exit\n"
        "looks = []\n"
        "gc.collect()\n"
        "gc.callbacks.append(lambda phase, about: looks.append(phase))\n"
        "try:\n"
        f"    runpy.run_module({program!r}, run_name='__main__', alter_sys=True)\n"
        "except (SystemExit, IndexError, ValueError):\n"  # without arguments, or asked for help
        "    pass\n"
        "print('looks', len(looks) // 2)"
    )
    found = subprocess.run([sys.executable, "-c", script, "--help"], capture_output=True, text=True, check=True)
    assert int(found.stdout.rpartition("looks ")[2]) <= 10, found.stdout  # before it has begun


def test_thresholds_that_a_module_sets_stay() -> None:
    """What was loaded goes on with the thresholds of before, or with those that it has set itself."""
    before = gc.get_threshold()
    try:
        assert look_rarely() == before
        look_as_usual(before)
        assert gc.get_threshold() == before
        look_rarely()
        gc.set_threshold(123, 4, 5)
        look_as_usual(before)
        assert gc.get_threshold() == (123, 4, 5)
    finally:
        gc.set_threshold(*before)


def _looked_at(thresholds: Thresholds) -> list[tuple[int, int]]:
    """Return the generation of each look while many objects are made and kept, and among how many it was."""
    looked_at: list[tuple[int, int]] = []

    def note(phase: str, about: dict[str, Any]) -> None:
        if phase == "start":
            age = about["generation"]
            looked_at.append((age, sum(len(gc.get_objects(generation=each)) for each in range(age + 1))))

    before = gc.get_threshold()
    gc.collect()
    gc.callbacks.append(note)
    try:
        gc.set_threshold(*thresholds)
        kept = [[number] for number in range(_OBJECTS)]
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(note)
    assert len(kept) == _OBJECTS
    return looked_at
