"""What is wrong with a query: a sentence, the place in the text, and perhaps what was meant."""

from collections.abc import Sequence

_LONGEST_LINE = 100


class FilterProblem(ValueError):
    """A query that can't be read, or that asks for what there isn't. Columns count characters from 0."""

    def __init__(self, message: str, start: int = 0, end: int | None = None, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = start + 1 if end is None else max(end, start + 1)
        self.suggestion = suggestion

    def __str__(self) -> str:
        """Return the one-line form."""
        hint = f" (did you mean {self.suggestion}?)" if self.suggestion else ""
        return f"column {self.start + 1}: {self.message}{hint}"

    def report(self, text: str) -> str:
        """Return the message, with the place in *text* marked by carets below it."""
        hint = f"; did you mean {self.suggestion}?" if self.suggestion else ""
        return f"{self.message}{hint}\n{caret(text, self.start, self.end)}"


def caret(text: str, start: int, end: int) -> str:
    """Return the part of *text* around a place, and a line below it that marks the place.

    The text stays one line: what would break it, or move the carets, is shown as a space.
    """
    line = "".join(char if char.isprintable() else " " for char in text)
    left = max(0, start - _LONGEST_LINE // 2)
    shown = line[left : left + _LONGEST_LINE]
    before, after = "…" if left else "", "…" if left + _LONGEST_LINE < len(line) else ""
    at = start - left + len(before)
    width = max(1, min(end, left + _LONGEST_LINE) - start)
    return f"  {before}{shown}{after}\n  {' ' * at}{'^' * width}"


def listing(words: Sequence[str], most: int = 12) -> str:
    """Return words for a message, not too many of them."""
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")
