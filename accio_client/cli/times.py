"""Points in time, as options give them."""

from datetime import datetime, timedelta

import click

from accio_client.clock import now
from accio_client.moments import moment


def point_in_time(text: str, option: str) -> datetime | None:
    """Return a time, or a span before now such as 90s, 3h or 2d."""
    if not text:
        return None
    from accio.domain.datatypes import DURATION, TIMESTAMP  # few commands are given a time
    from accio.domain.values import ValueProblem, parse_text

    try:
        return moment(parse_text(TIMESTAMP, text).epoch_ms)
    except ValueProblem as problem:
        try:
            return now() - timedelta(milliseconds=parse_text(DURATION, text).ms)
        except (ValueProblem, OverflowError):
            raise click.UsageError(
                f"{option}: {problem.message}; a span before now is fine too: 90s, 3h, 2.days"
            ) from None
