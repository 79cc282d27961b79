"""Python's collector of cycles, in processes that live long and free what they make by its reference counts.

With its own thresholds it would walk everything that is alive again and again.
"""

import gc

Thresholds = tuple[int, int, int]  # objects of each generation, as `gc.set_threshold` takes them

RARELY = 100_000
"""New objects after which cycles are looked for while modules are loaded: twice as many as a program of ours makes."""


def look_rarely() -> Thresholds:
    """Have the collector look for cycles after so many new objects that loading modules isn't kept waiting by it, and
    return the thresholds of before.

    Nearly all that modules make stays: with Python's own threshold, 700, such looks take a third of a program's start.
    """
    before = gc.get_threshold()
    gc.set_threshold(RARELY, *before[1:])
    return before


def look_as_usual(thresholds: Thresholds) -> None:
    """Go on with the thresholds of before, unless what was loaded since has set some of its own."""
    if gc.get_threshold() == (RARELY, *thresholds[1:]):
        gc.set_threshold(*thresholds)


def spare_imported(*thresholds: int) -> None:
    """Make the collector never look at what is there now, all that was imported, and at what comes by *thresholds*:
    objects of each generation, as `gc.set_threshold` takes them.
    """
    gc.freeze()
    gc.set_threshold(*thresholds)


class Portions:
    """Chooses how many new objects are looked at at a time: few while somebody would have to wait, else many.

    Many cost less: most of what is looked at while it is new is gone before it would be looked at for the first time.
    """

    def __init__(self, few: Thresholds, many: Thresholds) -> None:
        """Begin as the process does, which is with few."""
        self._few, self._many = few, many
        self._chosen = few

    def choose(self, *, few: bool) -> None:
        """Go on with few or with many; the next look may still be at what came before that."""
        wanted = self._few if few else self._many
        if wanted is not self._chosen:
            self._chosen = wanted
            gc.set_threshold(*wanted)
