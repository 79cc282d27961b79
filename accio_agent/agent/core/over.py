"""The numbers of attempts that are over here, so that one that is assigned again is recognised."""

REMEMBERED = 20_000
"""How many are remembered at least, the latest; never more than twice as many."""


class Over:
    """A set of numbers that forgets the oldest ones, many at a time."""

    def __init__(self, numbers: set[int]) -> None:
        self._recent = numbers
        self._older: set[int] = set()

    def __contains__(self, no: int) -> bool:
        return no in self._recent or no in self._older

    def add(self, no: int) -> None:
        """Remember a number."""
        if len(self._recent) >= REMEMBERED:
            self._older, self._recent = self._recent, set()
        self._recent.add(no)
