"""What running attempts say of themselves: bounded, and gone with them."""

from accio.domain.series import MOST_SERIES, Packed, Point, pack
from accio.v1 import agents_pb2
from accio_daemon.core.terms import AttemptNo, SessionNo
from accio_daemon.services.sessions import live
from accio_daemon.services.sessions.live import Live

SESSION = SessionNo(1)
POINTS = pack([Point(1, 0.5, 0.1)])


def attempts(*numbers: int) -> list[AttemptNo]:
    """Return numbers of attempts."""
    return [AttemptNo(number) for number in numbers]


def told(known: Live, *numbers: int) -> None:
    """Say that attempts are half done."""
    known.note_progress(SESSION, agents_pb2.Progress(attempt=numbers, fraction=[0.5] * len(numbers)))


def test_attempts_that_were_lost_leave_nothing() -> None:
    """An attempt that ends without a report is dropped once there are many: a daemon lives for months."""
    going_on: set[int] = set()
    known = Live(lambda session, attempt: attempt in going_on, lambda attempt: attempt in going_on)
    for number in range(3 * live.SWEEP_AT):
        going_on = {number}  # the one before was lost
        told(known, number)
        known.note_series(SESSION, [(number, Packed("loss", 1, POINTS))])
    kept = [no for no in range(3 * live.SWEEP_AT) if known.progress(no) or known.series(no)]
    assert len(kept) < live.SWEEP_AT
    assert kept[-1] == 3 * live.SWEEP_AT - 1


def test_who_runs_many_at_once_keeps_them_all() -> None:
    """What is said of attempts that go on isn't dropped, however many they are."""
    known = Live(lambda session, attempt: True, lambda attempt: True)
    told(known, *range(5 * live.SWEEP_AT))
    assert all(known.progress(no) == 0.5 for no in range(5 * live.SWEEP_AT))


def test_an_attempt_has_so_many_series() -> None:
    """Names beyond what an execution may have take no memory; those that are known go on."""
    known = Live(lambda session, attempt: True, lambda attempt: True)
    known.note_series(SESSION, [(1, Packed(f"s{no}", 1, POINTS)) for no in range(2 * MOST_SERIES)])
    known.note_series(SESSION, [(1, Packed("s0", 2, POINTS + POINTS))])
    assert len(known.series(1)) == MOST_SERIES
    assert known.series(1)[0].total == 2


def test_what_has_ended_is_forgotten() -> None:
    """With the report nothing is left, and there is room again for others."""
    known = Live(lambda session, attempt: True, lambda attempt: True)
    told(known, 1, 2)
    known.note_series(SESSION, [(1, Packed("loss", 1, POINTS))])
    known.forget(SESSION, attempts(1))
    assert (known.progress(1), known.progress(2), known.series(1)) == (0.0, 0.5, [])
