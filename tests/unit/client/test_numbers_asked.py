"""Numbers and times at the edges of what messages and calendars hold, in and out of the client."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from accio.errors import BadRequest
from accio.v1 import accio_pb2, runs_pb2
from accio_client import Client
from accio_client.cli.text import local_time
from accio_client.from_wire import access
from accio_client.from_wire.nodes import attempt
from accio_client.moments import epoch_ms, moment

EDGES = [2**56 - 1, 2**63 - 1, 253_402_300_800_000, 253_402_300_799_999, -(2**63), -62_135_596_800_000]

# Each is refused before anything is sent: there is no daemon here.
ABSURD: dict[str, Callable[[Client], Any]] = {
    "limit: expected a whole number of 0 or more, found -1": lambda client: client.events("r", limit=-1),
    "limit: expected a whole number from 0 to 1000, found 1001": lambda client: client.list_allocations(limit=1001),
    "token: expected a whole number from 0 to 72057594037927935, found 100000000000000000000": (
        lambda client: client.revoke_token(10**20)
    ),
    "expires_in_ms: expected a whole number from 0 to 72057594037927935, found -5": (
        lambda client: client.create_token("agent", expires_in_ms=-5)
    ),
    "kept: expected a whole number from 0 to 10000, found 99999999999": (
        lambda client: client.change_pool("p", kept=99_999_999_999)
    ),
    "quota: expected a whole number of 0 or more, found -1": lambda client: client.collect_garbage(quota=-1),
    "nodes: expected a whole number from 0 to 72057594037927935, found -1": (
        lambda client: client.change_cap("everybody", nodes=-1)
    ),
    "cpus: expected a finite number, found nan": lambda client: client.change_cap("everybody", cpus=float("nan")),
    "cpus: expected a finite number, found inf": lambda client: client.change_cap("everybody", cpus=float("inf")),
}


@pytest.mark.parametrize("told", ABSURD)
def test_a_number_that_no_message_holds_is_refused_by_its_name(told: str) -> None:
    """With what was expected and found."""
    with Client("127.0.0.1:1", token="none") as client, pytest.raises(BadRequest) as raised:
        ABSURD[told](client)
    assert told == str(raised.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.get_run("x\udc80"),
        lambda client: client.update("last", notes="\ud800"),
        lambda client: client.submit("w", idempotency_key="x\ud800"),
        lambda client: next(client.watch("x\udc80")),
        lambda client: client.backup("/tmp/\udcff"),
    ],
)
def test_half_a_character_is_refused(call: Callable[[Client], Any]) -> None:
    """A text that UTF-8 hasn't got, as of a file's name in another encoding, is told with its place and what to do."""
    with (
        Client("127.0.0.1:1", token="none") as client,
        pytest.raises(BadRequest, match=r"found .*\\.*half a character"),
    ):
        call(client)


@pytest.mark.parametrize("number", [10**5000, -(10**5000), 10**1001], ids=["5001 digits", "negative", "1002 digits"])
def test_a_number_of_too_many_digits_is_refused(number: int) -> None:
    """Numbers that Python itself writes no more are told by their length, in parameters and elsewhere."""
    with Client("127.0.0.1:1", token="none") as client:
        with pytest.raises(BadRequest, match="/params/x: expected a number of at most 1000 digits, found a number of"):
            client.submit("w", x=number)
        with pytest.raises(BadRequest, match="found a number of about"):
            client.revoke_token(number)


def test_what_is_no_time_is_refused() -> None:
    """A text where a time is wanted is told as what it is."""
    with pytest.raises(BadRequest, match='expected a datetime, found "yesterday"'):
        epoch_ms("yesterday")  # type: ignore[arg-type]  # on purpose


@pytest.fixture(params=["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The time zone of this process: in the middle, and furthest to both sides."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("at", EDGES)
@pytest.mark.usefixtures("zone")
def test_a_time_without_a_date_hides_nothing_beside_it(at: int) -> None:
    """It is shown as the first or the last time that there is, wherever one lives."""
    shown = local_time(moment(at))
    assert shown.startswith("9999-12-3" if at > 0 else ("0001-01-0", "1-01-0"))
    assert access.token(accio_pb2.Token(id=3, kind=accio_pb2.TOKEN_KIND_USER, expires_at_ms=at)).id == 3
    assert attempt(runs_pb2.Attempt(id=4, state="success", started_at_ms=at, ended_at_ms=at)).id == 4


def test_other_times_are_exact() -> None:
    """To the millisecond, and 0 is none."""
    assert moment(1) == datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=UTC)
    assert moment(1_790_000_000_123) == datetime(2026, 9, 21, 14, 13, 20, 123000, tzinfo=UTC)
    assert moment(0) is None


@pytest.mark.usefixtures("zone")
def test_a_time_without_a_zone_is_local() -> None:
    """Wherever a time is asked for: of runs as of usage."""
    at = datetime(2026, 9, 21, 14, 13, 20, 123000)  # noqa: DTZ001 - local
    assert epoch_ms(at) == round(at.timestamp() * 1000)
    assert epoch_ms(None) == 0
    assert moment(epoch_ms(at)) == at.astimezone(UTC)


@pytest.mark.parametrize("at", [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59)])  # noqa: DTZ001 - local
def test_a_time_that_utc_has_not_is_refused(at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what was expected."""
    monkeypatch.setenv("TZ", "Pacific/Kiritimati" if at.year == 1 else "Pacific/Pago_Pago")
    time.tzset()
    try:
        with pytest.raises(BadRequest, match="expected a time between the years 1 and 9999 in UTC, found"):
            epoch_ms(at)
    finally:
        monkeypatch.undo()
        time.tzset()
