"""Text for terminals: nothing from elsewhere may move the cursor, change colours or hide what stands there."""

import re
from datetime import datetime, timedelta
from functools import cache
from unicodedata import combining, east_asian_width

# Controls (C0 but tab and newline, DEL, C1), line and paragraph separators, marks and overrides of writing direction,
# zero-width characters, the byte order mark, tags, and what is no character at all.
_UNSAFE = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff"
    "\ud800-\udfff\U000e0000-\U000e007f"
)


def printable(text: str) -> str:
    r"""Return *text* on one line with every character visible; what isn't is written as an escape such as \x1b."""
    return text if _is_plain(text) else _pattern(_UNSAFE + "\t\n").sub(_escaped, text)


def printable_lines(text: str) -> str:
    """Return a text as `printable` does, but keep tabs and line ends."""
    return text if _is_plain(text) else _pattern(_UNSAFE).sub(_escaped, text)


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


@cache
def _pattern(characters: str) -> re.Pattern[str]:
    """Return the pattern of any of these characters, made when the first text isn't plain: it takes a millisecond."""
    return re.compile(f"[{characters}]")


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if found[0] in "\t\n\r":
        return {"\t": "\\t", "\n": "\\n", "\r": "\\r"}[found[0]]
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def columns(text: str) -> int:
    """Return how many columns *text* takes on a terminal: East Asian characters and emoji two, accents none."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(each) else 1 + (east_asian_width(each) in "WF") for each in text)


def shown_value(value: object) -> str:
    """Return a parameter's or artifact's value on one line, as it would be typed."""
    import orjson

    return printable(value if isinstance(value, str) else orjson.dumps(value, default=str).decode())


def local_time(at: datetime | None) -> str:
    """Return date and time of day in the user's time zone; nothing for none."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else ""


def duration(began: datetime | None, ended: datetime | None) -> str:
    """Return how long something took: <0.01 s, 0.25 s, 12 s, 3:05 min, 2:10 h."""
    if began is None or ended is None:
        return ""
    return span(ended - began)


def span(length: timedelta) -> str:
    seconds = max(length.total_seconds(), 0.0)
    if seconds < 0.005:
        return "<0.01 s"
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d} min"
    return f"{minutes // 60}:{minutes % 60:02d} h"


_UNITS = (("s", 1.0, 90.0), ("min", 60.0, 5400.0), ("h", 3600.0, 172_800.0), ("d", 86_400.0, float("inf")))
"""Each with its seconds, and up to how many seconds a range is told in it."""


def ranged(low_s: float, high_s: float) -> str:
    """Return a range of time in words: `2 to 5 min`, `50 s to 3 min`, `less than 1 s`."""
    if high_s < 1:
        return "less than 1 s"
    (low, low_unit), (high, high_unit) = _spoken(low_s), _spoken(high_s)
    if low_unit != high_unit:
        return f"{low} {low_unit} to {high} {high_unit}"
    return f"{high} {high_unit}" if low == high else f"{low} to {high} {high_unit}"


def _spoken(seconds: float) -> tuple[str, str]:
    unit, length = next((unit, length) for unit, length, most in _UNITS if seconds < most)
    amount = seconds / length
    return (f"{amount:.1f}" if amount < 10 and unit != "s" else f"{amount:.0f}").removesuffix(".0"), unit
