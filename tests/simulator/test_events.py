"""The simulation's time and its processes behave as those of machines do."""

from functools import partial

from tests.simulator.events import Loop, Standstill


def test_what_reaches_a_stopped_process_keeps_its_order() -> None:
    """Whatever came while a process was stopped happens before all that comes later, in its order; as in a socket."""
    loop = Loop(0)
    process, seen = Standstill(loop), list[int]()
    process.begin(3.0)
    for number in range(5):
        loop.after(0.1 + number / 3, partial(process.pass_on, partial(seen.append, number)))
    loop.after(2.0, process.end)
    loop.after(2.5, partial(process.pass_on, partial(seen.append, 5)))
    loop.run_until(loop.now + 1.9)
    assert not seen
    loop.run_until(loop.now + 5.0)
    assert seen == [0, 1, 2, 3, 4, 5]


def test_a_standstill_ends_by_itself_once() -> None:
    """An end that was planned for an earlier standstill doesn't end the next one."""
    loop = Loop(0)
    process = Standstill(loop)
    process.begin(3.0)
    loop.run_until(loop.now + 1.0)
    process.end()
    process.begin(5.0)
    loop.run_until(loop.now + 4.0)
    assert process.is_on
    loop.run_until(loop.now + 1.5)
    assert not process.is_on
