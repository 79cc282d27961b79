"""The hints and values that operators use besides Python's own and the quantities of `accio.domain.quantities`."""

import os
from pathlib import Path
from typing import NewType

from accio.late import dataclass

Byte = NewType("Byte", int)
"""An `int` hint for a port of type byte (8 bits, signed)."""

Long = NewType("Long", int)
"""An `int` hint for a port of type long (64 bits, signed); a plain `int` is an integer (32 bits)."""


@dataclass(frozen=True, slots=True)
class Help:
    """Describes a port: `epsilon: Annotated[float, Help("Noise, in 1/m.")]`."""

    text: str


@dataclass(frozen=True, slots=True)
class Whole:
    """Makes a record one port: `start: Annotated[Point, Whole()]` is a map from the names of fields to their values.

    Its fields are all of one type, or all numbers.
    """


@dataclass(frozen=True, slots=True)
class WritableCopy:
    """Asks for a copy of a dataset that may be written to, such as `data: Annotated[Dataset, WritableCopy()]`.

    The copy is called *name*, if that is given: for what goes by the suffix of a file.
    """

    name: str = ""

    def __post_init__(self) -> None:
        if self.name in {".", ".."} or "/" in self.name or "\0" in self.name:
            raise ValueError(f"expected the name of a file or a folder, found {self.name!r}")


@dataclass(frozen=True, slots=True, order=True)
class Dataset:
    """A file or a folder. What an operator receives is read-only, unless it asks for a `WritableCopy`.

    What it returns must not change afterwards.
    """

    path: Path

    def __init__(self, path: str | os.PathLike[str]) -> None:
        object.__setattr__(self, "path", Path(path))

    def __fspath__(self) -> str:
        return str(self.path)

    def __truediv__(self, name: str | os.PathLike[str]) -> Path:
        """Return the path of a file in the folder: `data / "events.parquet"`."""
        return self.path / name
