"""Large messages, encoded where they are read."""

from typing import NamedTuple


class EncodedChunk(NamedTuple):
    """A chunk as it is sent. The reader's thread, or process, encodes it and lets go of what it was made of: the event
    loop would stand still for either.
    """

    data: bytes
    rows: int
    low: int | None  # where the next one begins


class EncodedColumns(NamedTuple):
    """Columns of some children, likewise; without any there is no data."""

    data: bytes
    rows: int
    low: int | None
    characters: int  # that were read
    open: bytes  # the children that hadn't ended, as a part of ColumnsEnd
