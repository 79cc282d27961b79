"""Trials of a study that have ended, in the order in which they did: what its sampler knows."""

from collections.abc import Sequence


class Told:
    """The trials that have ended, and whether the next one is being asked for."""

    __slots__ = ("asking", "order", "trials")

    def __init__(self, order: Sequence[int]) -> None:
        """Go on from the stored *order*."""
        self.order = list(order)
        self.trials = set(order)
        self.asking = False

    def tell(self, trial: int) -> int:
        """Note that a trial has ended, and return its place in the order."""
        self.order.append(trial)
        self.trials.add(trial)
        return len(self.order) - 1

    def __repr__(self) -> str:
        return f"Told({self.order}, asking={self.asking})"
