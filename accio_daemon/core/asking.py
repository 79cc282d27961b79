"""What follows once a sampler has said which point a study tries next: the sweep grows by that trial."""

from accio_daemon.core.commands import TrialAsked
from accio_daemon.core.trials_over import ask_next
from accio_daemon.core.turn import Turn


def asked(turn: Turn, command: TrialAsked) -> None:
    """Put a trial behind the others, unless it isn't the next one any more, and ask for the one after it."""
    run = turn.world.runs.get(command.run)
    if run is None or run.told is None or command.trial != run.sweep.points:
        return
    run.told.asking = False
    if not run.is_open:
        return  # a retry asks again
    run.grow(run.sweep.with_trial(command.row))
    turn.fx.grown[run.no] = run
    turn.fx.runs[run.no] = run
    if run not in turn.world.unopened:
        turn.world.unopened.add(run)
    ask_next(turn, run, run.told)
