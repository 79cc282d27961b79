"""The error of reading or writing one value, and how values are quoted in messages."""

import json
from decimal import Decimal
from typing import Any

_LONGEST_QUOTE = 80


class ValueProblem(ValueError):
    """A text or JSON value that is no value of the type; the message names the type and what was found."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def quote(value: Any) -> str:
    """Return a value as it stands in a definition, shortened for a message; texts are in quotation marks."""
    if isinstance(value, str):
        shown = json.dumps(value[: _LONGEST_QUOTE + 1], ensure_ascii=False)
        # A lone surrogate can't be printed; escape what isn't Unicode.
        shown = shown.encode("utf-8", "backslashreplace").decode()
    elif isinstance(value, bool):
        shown = "true" if value else "false"
    elif value is None:
        shown = "null"
    elif isinstance(value, int) and value.bit_length() > 4 * _LONGEST_QUOTE:
        return f"a number of about {value.bit_length() * 3 // 10} digits"
    elif isinstance(value, int | float | Decimal):
        shown = str(value)
    elif isinstance(value, dict):
        return f"an object of {_counted(len(value), 'member')}" if value else "an empty object"
    elif isinstance(value, list | tuple):
        return f"a list of {_counted(len(value), 'element')}" if value else "an empty list"
    else:
        return f"a {type(value).__name__}"
    return shown if len(shown) <= _LONGEST_QUOTE else shown[:_LONGEST_QUOTE] + "…"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
