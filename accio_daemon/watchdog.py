"""Notices when the event loop is held up: heartbeats wait then, and with them every agent's lease."""

import asyncio

import structlog

log = structlog.get_logger(__name__)

_EVERY_S = 0.5
_LATE_S = 0.25


async def watch_loop() -> None:
    """Say how late a short sleep ended, whenever that is worth a word; runs until cancelled."""
    now = asyncio.get_running_loop().time
    while True:
        expected = now() + _EVERY_S
        await asyncio.sleep(_EVERY_S)
        late = now() - expected
        if late > _LATE_S:
            log.warning("the event loop was held up", seconds=round(late, 3))
