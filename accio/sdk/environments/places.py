"""Where images and Python environments are kept, and how several processes of a user make one of them once."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_cache_path

from accio.errors import FailedPrecondition

IMAGES = "images"
PYTHON = "python"


def kept(kind: str, name: str) -> Path:
    """Return where something is kept, whether it is there or not: `$XDG_CACHE_HOME/accio/KIND/NAME`."""
    try:
        return user_cache_path("accio") / kind / name
    except RuntimeError:
        raise FailedPrecondition(
            f"expected a home folder, or XDG_CACHE_HOME, to keep images in, found neither for user {os.getuid()}"
        ) from None


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Be the only process that makes what *path* names; others wait until it is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
