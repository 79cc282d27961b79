"""Points in time, as options give them."""

from datetime import datetime, timedelta

import click

from accio_client.clock import now
from accio_client.moments import moment


def point_in_time(text: str, option: str, *, ahead: bool = False) -> datetime | None:
    """Return a time, or a span before now such as 90s, 3h or 2d; with *ahead*, from now on."""
    if not text:
        return None
    from accio.domain.datatypes import DURATION, TIMESTAMP  # few commands are given a time
    from accio.domain.values import ValueProblem, parse_text

    try:
        return moment(parse_text(TIMESTAMP, text).epoch_ms)
    except ValueProblem as problem:
        from_when = "from now on" if ahead else "before now"
        try:
            span = timedelta(milliseconds=parse_text(DURATION, text).ms)
            return (now() + span).replace(microsecond=0) if ahead else now() - span
        except (ValueProblem, OverflowError):
            raise click.UsageError(
                f"{option}: {problem.message}; a span {from_when} is fine too: 90s, 3h, 2.days"
            ) from None
