"""Times of messages, epoch milliseconds, as times of views."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(epoch_ms: int) -> datetime | None:
    """Return the time that a message means; 0 means none."""
    return _EPOCH + timedelta(milliseconds=epoch_ms) if epoch_ms else None


def epoch_ms(at: datetime | None) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1) if at else 0
