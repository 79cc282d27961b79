"""A start: the World is read back, and what follows from it at once is decided before anybody is served.

So a run whose stored facts make either fail is found by the start, and can be left out of the next one. A failure in
decisions about all runs is blamed on the run that makes them fail alone; where none does, nobody is blamed.
"""

import sqlite3
from collections.abc import Container, Sequence

from accio_daemon.core import reactor, readying
from accio_daemon.core.terms import Instant, RunNo
from accio_daemon.core.turn import Turn
from accio_daemon.core.world import Settings
from accio_daemon.engine.ports import Stored
from accio_daemon.engine.restart import Restored, RunNotRestoredError, restart

_MACHINE = (OSError, MemoryError, sqlite3.Error)  # no run is to blame for these
_TRIED_AT = Instant(wall_ms=0, mono=0.0)


def start(stored: Stored, *, settings: Settings, now: Instant, without: Container[RunNo] = ()) -> Restored:
    """Read the World back but for the runs *without* which it is wanted, and decide what follows.

    RunNotRestoredError: one run's facts made it fail.
    """
    runs = [each for each in stored.live_runs() if each not in without]
    try:
        restored = restart(stored, settings=settings, now=now, runs=runs)
        _decide(stored, Turn(restored.world, restored.effects, now))
    except (RunNotRestoredError, *_MACHINE):
        raise
    except Exception as error:
        guilty = _guilty(stored, runs)
        if guilty is None:
            raise
        raise RunNotRestoredError(guilty, f"{type(error).__name__}: {error}") from error
    return restored


def why_not(stored: Stored, runs: Sequence[RunNo]) -> str:
    """Return why a start with these runs alone would fail; empty if it wouldn't. Nothing is written."""
    try:
        tried = restart(stored, settings=Settings(), now=_TRIED_AT, epoch=0, runs=runs)
        _decide(stored, Turn(tried.world, tried.effects, _TRIED_AT))
    except _MACHINE:
        raise
    except RunNotRestoredError as error:
        return error.reason
    except Exception as error:  # noqa: BLE001 - whatever it is, a start would fail with it
        return f"{type(error).__name__}: {error}"
    return ""


def _guilty(stored: Stored, runs: Sequence[RunNo]) -> RunNo | None:
    """Find a run that makes a start fail alone, by halves."""
    while len(runs) > 1:
        middle = len(runs) // 2
        runs = next((half for half in (runs[:middle], runs[middle:]) if why_not(stored, half)), ())
    return runs[0] if runs and not why_not(stored, ()) else None


def _decide(stored: Stored, turn: Turn) -> None:
    """Decide what restored runs make possible, as the engine would first."""
    reactor.advance(turn)
    while turn.world.lookups or turn.world.ready:
        keys = [execution.key for execution in turn.world.lookups if execution.key is not None]
        readying.resolve(turn, stored.results(keys))
        reactor.advance(turn, opening=0)
