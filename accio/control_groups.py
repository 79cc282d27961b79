"""Where the control groups of this process are, of version 1, of version 2, and of both beside each other."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


def own_group(controller: str) -> Path | None:
    """Return the folder of this process's control group: of a controller of version 1, or of version 2 for an empty
    text.
    """
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        _, names, path = line.split(":", 2)
        if controller in names.split(","):
            roots = [ROOT / controller] if controller else [ROOT, ROOT / "unified"]
            for root in roots:
                folder = root / path.lstrip("/")
                if folder.is_dir():
                    return folder
    return None


def groups_above(group: Path | None) -> Iterator[Path]:
    """Return a control group and all that it lies in: the limits of each of them hold."""
    while group is not None and group != ROOT.parent:
        yield group
        group = group.parent
