"""Where an operator's words go while it runs."""

import sys
from collections.abc import Mapping
from typing import Protocol

from accio.domain.series import Series


class Sinks(Protocol):
    """Where an operator's words go while it runs."""

    def log(self, text: str) -> None:
        """Keep one message."""

    def progress(self, fraction: float) -> None:
        """Show how much is done, from 0 to 1."""

    def measured(self, name: str, series: Mapping[str, Series]) -> None:
        """Show the series of the execution, of which the one of this *name* has a new point."""


class ConsoleSinks:
    """Messages go to stderr, progress and series nowhere."""

    def log(self, text: str) -> None:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def progress(self, fraction: float) -> None:
        """Do nothing: nobody watches."""

    def measured(self, name: str, series: Mapping[str, Series]) -> None:
        """Do nothing: nobody watches."""
