"""A dictionary of the entries that came last, so that what is remembered stays bounded."""

from collections import OrderedDict
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Latest(OrderedDict[K, V]):
    """A mapping of a bounded number of entries, the latest last."""

    def __init__(self, most: int) -> None:
        """Keep *most* of them."""
        super().__init__()
        self.most = most

    def keep(self, key: K, value: V) -> None:
        """Put an entry last; the first one goes if that is one too many."""
        self[key] = value
        self.move_to_end(key)
        if len(self) > self.most:
            self.popitem(last=False)

    def use(self, key: K) -> V | None:
        """Return the value of an entry, which is the latest then; None without one."""
        found = self.get(key)
        if found is not None:
            self.move_to_end(key)
        return found
