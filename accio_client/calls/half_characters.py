"""Texts that no message can hold, told as what they are: the caller's mistake, with what to do about it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, contextmanager
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import TYPE_CHECKING, Any

from accio.errors import BadRequest
from accio_client.file_names import readable

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_SHOWN = 200


def telling(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return a call, a coroutine or an asynchronous generator, that tells of half characters among its arguments by
    BadRequest, where making a message of them raises an error of encoding; anything else as it is.
    """
    if iscoroutinefunction(call):

        @wraps(call)
        async def answered(*args: Any, **options: Any) -> Any:
            with _told():
                return await call(*args, **options)

        return answered
    if isasyncgenfunction(call):

        @wraps(call)
        async def streamed(*args: Any, **options: Any) -> AsyncGenerator[Any]:
            with _told():
                async with aclosing(call(*args, **options)) as items:
                    async for item in items:
                        yield item

        return streamed
    return call


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except UnicodeEncodeError as error:
        if error.encoding != "utf-8":
            raise
        raise BadRequest(
            f"expected text in UTF-8, found {readable(error.object)[:MOST_SHOWN]}, with half a character at position "
            f"{error.start}: it comes from bytes in another encoding, as of a file's name; decode them by that one, or "
            "rename the file"
        ) from None
