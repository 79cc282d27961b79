"""Arrays and data frames as inputs and outputs: files where they travel, values in the operator."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from accio import operator
from accio.sdk.execution import Failed, Finished
from tests.unit.sdk.executing import failure, finished, run

CSV = b"x,y\n1,a\n2,b\n"


class Both(NamedTuple):
    table: pd.DataFrame
    arrays: list[np.ndarray]


def outcome(op: Callable[..., Any], folder: Path, **files: Path) -> Finished | Failed:
    """Execute an operator with these files as its inputs."""
    inputs = ",".join(f'"{name}":"blake3:{name}"' for name in files)
    return run(op, folder, f"{{{inputs}}}", datasets={f"blake3:{name}": path for name, path in files.items()})


def test_arrays_come_and_go_as_files(tmp_path: Path) -> None:
    """What numpy.save made is an array in the operator; what it returns becomes such a file, called by the port."""
    np.save(tmp_path / "in.npy", np.arange(6).reshape(2, 3))

    @operator
    def double(x: npt.NDArray[np.int64]) -> np.ndarray:
        return x.T * 2

    done = finished(outcome(double, tmp_path, x=tmp_path / "in.npy"))
    (path,) = done.datasets.values()
    assert path == tmp_path / "value.npy"
    assert np.load(path).tolist() == [[0, 6], [2, 8], [4, 10]]


def test_outputs_never_overwrite_what_is_there(tmp_path: Path) -> None:
    """Several arrays of one port, and a file that the operator wrote under the port's name, are kept apart."""
    folder = tmp_path

    @operator
    def both() -> Both:
        (folder / "arrays.npy").write_text("mine")
        return Both(pd.DataFrame({"x": [1, 2]}), [np.zeros(1), np.ones(2)])

    done = finished(outcome(both, folder))
    assert {path.name for path in done.datasets.values()} == {"table.parquet", "arrays-1.npy", "arrays-2.npy"}
    assert (folder / "arrays.npy").read_text() == "mine"
    assert pd.read_parquet(folder / "table.parquet").x.tolist() == [1, 2]


@pytest.mark.parametrize("hint", [pd.DataFrame, pl.DataFrame, pa.Table], ids=lambda hint: hint.__module__)
def test_frames_are_read_from_what_a_file_holds(tmp_path: Path, hint: Any) -> None:
    """Parquet or CSV, whatever the file is called, as names are no part of what is compared."""
    pd.DataFrame({"x": [1, 2], "y": ["a", "b"]}).to_parquet(tmp_path / "table")
    (tmp_path / "text.parquet").write_bytes(CSV)
    seen: list[Any] = []

    def keep(one: Any, other: Any) -> Any:
        """Keep what comes."""
        seen.extend([one, other])
        return one

    keep.__annotations__.update({"one": hint, "other": hint, "return": hint})
    done = finished(outcome(operator(keep), tmp_path, one=tmp_path / "table", other=tmp_path / "text.parquet"))
    assert all(type(frame) is hint for frame in seen)
    assert [list(map(int, frame["x"].to_pylist() if hint is pa.Table else frame["x"])) for frame in seen] == [
        [1, 2]
    ] * 2
    (path,) = done.datasets.values()
    assert pd.read_parquet(path).y.tolist() == ["a", "b"]


def test_what_can_not_be_read_or_written_is_told(tmp_path: Path) -> None:
    """A file of another kind is bad input, with what was expected; what has no such file is bad output."""
    (tmp_path / "text").write_bytes(CSV)

    @operator
    def read(x: np.ndarray) -> None:
        raise AssertionError

    found = failure(outcome(read, tmp_path, x=tmp_path / "text"))
    assert "input 'x': expected a file that numpy.save makes for a NumPy array, found text" in found.message
    assert "found a folder" in failure(outcome(read, tmp_path, x=tmp_path)).message

    @operator
    def write() -> np.ndarray:
        return np.array([object()])

    assert "output 'value': a NumPy array that can't be written as .npy" in failure(outcome(write, tmp_path)).message
