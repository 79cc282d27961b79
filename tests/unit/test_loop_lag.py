"""The watch over event loops."""

import asyncio

from structlog.testing import capture_logs

from accio.loop_lag import LATE, LOOK, watch_loop


async def test_a_blocked_loop_is_measured_and_logged() -> None:
    """How late each look is, is measured; one that is far too late leaves a line in the log, a punctual one none."""
    times = iter([10.0, 10.0 + LOOK, 20.0, 20.0 + LOOK + 5 * LATE, 30.0])
    found: list[float] = []
    enough = asyncio.Event()

    def observe(lag: float) -> None:
        found.append(round(lag, 6))
        if len(found) == 2:
            enough.set()

    with capture_logs() as lines:
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(watch_loop(lambda: next(times), observe))
            await enough.wait()
            watching.cancel()
    assert found == [0.0, 5 * LATE]
    assert [(line["event"], line["seconds"]) for line in lines] == [("event_loop_was_blocked", 0.5)]
