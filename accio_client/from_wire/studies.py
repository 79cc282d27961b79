"""Reads what messages say of studies."""

from accio.v1 import runs_pb2
from accio_client import views
from accio_client.from_wire.runs import run_parameter


def study(message: runs_pb2.StudyProgress, repeat: int) -> views.StudyView:
    return views.StudyView(
        objectives=tuple(
            views.ObjectiveView(output=each.output, direction=each.direction, type=each.type)
            for each in message.objectives
        ),
        trials=message.trials,
        complete=message.complete,
        failed=message.failed,
        pruned=message.pruned,
        best=tuple(_trial(each, repeat) for each in message.best),
    )


def _trial(message: runs_pb2.Trial, repeat: int) -> views.TrialView:
    return views.TrialView(
        number=message.number,
        children=range(message.number * repeat, (message.number + 1) * repeat),
        values=tuple(message.values),
        params={each.name: run_parameter(each) for each in message.params},
    )
