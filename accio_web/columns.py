"""Results that are kept in memory, so that a picture costs the daemon what changed since the last one, and no more."""

from collections import OrderedDict
from collections.abc import Iterator, MutableMapping

from accio_client.collected import Collected, Reading

LARGEST = 512 << 20
"""Bytes of columns that are kept by default."""


class Columns(MutableMapping[Reading, Collected]):
    """What was read, by what was asked: the least recently used go first when all take more than *largest* bytes."""

    def __init__(self, largest: int = LARGEST) -> None:
        self._largest = largest
        self._kept: OrderedDict[Reading, Collected] = OrderedDict()

    def __repr__(self) -> str:
        return f"Columns({len(self._kept)} readings, {self.bytes:,} bytes)"

    @property
    def bytes(self) -> int:
        """How much memory the columns take."""
        return sum(map(_bytes, self._kept.values()))

    def __getitem__(self, reading: Reading) -> Collected:
        found = self._kept[reading]
        self._kept.move_to_end(reading)
        return found

    def __setitem__(self, reading: Reading, collected: Collected) -> None:
        self._kept[reading] = collected
        self._kept.move_to_end(reading)
        while len(self._kept) > 1 and self.bytes > self._largest:
            self._kept.popitem(last=False)

    def __delitem__(self, reading: Reading) -> None:
        del self._kept[reading]

    def __iter__(self) -> Iterator[Reading]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)


def _bytes(collected: Collected) -> int:
    table = collected.table
    numbers = sum(
        each.values.nbytes + (0 if each.present is None else each.present.nbytes) for each in table.numbers.values()
    )
    texts = sum(each.codes.nbytes for each in table.texts.values())
    failures = collected.failures
    return int(
        table.states.nbytes + numbers + texts + failures.children.nbytes + failures.nodes.nbytes + failures.codes.nbytes
    )
