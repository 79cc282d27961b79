"""The watch over an event loop: how late it is."""

import asyncio
from collections.abc import Callable

import structlog

log = structlog.get_logger()

LOOK = 0.1
"""Seconds between looks."""

LATE = 0.1
"""How late it may be, in seconds, before the log says so."""


async def watch_loop(now: Callable[[], float], observe: Callable[[float], None] = lambda lag: None) -> None:
    """Measure for ever how late the event loop is; a blocked one is worth a line in the log."""
    while True:
        before = now()
        await asyncio.sleep(LOOK)
        lag = max(0.0, now() - before - LOOK)
        observe(lag)
        if lag > LATE:
            log.warning("event_loop_was_blocked", seconds=round(lag, 3))
