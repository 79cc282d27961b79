"""Trials of a study that have ended: their order is kept, and the next trial is asked for.

Which trials a sampler knows is decided here, by the order alone; what they gave stands in the database. So the request
leaves with the effects, is carried out once all that was decided before it is durable, and is answered the same
whenever it is asked again.
"""

from accio_daemon.core.effects import AskRequest
from accio_daemon.core.records import Run
from accio_daemon.core.told import Told
from accio_daemon.core.turn import Turn


def child_over(turn: Turn, run: Run, told: Told, index: int) -> None:
    """Note the end of a child's trial, if it was the last one of its repetitions, and ask for the next trial."""
    if index >= 0:
        _note_if_over(turn, run, told, index // run.sweep.repeat)
        ask_next(turn, run, told)


def resume(turn: Turn, run: Run) -> None:
    """Go on where a daemon before, or what closed the run, left off."""
    told = run.told
    if told is None or not run.is_open:
        return
    for trial in range(run.sweep.points):
        _note_if_over(turn, run, told, trial)
    ask_next(turn, run, told)


def ask_next(turn: Turn, run: Run, told: Told) -> None:
    """Ask for the next trial, if it may begin."""
    study, trial = run.sweep.study, run.sweep.points
    assert study is not None
    known = study.known_trials(trial)
    if not run.is_open or told.asking or trial >= study.trials or len(told.order) < known:
        return
    told.asking = True
    turn.fx.asks.append(AskRequest(run.no, trial, tuple(told.order[:known])))


def _note_if_over(turn: Turn, run: Run, told: Told, trial: int) -> None:
    if trial in told.trials:
        return
    first = trial * run.sweep.repeat
    children = range(first, first + run.sweep.repeat)
    if not any(index in run.open or run.taken.is_unreached(index) for index in reversed(children)):
        turn.fx.told.append((run.no, told.tell(trial), trial))
