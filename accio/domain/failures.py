"""Why an execution or a node ended without success, in one form for agent, daemon and clients."""

from collections.abc import Mapping

from accio.domain.states import Cause
from accio.late import dataclass

# Longest text of each field in UTF-8 bytes: a failure travels in a message and stays in the database.
TEXT_LIMIT = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A cause, a sentence, and what is known besides. Fields that don't apply are None or empty."""

    cause: Cause
    message: str
    exit_code: int | None = None
    signal: int | None = None
    exception: str = ""
    traceback: str = ""
    stdout_tail: str = ""
    stderr_tail: str = ""
    predecessor: str = ""

    @property
    def length(self) -> int:
        """How many characters its longer texts have."""
        return len(self.message) + len(self.traceback) + len(self.stdout_tail) + len(self.stderr_tail)

    def to_json(self) -> dict[str, str | int]:
        """Return the fields that say something."""
        # asdict would copy deeply, and thousands may be killed at once.
        values = ((name, getattr(self, name)) for name in self.__slots__)
        return {name: value for name, value in values if value is not None and value != ""}

    @classmethod
    def from_json(cls, document: Mapping[str, str | int]) -> "Failure":
        """Read what `to_json` gave."""
        fields = {"message": "", **document, "cause": Cause(str(document["cause"]))}
        return cls(**fields)  # type: ignore[arg-type]  # asdict's inverse: each field has its own type again


def clip(text: str, limit: int = TEXT_LIMIT) -> str:
    """Shorten a text to its last *limit* bytes of UTF-8, whole characters only, saying what is missing."""
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        return data.decode("utf-8")
    note = f"[{len(data) - limit} bytes left out] "
    return note + data[len(data) - limit + len(note) :].decode("utf-8", "ignore")
