"""Writing JSON: strings and whole documents in canonical form (no white space, keys sorted, UTF-8)."""

from decimal import Decimal
from typing import Any

import orjson


def json_string(text: str) -> str:
    """Return *text* as a JSON string: only the quotation mark, the backslash and control characters are escaped.

    Raises ValueError for text that is no Unicode (a lone surrogate).
    """
    try:
        return orjson.dumps(text).decode()
    except orjson.JSONEncodeError:
        raise ValueError("the text holds a lone surrogate, which is no Unicode character") from None


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def canonical_dump(document: Any) -> str:
    """Return a document of texts, integers, booleans, lists and objects as canonical JSON.

    Keys are sorted by their UTF-8 bytes. Integers are limited to 64 bits, which is all that definitions hold.
    """
    return orjson.dumps(document, default=_plain, option=orjson.OPT_SORT_KEYS).decode()


def object_text(members: dict[str, str]) -> str:
    """Join rendered values to a canonical JSON object; the keys are sorted by their UTF-8 bytes."""
    ordered = sorted(members, key=lambda key: key.encode())
    return "{" + ",".join(f"{json_string(key)}:{members[key]}" for key in ordered) + "}"
