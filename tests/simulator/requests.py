"""What the daemon asks others for: values of children, a measure of a point, a trial of a sampler.

In the product readers and samplers answer, each in its own time (`accio_daemon/services`).
"""

import sqlite3
from typing import assert_never

from accio_daemon.core.commands import Command, PointMeasured, TrialAsked, ValuesGathered
from accio_daemon.core.effects import AskRequest, GatherRequest, MeasureRequest
from accio_daemon.core.terms import Gathered
from accio_daemon.storage.gathered import read_values
from accio_daemon.storage.rounds import measure_point

Request = GatherRequest | MeasureRequest | AskRequest


def answer_to(request: Request, connection: sqlite3.Connection) -> Command[object]:
    """Return the command that answers *request* from what the database says now."""
    match request:
        case GatherRequest():
            values = read_values(connection, request.run, request.gather, -1, 1_000_000)
            text = "[" + ",".join(value.text for value in values) + "]"
            return ValuesGathered(request=request.number, value=Gathered(text=text, count=len(values)))
        case MeasureRequest():
            found = measure_point(connection, request)
            return PointMeasured(run=request.run, point=request.point, measured=found)
        case AskRequest():  # a trial is chosen by what is known alone, as samplers do
            place = (7 * request.trial + sum(at * trial for at, trial in enumerate(request.told))) % 50
            return TrialAsked(run=request.run, trial=request.trial, row=(place,))
        case _:
            assert_never(request)
