"""Whom the queue serves first: the one interface that placing asks, and the policies that there are.

A policy ranks owners; among the heads of groups whose owners rank alike the earlier place is first. Ranks may change
with every node that is sent, and only rise by it, so that placing looks at a head again before it takes it.
"""

from collections.abc import Mapping
from typing import Protocol

from accio.domain.policies import FAIR, FIRST_COME
from accio_daemon.core.owners import Owner

Rank = tuple[bool, float]
"""How a group of the queue ranks, before places are compared: whether it is nice, then what its owner's rank is."""

LOOK_AHEAD = 60.0
"""Seconds that what is at agents counts as if it had run them already, so that hosts which are free at one moment are
shared out, not given to one who has used nothing yet.
"""


class Policy(Protocol):
    """Ranks owners."""

    shifts: bool  # whether ranks change as nodes are sent

    def rank(self, owner: Owner, mono: float) -> float:
        """Return a number: who has the least is served first."""
        ...


class FirstCome:
    """All owners rank alike: first come, first served."""

    shifts = False

    def rank(self, owner: Owner, mono: float) -> float:
        """Return the same for everybody."""
        return 0.0


class Fair:
    """Who used least lately is first: core-seconds, half of which count after a day, and what is at agents now."""

    shifts = True

    def rank(self, owner: Owner, mono: float) -> float:
        """Return what he used, and is about to."""
        return owner.used(mono) + owner.milli_cpus * LOOK_AHEAD / 1000


POLICIES: Mapping[str, Policy] = {FIRST_COME: FirstCome(), FAIR: Fair()}
