"""Plain reports in columns: what the daemon reads of them, and what it refuses at the door."""

from typing import Any

import pytest

from accio.domain.quantities import LAST_MS
from accio.errors import BadRequest
from accio.v1 import agents_pb2
from accio.wire.report_columns import in_columns, plain_report, reports_in
from accio.wire.reports import numbered, reports_of, together

PLAIN = [
    (7, 5_999, 1, 2, 3, 4, 6, 1_000, 0, b'{"value":"1"}'),
    (8, 1, 2, 3, 4, 5, 7, 2_000, 11, '{"a":"\\"é\\"","b":"[1.0]"}'.encode()),
    (9, 0, 0, 0, 0, 0, 0, 1 << 50, 0, b"{}"),
]


def columns_of(**changed: Any) -> agents_pb2.ReportColumns:
    """Return good columns with some of their fields replaced."""
    columns = agents_pb2.AgentMessage.FromString(in_columns([*enumerate(PLAIN, start=1)])).reports.columns
    for name, value in changed.items():
        columns.ClearField(name)  # type: ignore[arg-type]  # each test names one
        if name == "outputs_json":
            columns.outputs_json = value
        else:
            getattr(columns, name).extend(value)
    return columns


def test_columns_say_what_reports_do() -> None:
    """Whether a plain report travels by itself or in columns makes no difference to the daemon."""
    serialised = together([numbered(seq, plain_report(each)) for seq, each in enumerate(PLAIN, start=1)])
    one_by_one = reports_of(agents_pb2.AgentMessage.FromString(serialised).reports)
    assert reports_in(columns_of()) == one_by_one
    assert [each.outputs for each in one_by_one] == [{"value": "1"}, {"a": '"é"', "b": "[1.0]"}, {}]
    assert [each.ended_ms for each in one_by_one] == [1_005, 2_000, LAST_MS]
    assert [each.log_bytes for each in one_by_one] == [0, 11, 0]


@pytest.mark.parametrize(
    "field", ["attempt", "wall_us", "user_cpu_us", "system_cpu_us", "peak_memory", "bytes_in", "bytes_out", "log_bytes"]
)
def test_columns_of_different_lengths_are_refused(field: str) -> None:
    """No report is made of another one's numbers."""
    with pytest.raises(BadRequest, match="columns of 3 reports"):
        reports_in(columns_of(**{field: [1, 2]}))
    with pytest.raises(BadRequest, match="columns of 3 reports"):
        reports_in(columns_of(**{field: [1, 2, 3, 4]}))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "JSON array"),
        ("{}", "array of objects"),
        ("[{},{}]", "columns of 3 reports"),
        ("[{},{},[]]", "array of objects"),
        ("[{},{},null]", "array of objects"),
        ('[{},{},{"value":1}]', "as a string"),
        ('[{},{},{"value":null}]', "as a string"),
    ],
)
def test_outputs_that_can_be_none_are_refused(text: str, why: str) -> None:
    """An object of texts stands for each report's outputs; whether these are of their types is judged later."""
    with pytest.raises(BadRequest, match=why):
        reports_in(columns_of(outputs_json=text))


def test_numbers_beyond_the_database_are_refused() -> None:
    """An attempt or a sequence number that no signed 64-bit integer holds is refused."""
    for field in ("attempt", "seq"):
        with pytest.raises(BadRequest, match="63-bit"):
            reports_in(columns_of(**{field: [1, 2, 1 << 63]}))
