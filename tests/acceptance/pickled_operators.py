"""Operators that are handed, or hand on, what would run code if anybody unpickled it."""

import pickle
from pathlib import Path
from typing import NamedTuple

import numpy as np

from accio import OperatorContext, operator


class Bomb:
    """Touches a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path(self._path),)


def write_bombs(folder: Path, path: str) -> None:
    """Write what touches *path* when it is unpickled: as a pickle, and in an array of objects."""
    (folder / "bomb.pkl").write_bytes(pickle.dumps(Bomb(path)))
    np.save(folder / "bomb.npy", np.array([Bomb(path)], dtype=object), allow_pickle=True)


class Made(NamedTuple):
    """The two files."""

    array: Path
    pickled: Path


@operator(version="1")
def Make(ctx: OperatorContext, path: str) -> Made:
    """Make files that touch *path* when they are unpickled."""
    folder = ctx.dataset().path
    write_bombs(folder, path)
    return Made(folder / "bomb.npy", folder / "bomb.pkl")


@operator(version="1")
def Count(values: np.ndarray) -> int:
    """Count the elements of an array."""
    return len(values)


@operator(version="1")
def Size(data: Path) -> int:
    """Return the bytes of a file."""
    return data.stat().st_size


@operator(version="1")
def Echo(text: str) -> str:
    """Return a text."""
    return text
