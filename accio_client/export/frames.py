"""A table in memory, and its forms for Arrow, pandas and polars."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from accio.errors import BadRequest, FailedPrecondition
from accio.late import dataclass
from accio_client.export.arrow import arrow_table
from accio_client.export.columns import Batch, Cell, Column

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of runs, column by column: what `accio export -wide` writes. An empty cell is None."""

    columns: tuple[Column, ...]
    cells: Batch

    def __len__(self) -> int:
        return len(self.cells[0])

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def __getitem__(self, name: str) -> Sequence[Cell]:
        """Return the cells of a column."""
        return self.cells[self.names.index(name)]

    def rows(self) -> Iterator[dict[str, Cell]]:
        """Yield the rows as dictionaries."""
        for row in zip(*self.cells, strict=True):
            yield dict(zip(self.names, row, strict=True))

    def to_arrow(self) -> "pyarrow.Table":
        """Return an Arrow table; needs pyarrow (pip install 'accio-experiments[parquet]')."""
        return arrow_table(self.columns, self.cells)

    def to_pandas(self) -> "pandas.DataFrame":
        """Return a pandas frame; needs pandas and pyarrow. Integers with gaps become floats, as pandas does."""
        _require("pandas")
        frame: pandas.DataFrame = self.to_arrow().to_pandas()
        return frame

    def to_polars(self) -> "polars.DataFrame":
        """Return a polars frame; needs polars and pyarrow."""
        _require("polars")
        import polars

        frame = polars.from_arrow(self.to_arrow())
        assert isinstance(frame, polars.DataFrame)
        return frame


BACKENDS = {"pandas": "pandas", "polars": "polars", "arrow": "pyarrow"}
"""The kinds of data frames, and the package that each needs."""


def in_backend(table: Table, backend: str) -> Any:
    """Return a table as a data frame of a kind."""
    require_backend(backend)
    match backend:
        case "pandas":
            return table.to_pandas()
        case "polars":
            return table.to_polars()
        case _:
            return table.to_arrow()


def require_backend(backend: str) -> Any:
    """Return the package of a kind of data frame; BadRequest if there is no such kind."""
    if backend not in BACKENDS:
        raise BadRequest(f"expected a backend of {', '.join(BACKENDS)}, found {backend!r}")
    return _require(BACKENDS[backend])


def _require(package: str) -> Any:
    from importlib import import_module

    try:
        return import_module(package)
    except ModuleNotFoundError:
        raise FailedPrecondition(f"this table's form needs the package {package}: pip install {package}") from None
