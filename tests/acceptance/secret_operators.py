"""An operator that looks for what nobody meant to show it."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from accio import operator


def _within_reach() -> Iterator[tuple[str, bytes]]:
    """Everything that a worker is given: its environment, command lines up to the first process, open descriptors."""
    own = Path("/proc/self")
    yield "environment", (own / "environ").read_bytes()
    for name, value in os.environ.items():
        yield f"variable {name}", value.encode()
    process = os.getpid()
    while process > 1:
        place = Path(f"/proc/{process}")
        yield f"command line of {process}", (place / "cmdline").read_bytes()
        process = int((place / "stat").read_text().rpartition(")")[2].split()[1])
    for descriptor in (own / "fd").iterdir():
        with suppress(OSError):
            yield f"descriptor {descriptor.name}", os.fsencode(descriptor.readlink())


@operator(version="1")
def Look(secrets: str) -> str:
    """Return where one of the secrets (separated by spaces) was found."""
    words = [each.encode() for each in secrets.split()]
    return ", ".join(place for place, content in _within_reach() if any(word in content for word in words))
