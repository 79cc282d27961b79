"""Times of messages, epoch milliseconds, as times of views."""

from datetime import UTC, datetime, timedelta

from accio.domain.problems import quote
from accio.errors import BadRequest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS = 86_400_000
_FIRST_MS = -62_135_596_800_000 + _DAY_MS
"""A day after the first time that Python has, so that every time zone has it, too."""
_LAST_MS = 253_402_300_799_999 - _DAY_MS
"""A day before the last one."""


def moment(epoch_ms: int) -> datetime | None:
    """Return the time that a message means; 0 means none.

    A time before the year 1 or after 9999, as of an agent whose clock is wrong, is shown as the first or last one that
    there is: one such time must not take away all that is shown beside it.
    """
    return _EPOCH + timedelta(milliseconds=min(max(epoch_ms, _FIRST_MS), _LAST_MS)) if epoch_ms else None


def epoch_ms(at: datetime | None) -> int:
    """Return a time for a message, 0 for none; without a time zone it is local. BadRequest if UTC hasn't got it."""
    if at is None:
        return 0
    if not isinstance(at, datetime):
        raise BadRequest(f"expected a datetime, found {quote(at)}")
    try:
        return (at.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)
    except (OverflowError, ValueError):
        raise BadRequest(f"expected a time between the years 1 and 9999 in UTC, found {at.isoformat()}") from None
