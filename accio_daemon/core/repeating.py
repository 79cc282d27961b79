"""What follows once it is known what a point's repetitions gave: it gets more of them, or the rest is spared.

Decisions are written down in the transaction that spares children, so that each is made once; a restart asks again for
what was being read, and decides the same.
"""

from itertools import groupby

from accio_daemon.core import endings
from accio_daemon.core.commands import PointMeasured
from accio_daemon.core.points_over import ask_if_over, is_over
from accio_daemon.core.records import Run
from accio_daemon.core.rounds import Rounds
from accio_daemon.core.terms import Round
from accio_daemon.core.turn import Turn


def measured(turn: Turn, command: PointMeasured) -> None:
    """Decide whether a point is repeated more often."""
    run = turn.world.runs.get(command.run)
    if run is None or run.rounds is None or command.point not in run.rounds.asked:
        return
    rounds, point = run.rounds, command.point
    rounds.asked.discard(point)
    if not run.is_open or not is_over(run, rounds, point):
        return  # once it is retried, or has ended again, what it gave is read again
    begun = len(rounds.members(point))
    more = rounds.until.next(begun, rounds.most, command.measured)
    if more is None:
        rounds.end(point)
        _spare_rest(run, rounds, point)
    else:
        rounds.extend(point, more)
        if run not in turn.world.unopened:
            turn.world.unopened.add(run)
    turn.fx.rounds[run.no, point] = Round(
        repetitions=begun if more is None else more, ended=more is None, measured=command.measured
    )
    turn.fx.runs[run.no] = run
    endings.run_over(turn, run)


def _spare_rest(run: Run, rounds: Rounds, point: int) -> None:
    """Remove the repetitions that nobody needs from the run; those that a user had killed stay what they are."""
    members = rounds.members(point)
    rest = range(members.stop, members.start + rounds.most)
    for spared, children in groupby(rest, key=run.taken.is_unreached):
        if spared:
            found = list(children)
            run.taken.spare(found[0], found[-1])


def resume(turn: Turn, run: Run) -> None:
    """Go on where a daemon before, or what closed the run, left off: find out what may begin, and ask what is over."""
    rounds = run.rounds
    if rounds is None or not run.is_open:
        return
    rounds.place, rounds.due = 0, []
    for point in rounds.upto.keys() - rounds.ended:
        rounds.call(index for index in rounds.members(point)[rounds.least :] if run.taken.is_unreached(index))
    for point in range(rounds.points):
        ask_if_over(turn, run, rounds, point)
