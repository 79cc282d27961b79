"""How far studies are: which of their trials are best so far."""

from accio.domain.studies import best_trials
from accio.domain.sweeps import Sweep
from accio.v1 import runs_pb2
from accio_daemon.storage.jobs import Snapshot
from accio_daemon.storage.rows.studies import Measure, read_trials
from accio_daemon.storage.runs.plans import Plans
from accio_daemon.storage.runs.runs_query import RunRow

_MOST_BEST = 1000  # trials that a message tells of those that no other one beats


def measures_of(snapshot: Snapshot, run: RunRow, plans: Plans) -> list[Measure]:
    """Return where the objectives of a study are measured."""
    assert run.sweep.study is not None
    outputs = plans.outputs(snapshot, run)
    names = list(outputs)
    return [
        Measure(
            objective=each,
            node=names.index(each.node),
            type=next(port.type for port in outputs[each.node] if port.name == each.port),
        )
        for each in run.sweep.study.objectives
    ]


def study_progress(snapshot: Snapshot, run: RunRow, plans: Plans) -> runs_pb2.StudyProgress | None:
    """Return how far a study is; None for other runs."""
    study = run.sweep.study
    if study is None:
        return None
    measures = measures_of(snapshot, run, plans)
    trials = read_trials(snapshot, run.no, run.sweep.repeat, measures)
    progress = runs_pb2.StudyProgress(
        trials=study.trials, complete=len(trials.complete), failed=len(trials.failed), pruned=len(trials.pruned)
    )
    for each in measures:
        objective, datatype = each.objective, each.type if each.objective.member is None else each.type.args[1]
        progress.objectives.add(output=objective.output, direction=objective.direction.value, type=str(datatype))
    for best in best_trials(study.objectives, trials.complete)[:_MOST_BEST]:
        progress.best.append(_trial(run.sweep, best.trial, best.values))
    return progress


def _trial(sweep: Sweep, trial: int, values: tuple[float, ...]) -> runs_pb2.Trial:
    params = sweep.child(trial * sweep.repeat)
    return runs_pb2.Trial(
        number=trial,
        values=values,
        params=[
            runs_pb2.RunParameter(name=axis.name, type=str(axis.type), json=params[axis.name], values=1)
            for axis in sweep.varying
        ],
    )
