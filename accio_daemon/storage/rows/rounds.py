"""Points that are repeated until precise: rows of what was decided about each, and the values to decide by."""

import math
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from accio.domain.precision import Measured, measure
from accio_daemon.core.effects import MeasureRequest
from accio_daemon.core.terms import Round, RunNo
from accio_daemon.storage.rows.measured import measured_number
from accio_daemon.storage.sql import load

SQL = load("rounds")


def read_rounds(connection: sqlite3.Connection, run: RunNo) -> Mapping[int, Round]:
    """Read what was decided last about the points of a run; those in their first round aren't there."""
    return {
        point: Round(
            repetitions=repetitions,
            ended=bool(ended),
            measured=Measured(count=count, mean=math.nan if mean is None else mean, half=half),
        )
        for point, repetitions, ended, count, mean, half in connection.execute(SQL["of_run"], (run,))
    }


def rows_of(rounds: Mapping[tuple[RunNo, int], Round]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows to write."""
    for (run, point), each in rounds.items():
        mean = each.measured.mean
        found = (each.measured.count, None if math.isnan(mean) else mean, each.measured.half)
        yield run, point, each.repetitions, int(each.ended), *found


def measure_point(connection: sqlite3.Connection, request: MeasureRequest) -> Measured:
    """Read what the children of a point gave, by repetition, and return what that says."""
    which = {"run": request.run, "first": request.first, "end": request.end, "node": request.node}
    texts = (orjson.loads(outputs).get(request.port) for _, outputs in connection.execute(SQL["values"], which))
    found = (measured_number(request.type, request.member, text) for text in texts if text is not None)
    return measure([number for number in found if number is not None])
