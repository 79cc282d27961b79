"""The reports that the daemon hasn't acknowledged: their numbers, which rise, and the attempts whose ends they tell."""

from collections.abc import Container, Iterator, Mapping


class Outbox:
    """Reports by number. What they say is in the journal."""

    def __init__(self, reports: Mapping[int, int], next_seq: int) -> None:
        """Begin with *reports* (number to attempt), and go on with this number."""
        self._attempts = dict(reports)
        self._next_seq = next_seq

    def __len__(self) -> int:
        return len(self._attempts)

    def __iter__(self) -> Iterator[int]:
        """Iterate over the numbers of reports, as they rise."""
        return iter(self._attempts)

    @property
    def attempts(self) -> list[int]:
        """The attempts that have ended, in the order of their reports."""
        return list(self._attempts.values())

    @property
    def reported(self) -> int:
        """The number of reports that there have been, those of earlier lives included."""
        return self._next_seq - 1

    def add(self, attempt: int) -> int:
        """Add the report of an attempt, and return its number."""
        seq = self._next_seq
        self._next_seq = seq + 1
        self._attempts[seq] = attempt
        return seq

    def remove(self, seq: int) -> bool:
        """Remove a report; False if it isn't there."""
        return self._attempts.pop(seq, None) is not None

    def of(self, attempts: Container[int]) -> list[int]:
        """Return the reports of these attempts."""
        return [seq for seq, attempt in self._attempts.items() if attempt in attempts]
