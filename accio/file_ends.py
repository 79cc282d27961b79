"""The end of a file that may be long, as of what a process has said."""

from pathlib import Path


def end_of(path: Path, most: int) -> bytes:
    """Return the last bytes of a file, at *most* so many; raises OSError."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - most))
        return file.read(most)
