"""An operator with inputs that list the values that there are."""

from typing import Literal

from accio import operator


@operator(version="1")
def Choose(
    mode: Literal["exact", "fast", "so long that it would be wider than a telephone if nothing kept it from that"],
    level: Literal[1, 2, 3] = 2,
    end: Literal["open", ""] | None = None,
) -> str:
    """Say what was chosen."""
    return f"{mode} {level} {end!r}"
