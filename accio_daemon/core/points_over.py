"""Points whose repetitions have ended, as far as they may begin: what they gave is asked for.

The values stand in the database, not in memory: the request leaves with the effects, and is carried out once all that
was decided before it is durable, so that it reads the same whenever it is asked again.
"""

from accio_daemon.core.effects import MeasureRequest
from accio_daemon.core.records import Run
from accio_daemon.core.rounds import Rounds
from accio_daemon.core.turn import Turn


def child_over(turn: Turn, run: Run, rounds: Rounds, index: int) -> None:
    """Ask for what a point's repetitions gave, if a child that has ended, or is gone, was the last one of them."""
    if index >= 0 and run.is_open:
        ask_if_over(turn, run, rounds, index // rounds.most)


def ask_if_over(turn: Turn, run: Run, rounds: Rounds, point: int) -> None:
    """Ask for what a point's repetitions gave, if all of them that may begin have ended."""
    if point in rounds.ended or point in rounds.asked or not is_over(run, rounds, point):
        return
    node = next(node for node in run.plan.nodes if node.name == rounds.until.node)
    output = node.operator.output(rounds.until.port)
    assert output is not None, "validation found it"
    members = rounds.members(point)
    rounds.asked.add(point)
    turn.fx.measures.append(
        MeasureRequest(
            run.no,
            point,
            members.start,
            members.stop,
            node.no,
            output.name,
            output.type,
            rounds.until.member,
        )
    )


def is_over(run: Run, rounds: Rounds, point: int) -> bool:
    """Return whether all repetitions of a point that may begin so far have ended; the last ones end last."""
    return not any(index in run.open or run.taken.is_unreached(index) for index in reversed(rounds.members(point)))
