"""Trials of studies that are ended early: which ones measure while they run, and what ending them does."""

from accio.domain.failures import Failure
from accio.domain.halving import Halving
from accio.domain.states import Cause
from accio.domain.studies import Objective
from accio.late import dataclass
from accio_daemon.core.commands import PruneTrial
from accio_daemon.core.on_runs import kill_instance, note
from accio_daemon.core.records import Instance
from accio_daemon.core.terms import AttemptNo, RunNo
from accio_daemon.core.turn import Turn
from accio_daemon.core.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Measuring:
    """A study whose trials may be ended early, and the attempts of the node that is compared, by child."""

    run: RunNo
    repeat: int
    node: int
    objective: Objective
    halving: Halving
    attempts: dict[int, AttemptNo]


def measuring(world: World) -> list[Measuring]:
    """Return the studies whose trials may be ended early, with what agents execute of them."""
    found = []
    for run in world.runs.values():
        study = run.sweep.study
        if study is None or study.prune is None or not run.open:
            continue
        node = next(node.no for node in run.plan.nodes if node.name == study.prune.node)
        attempts = {
            child: execution.attempt
            for child, instance in run.open.items()
            if not instance.own
            and (execution := instance.executions[node]) is not None
            and execution.attempt is not None
            and execution.has_grant
        }
        found.append(
            Measuring(
                run=run.no,
                repeat=run.sweep.repeat,
                node=node,
                objective=study.objectives[0],
                halving=study.prune,
                attempts=attempts,
            )
        )
    return found


def prune(turn: Turn, command: PruneTrial) -> None:
    """End what goes on of a trial: its children are killed, and don't count towards the state of the study."""
    run = turn.world.runs.get(command.run)
    if run is None or not run.is_open or run.sweep.study is None:
        return
    first = command.trial * run.sweep.repeat
    pruned = Failure(cause=Cause.PRUNED, message=command.why)
    for index in range(first, first + run.sweep.repeat):
        if index not in run.open and run.taken.is_unreached(index):
            run.open[index] = Instance(run, index, run.sequence)
        instance = run.open.get(index)
        if instance is None:
            continue  # it has ended, or is gone
        run.pruned.add(index)
        turn.fx.pruned[run.no, index] = True
        note(turn, run, index, "pruned", command.why)
        kill_instance(turn, instance, pruned)
