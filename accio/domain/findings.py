"""Collecting issues while a document is read: shape checks that report and go on, so that one pass finds everything."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from accio.domain.issues import Issue, pointer
from accio.domain.names import MAX_LENGTH, Suggestions
from accio.domain.numbers import whole_number
from accio.domain.problems import ValueProblem, quote

_SHOWN_KEYS = 4
_REPORTED_KEYS = 100


def is_ignored(key: str) -> bool:
    """Return whether a key of a definition is for others: `$schema`, and what begins with `x-`."""
    return key == "$schema" or key.startswith("x-")


class Findings:
    """The errors and warnings of one document, in the order in which they were found."""

    def __init__(self) -> None:
        self.errors: list[Issue] = []
        self.warnings: list[Issue] = []

    def error(self, path: str, message: str, suggestion: str | None = None, *, lacks: str | None = None) -> None:
        """Add an error; *lacks* names the operator that isn't there, if that is the error."""
        self.errors.append(Issue(path, message, suggestion, lacks=lacks))

    def warn(self, path: str, message: str) -> None:
        """Add a warning."""
        self.warnings.append(Issue(path, message))

    def problem(self, path: str, problem: ValueProblem) -> None:
        """Add an error of reading a value."""
        self.errors.append(Issue(path, problem.message))

    def object(self, value: Any, path: str, what: str) -> Mapping[str, Any] | None:
        """Return an object, or report what is there instead."""
        if isinstance(value, Mapping):
            return value
        self.error(path, f"expected {what} (an object), found {quote(value)}")
        return None

    def array(self, value: Any, path: str, what: str) -> list[Any] | None:
        """Return an array, or report what is there instead."""
        if isinstance(value, list):
            return value
        self.error(path, f"expected {what} (an array), found {quote(value)}")
        return None

    def text(self, document: Mapping[str, Any], key: str, path: str, max_bytes: int | None = None) -> str | None:
        """Return the text under *key*; None if it is absent, or isn't one (which is reported)."""
        if key not in document:
            return None
        value = document[key]
        where = path + pointer(key)
        if not isinstance(value, str):
            self.error(where, f"expected a text, found {quote(value)}")
            return None
        if max_bytes is not None and len(value.encode()) > max_bytes:
            self.error(where, f"expected at most {max_bytes} bytes of text, found {len(value.encode())}")
            return None
        return value

    def whole_number(
        self,
        document: Mapping[str, Any],
        key: str,
        path: str,
        *,
        least: int,
        most: int | None = None,
        otherwise: int,
        of: str = "",
        or_else: str = "",
    ) -> int:
        """Return the whole number under *key*; *otherwise* if it is absent, or isn't one in range (which is reported).

        *of* and *or_else* are those of `numbers.whole_number`.
        """
        if key not in document:
            return otherwise
        try:
            return whole_number(document[key], least, most, of=of, or_else=or_else)
        except ValueProblem as problem:
            self.problem(path + pointer(key), problem)
            return otherwise

    def no_form(self, value: Mapping[str, Any], keys: Iterable[str], path: str, expected: str) -> None:
        """Report an object that has none of the *keys* by which its forms are told apart, or several of them."""
        known = Suggestions(keys)
        meant = next((close for key in islice(value, _SHOWN_KEYS) if (close := known.closest(key))), None)
        shown = ", ".join(quote(key) for key in islice(value, _SHOWN_KEYS))
        more = " and others" if len(value) > _SHOWN_KEYS else ""
        found = f"an object with {shown}{more}" if value else "an empty object"
        self.error(path, f"{expected}, found {found}", None if meant in value else meant)

    def known_keys(self, document: Mapping[str, Any], known: Iterable[str], path: str, what: str) -> None:
        """Report the keys that aren't *known*: the first of them one by one, as a document may have any number."""
        allowed = tuple(known)
        unknown = [key for key in document if key not in allowed and not is_ignored(key)]
        names = Suggestions(allowed)
        for key in unknown[:_REPORTED_KEYS]:
            told = key if len(key) <= MAX_LENGTH else f"{key[:MAX_LENGTH]}…"
            message = f"'{told}' is no key of {what}; expected {', '.join(allowed)}"
            self.error(path + pointer(told), message, names.closest(key))
        if more := len(unknown[_REPORTED_KEYS:]):
            self.error(path, f"{more} more keys are none of {what}")
