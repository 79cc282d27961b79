"""The traceback of what an operator raised, as text.

A sweep may fail ten thousand times at the same place. How the interpreter got there is the same each time, and to say
it (with lines that are read from files and parsed for what to underline) takes as long as everything else that a worker
does for a node: so that part is kept, by place. What was raised is said anew each time.
"""

import traceback
from collections import OrderedDict
from types import CodeType, TracebackType
from typing import TypeAlias

_Place: TypeAlias = tuple[int, ...]
"""For each frame the identity of its code (code that is equal may be of another file), and where in it."""

PLACES = 128
"""How many places are kept, the latest ones; deeper ones than the second number aren't."""
DEEPEST = 32
_HEAD = "Traceback (most recent call last):\n"
# What holds others, and what was perhaps meant by a name, which the interpreter looks into frames for.
_SAY_MORE = (BaseExceptionGroup, NameError, AttributeError, ImportError)

_kept: OrderedDict[_Place, tuple[str, list[CodeType]]] = OrderedDict()  # with the code, so that it stays what it is


def traceback_text(error: BaseException, *, besides: str) -> str:
    """Return the text of a traceback without its first frames that are of the file *besides*."""
    frames: TracebackType | None = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == besides:
        frames = frames.tb_next
    try:
        if frames is not None and _is_alone(error):
            return (_HEAD + _way(frames) + "".join(traceback.format_exception_only(error))).rstrip()
        return "".join(traceback.format_exception(type(error), error, frames)).rstrip()
    except Exception as second:  # noqa: BLE001 - formatting calls somebody's __str__ and __repr__
        return f"(the traceback can't be shown: {type(second).__qualname__})"


def _is_alone(error: BaseException) -> bool:
    """Return whether nothing but the way to it and the error itself is to be said."""
    if error.__cause__ is not None or (error.__context__ is not None and not error.__suppress_context__):
        return False
    return not isinstance(error, _SAY_MORE)


def _way(frames: TracebackType) -> str:
    """Return how the interpreter got to where the error was raised."""
    code: list[CodeType] = []
    place: list[int] = []
    step: TracebackType | None = frames
    while step is not None:
        if len(code) == DEEPEST:
            return "".join(traceback.format_tb(frames))
        code.append(step.tb_frame.f_code)
        place += (id(code[-1]), step.tb_lasti)
        step = step.tb_next
    key = tuple(place)
    found = _kept.get(key)
    if found is None:
        found = _kept[key] = "".join(traceback.format_tb(frames)), code
        if len(_kept) > PLACES:
            _kept.popitem(last=False)
    return found[0]
