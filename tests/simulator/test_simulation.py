"""The protocol between daemon and agents survives what happens to them, and each of its safeguards is needed."""

import pytest

from tests.simulator import sweep
from tests.simulator.simulation import SAFEGUARDS
from tests.simulator.sweep import explore, explore_all

SEEDS = 1000
SLICE = 250


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("first", range(0, SEEDS, SLICE))
def test_nothing_is_lost_or_done_twice(first: int) -> None:
    """Whatever dies, freezes, is cut off or repeated: all that was acknowledged comes to what it must, once."""
    found = explore(range(first, first + SLICE))
    assert not found.violations, "\n".join(f"scripts/simulate --seed {s}: {v}" for s, v in found.violations.items())
    assert not found.missing(), f"never happened, so nothing is known about it: {found.missing()}"


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("safeguard", SAFEGUARDS)
def test_each_safeguard_is_needed(safeguard: str) -> None:
    """Without it, some seed goes wrong: it is tested, and not there for nothing."""
    found = explore(range(SEEDS), switched_off=frozenset({safeguard}), until_found=True)
    assert found.violations, f"without {safeguard}, {found.seeds} seeds went as if nothing were missing"


def test_a_seed_repeats_its_history() -> None:
    """The same seed gives the same history, so that a failure can be looked at again."""
    once, again = explore(range(3)), explore(range(3))
    assert once.seen == again.seen
    assert not once.violations


def test_a_dead_agent_does_nothing_more() -> None:
    """Of this seed an agent died as it carried out the end of its session, dialled all the same, and worked."""
    assert not explore([8063]).violations


def test_processes_show_what_one_would(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeds that are shared out among processes come to the same, whatever they are to find."""
    monkeypatch.setattr(sweep, "_SLICE", 20)
    switched_off = frozenset({"commit before act"})  # which nearly every seed notices
    alone, shared = explore(range(50), switched_off=switched_off), explore_all(range(50), switched_off=switched_off)
    assert alone.violations
    assert (shared.seeds, shared.seen) == (50, alone.seen)
    assert {seed: str(each) for seed, each in shared.violations.items()} == {
        seed: str(each) for seed, each in alone.violations.items()
    }
