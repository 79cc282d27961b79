"""Large messages, encoded where they are read."""

from accio.late import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedChunk:
    """A chunk as it is sent. The reader's thread encodes it and lets go of what it was made of: the event loop would
    stand still for either.
    """

    data: bytes
    rows: int
    low: int | None  # where the next one begins
