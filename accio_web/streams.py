"""Server-sent events."""

from collections.abc import AsyncGenerator

from starlette.responses import StreamingResponse

RETRY_MS = 2000


def event_stream(messages: AsyncGenerator[bytes]) -> StreamingResponse:
    """Return the messages as a stream of events; an empty one becomes a remark that keeps the connection."""

    async def events() -> AsyncGenerator[bytes]:
        yield b"retry: %d\n\n" % RETRY_MS
        try:
            async for message in messages:
                yield b"data: " + message + b"\n\n" if message else b": still here\n\n"
        finally:
            await messages.aclose()

    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(events(), headers=headers, media_type="text/event-stream")
