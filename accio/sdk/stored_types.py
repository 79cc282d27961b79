"""Arrays and data frames as datasets: an operator gets and returns them, a file is what travels.

They are known by the names of their classes, so that nothing is imported for it: whoever has such a value, or asks for
one, has imported the package. What a file holds is told from its first bytes, never from its name, as names are no part
of what is compared.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_origin

from accio.domain.problems import ValueProblem
from accio.late import dataclass

_PARQUET = b"PAR1"
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class StoredType:
    """A class whose values are kept as files."""

    name: str
    suffix: str
    expected: str  # what a file must be
    read: Callable[[Path], Any]
    write: Callable[[Any, Path], None]

    def load(self, path: Path) -> Any:
        """Return what a file holds; ValueProblem if it can't be read as that."""
        if not path.is_file():
            raise ValueProblem(f"expected {self.expected} for a {self.name}, found a folder")
        try:
            return self.read(path)
        except Exception as error:  # noqa: BLE001  # what libraries raise for a bad file has no common class
            raise ValueProblem(f"expected {self.expected} for a {self.name}, found {path.name}: {error}") from None

    def save(self, value: Any, path: Path) -> None:
        """Write a value; ValueProblem if it can't be written."""
        try:
            self.write(value, path)
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001  # as above
            raise ValueProblem(f"a {self.name} that can't be written as {self.suffix}: {error}") from None


def stored_type(annotation: Any) -> StoredType | None:
    """Return how values of a class are kept; None if they aren't."""
    kind = get_origin(annotation) or annotation
    if not isinstance(kind, type):
        return None
    names = (f"{base.__module__.partition('.')[0]}.{base.__qualname__}" for base in kind.__mro__)
    return next((found for name in names if (found := _TYPES.get(name)) is not None), None)


def _begins(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def _read_array(path: Path) -> Any:
    import numpy as np

    return np.load(path, allow_pickle=False)


def _write_array(value: Any, path: Path) -> None:
    import numpy as np

    np.save(path, value, allow_pickle=False)


def _read_pandas(path: Path) -> Any:
    import pandas as pd

    if _begins(path, _PARQUET):
        return pd.read_parquet(path)
    return pd.read_csv(path, compression="gzip" if _begins(path, _GZIP) else None)


def _read_polars(path: Path) -> Any:
    import polars as pl

    return pl.read_parquet(path) if _begins(path, _PARQUET) else pl.read_csv(path)


def _read_arrow(path: Path) -> Any:
    from pyarrow import csv, parquet

    return parquet.read_table(path) if _begins(path, _PARQUET) else csv.read_csv(path)


def _write_arrow(value: Any, path: Path) -> None:
    from pyarrow import parquet

    parquet.write_table(value, path)


_TABLE = "a Parquet or CSV file"
_TYPES = {
    "numpy.ndarray": StoredType("NumPy array", ".npy", "a file that numpy.save makes", _read_array, _write_array),
    "pandas.DataFrame": StoredType(
        "pandas data frame", ".parquet", _TABLE, _read_pandas, lambda frame, path: frame.to_parquet(path)
    ),
    "polars.DataFrame": StoredType(
        "polars data frame", ".parquet", _TABLE, _read_polars, lambda frame, path: frame.write_parquet(path)
    ),
    "pyarrow.Table": StoredType("Arrow table", ".parquet", _TABLE, _read_arrow, _write_arrow),
}
