"""A bar of progress with lines below it."""

from collections.abc import Iterable, Sequence

from rich import progress
from rich.console import RenderableType
from rich.text import Text


class Progress(progress.Progress):
    """As that of rich; `below` are lines below the bars, cut where the terminal ends."""

    below: Sequence[str] = ()

    def get_renderables(self) -> Iterable[RenderableType]:
        """Return the bars, and then the lines."""
        yield from super().get_renderables()
        for line in self.below:
            yield Text(line, no_wrap=True, overflow="ellipsis", style="dim")
