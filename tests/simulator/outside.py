"""Whom the daemon asks while it decides: readers of what children gave, and a sampler. Here they answer at once.

In the product each takes its own time (`accio_daemon/services`).
"""

from typing import assert_never

from accio_daemon.core.commands import Command, PointMeasured, TrialAsked, ValuesGathered
from accio_daemon.core.effects import AskRequest, GatherRequest, MeasureRequest
from accio_daemon.core.terms import Gathered
from accio_daemon.storage.rows.gathered import read_values
from accio_daemon.storage.rows.rounds import measure_point
from tests.simulator.disk import Disk

Request = GatherRequest | MeasureRequest | AskRequest


class Outside:
    """Answers from what is committed."""

    def __init__(self, disk: Disk) -> None:
        """Read this disk."""
        self._disk = disk

    def answer_to(self, request: Request) -> Command[None]:
        """Return the command that answers a request, as the disk is now."""
        match request:
            case GatherRequest():
                return self.gathered(request)
            case MeasureRequest():
                return self.measured(request)
            case AskRequest():
                return self.asked(request)
            case _:
                assert_never(request)

    def gathered(self, request: GatherRequest) -> ValuesGathered:
        """Read what a run's children gave; all of it is short."""
        values = read_values(self._disk.connection, request.run, request.gather, -1, 1_000_000)
        text = "[" + ",".join(value.text for value in values) + "]"
        return ValuesGathered(request=request.number, value=Gathered(text=text, count=len(values)))

    def measured(self, request: MeasureRequest) -> PointMeasured:
        """Read what a point's repetitions gave."""
        found = measure_point(self._disk.connection, request)
        return PointMeasured(run=request.run, point=request.point, measured=found)

    def asked(self, request: AskRequest) -> TrialAsked:
        """Choose a trial by what is known alone, as samplers do."""
        place = (7 * request.trial + sum(at * trial for at, trial in enumerate(request.told))) % 50
        return TrialAsked(run=request.run, trial=request.trial, row=(place,))
