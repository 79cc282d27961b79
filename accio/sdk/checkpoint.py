"""A node's checkpoint: a folder whose content outlives the attempt, once it is saved.

What an attempt saves is found by the next one of the same node, on whichever agent, if the attempt failed and is
retried, its agent was lost or drained, or its host's time was over. Success removes it. It is never part of the key: an
operator that goes on from a checkpoint must give what it would have given without.
"""

import os
import shutil
from pathlib import Path
from typing import Protocol


class CheckpointError(Exception):
    """A checkpoint can't be saved as it stands: a file changed meanwhile, or is none that can be kept."""


class Keeper(Protocol):
    """Who keeps checkpoints."""

    def restore(self, folder: Path) -> int:
        """Make *folder*, where nothing stands, with what an attempt saved last; return which attempt that was, 0 for
        none: then the folder is empty.
        """
        ...

    def save(self, folder: Path) -> None:
        """Keep the content of *folder*, all or none of it. CheckpointError, or OSError where space is wanting."""
        ...


class FolderKeeper:
    """Keeps what is saved in a folder: for tests, and outside of Accio."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def restore(self, folder: Path) -> int:
        """See `Keeper`."""
        if not self._folder.exists():
            folder.mkdir(parents=True)
            return 0
        shutil.copytree(self._folder, folder)
        return 1

    def save(self, folder: Path) -> None:
        """See `Keeper`."""
        draft = self._folder.with_name(self._folder.name + ".new")
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(folder, draft)
        shutil.rmtree(self._folder, ignore_errors=True)
        draft.rename(self._folder)


class Checkpoint(os.PathLike[str]):
    """The folder: a path (`open(ctx.checkpoint / "state.npz", "wb")`) whose content `save` keeps."""

    def __init__(self, folder: Path, keeper: Keeper) -> None:
        """Make the *folder*, with what an earlier attempt saved."""
        self._folder = folder
        self._keeper = keeper
        self._attempt = keeper.restore(folder)

    def __repr__(self) -> str:
        return f"<Checkpoint {str(self._folder)!r}: attempt={self._attempt}>"

    def __fspath__(self) -> str:
        return str(self._folder)

    def __truediv__(self, name: str | os.PathLike[str]) -> Path:
        return self._folder / name

    @property
    def folder(self) -> Path:
        """The folder. What is written to it and not saved is gone with the attempt."""
        return self._folder

    @property
    def attempt(self) -> int:
        """Which attempt of the node saved what the folder held at first, from 1; 0 if there was nothing."""
        return self._attempt

    def save(self) -> None:
        """Keep the folder's content as it is now, all or none of it, in place of what was saved before."""
        self._keeper.save(self._folder)
