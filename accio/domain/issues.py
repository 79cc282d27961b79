"""What is wrong with a definition, in the form that every interface shows."""

from collections.abc import Sequence
from typing import Generic, TypeVar

from accio.domain.jsontypes import JsonObject
from accio.late import dataclass

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Issue:
    """One error or warning: where (a JSON pointer), what was expected and found, and perhaps what was meant.

    `line` and `column` count from 1 and are there for errors of JSON syntax only. `lacks` is the operator that nobody
    has offered, where that is the error: it is for who looks for the reason, and no part of what is shown or sent.
    """

    path: str
    message: str
    suggestion: str | None = None
    line: int | None = None
    column: int | None = None
    lacks: str | None = None

    def __str__(self) -> str:
        """Return the one-line form, for terminals and logs."""
        if self.line is not None:
            where = f"line {self.line}, column {self.column}: "
        else:
            where = f"{self.path}: " if self.path else ""
        hint = f" (did you mean {self.suggestion}?)" if self.suggestion else ""
        return f"{where}{self.message}{hint}"

    def to_json(self) -> JsonObject:
        """Return the object that `--json` prints; what is unknown is left out."""
        document: JsonObject = {"path": self.path, "message": self.message}
        if self.suggestion is not None:
            document["suggestion"] = self.suggestion
        if self.line is not None:
            document["line"] = self.line
        if self.column is not None:
            document["column"] = self.column
        return document


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked(Generic[T]):
    """The outcome of a check: a value exactly if there are no errors."""

    value: T | None
    errors: tuple[Issue, ...] = ()
    warnings: tuple[Issue, ...] = ()

    @property
    def valid(self) -> bool:
        """Whether the definition can be used."""
        return not self.errors


def pointer(*parts: str | int) -> str:
    """Return the RFC 6901 pointer of a place; no parts is the whole document."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def summary(issues: Sequence[Issue]) -> str:
    """Return all issues in one text, one per line."""
    return "\n".join(str(issue) for issue in issues)
