"""An operator that tries to get at what belongs to its agent."""

import os
from contextlib import suppress
from pathlib import Path

from accio import operator


@operator(version="1")
def Pry(agent: int, files: list[str]) -> list[str]:
    """Return what this process could read of these files and of the agent's process, and whom it can become."""
    places = [*map(Path, files), *(Path(f"/proc/{agent}") / name for name in ("environ", "mem", "maps"))]
    found = []
    for place in places:
        with suppress(OSError):
            place.open("rb").close()
            found.append(place.name)
    with suppress(PermissionError):
        os.seteuid(0)
        found.append("root")
    return found


@operator(version="1")
def Write(text: str) -> str:
    """Write into a file of the working folder and to the terminal's name, and return who owns that file."""
    Path("own").write_text(text)
    Path("/dev/stdout").write_text(text)
    return str(Path("own").stat().st_uid)
