"""A canvas of Braille dots: each character of the terminal holds two by four."""

from collections.abc import Sequence

import numpy as np

from accio_client.analysis.columns import Floats, Ints

_FIRST = 0x2800
# The bit of each dot of a character, by row and column.
_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], dtype=np.int64)
_RESET = "\x1b[0m"


class Canvas:
    """Dots in a square from 0 to 1 in both directions, upwards; each character remembers who drew in it last."""

    def __init__(self, width: int, height: int) -> None:
        """Make a canvas of a number of characters."""
        self.width, self.height = width, height
        self._dots = np.zeros((height * 4, width * 2), dtype=np.bool_)
        self._series = np.full((height, width), -1, dtype=np.int64)

    def points(self, across: Floats, up: Floats, series: int) -> None:
        """Draw dots; those that aren't finite, or lie outside, are left out."""
        inside = (across >= 0) & (across <= 1) & (up >= 0) & (up <= 1)
        columns = np.rint(across[inside] * (self.width * 2 - 1)).astype(np.int64)
        rows = np.rint((1 - up[inside]) * (self.height * 4 - 1)).astype(np.int64)
        self._draw(rows, columns, series)

    def polyline(self, across: Floats, up: Floats, series: int) -> None:
        """Draw a line through points, interrupted where one isn't finite."""
        self.points(across, up, series)
        ends = np.isfinite(across[:-1]) & np.isfinite(across[1:]) & np.isfinite(up[:-1]) & np.isfinite(up[1:])
        steps = np.linspace(0, 1, 2 * self.width + 4 * self.height) if len(across) < 500 else np.linspace(0, 1, 16)
        for at in np.flatnonzero(ends):
            self.points(
                across[at] + (across[at + 1] - across[at]) * steps, up[at] + (up[at + 1] - up[at]) * steps, series
            )

    def bars(self, across: Floats, low: Floats, high: Floats, series: int) -> None:
        """Draw vertical lines: an interval at each place."""
        steps = np.linspace(0, 1, self.height * 4)
        for at in np.flatnonzero(np.isfinite(low) & np.isfinite(high)):
            self.points(np.full(len(steps), across[at]), low[at] + (high[at] - low[at]) * steps, series)

    def row_of(self, up: float) -> int:
        """Return the row of characters that a height is in."""
        return min(self.height - 1, max(0, int((1 - up) * self.height)))

    def rows(self, colours: Sequence[str]) -> list[str]:
        """Return the lines of characters, coloured by who drew in them if there are *colours*."""
        blocks = self._dots.reshape(self.height, 4, self.width, 2).transpose(0, 2, 1, 3)
        codes = (blocks * _BITS).sum(axis=(2, 3)) + _FIRST
        return [self._row(codes[row], self._series[row], colours) for row in range(self.height)]

    def _row(self, codes: Ints, series: Ints, colours: Sequence[str]) -> str:
        characters = [chr(code) if code > _FIRST else " " for code in codes.tolist()]
        if not colours:
            return "".join(characters)
        return "".join(
            character if number < 0 else f"{colours[number % len(colours)]}{character}{_RESET}"
            for character, number in zip(characters, series.tolist(), strict=True)
        )

    def _draw(self, rows: Ints, columns: Ints, series: int) -> None:
        self._dots[rows, columns] = True
        self._series[rows // 4, columns // 2] = series
