"""How fast a run that is followed goes on, and when it will end at that rate, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accio.domain.states import NODE_TERMINAL
from accio_client.analysis.forecast import Pace
from accio_client.cli.text import ranged

if TYPE_CHECKING:
    from accio_client.views import NodeCountsView, RunView

EVERY_S = 10.0
EVERY_SHARE = 0.05
"""Off a terminal, after how many seconds progress is told again, and after how much more has ended."""
LEAST_S = 1.0
"""Between two lines about one run, whatever has ended."""

_ENDED = {state.value for state in NODE_TERMINAL}


def ended(run: RunView) -> int:
    """Return how many nodes of a run have ended."""
    return sum(count for state, count in run.nodes_by_state.items() if state in _ENDED)


def forecast(run: RunView, pace: Pace) -> str:
    """Return the rate, and the range in which the run will end, in words; nothing while that can't be told."""
    left = sum(run.nodes_by_state.values()) - ended(run)
    rates, ends = pace.rates(), pace.left(left)
    if not rates or ends is None:
        return ""
    soonest, latest = (each.total_seconds() for each in ends)
    return f"{rates[0]:.3g} nodes/s, ends in {ranged(soonest, latest)}"


def from_memo(counts: NodeCountsView) -> str:
    """Return how many nodes of a sweep came from the memo, in words; nothing if none did."""
    cached = sum(each.cached for each in counts.nodes)
    nodes = sum(sum(each.by_state.values()) for each in counts.nodes)
    some = f" of {counts.counted:,} children that were counted" if counts.counted < counts.children else ""
    return f"{cached:,} of {nodes:,} nodes{some} came from the memo" if cached else ""


class Steps:
    """Which progress of a run is worth a line, as `EVERY_S` and `EVERY_SHARE` say."""

    def __init__(self) -> None:
        self.pace = Pace()
        self._share = 0.0
        self._told: float | None = None

    def news(self, run: RunView, now: float) -> str:
        """Return the line about a run at *now*, in seconds of one clock; empty if there is no need for one."""
        self.pace.note(now, ended(run))
        if self._told is None or run.progress < self._share:  # the first look, or some of it is run again
            self._share, self._told = run.progress, now
        since, more = now - self._told, run.progress - self._share
        if run.ended or not ((more >= EVERY_SHARE and since >= LEAST_S) or (more > 0 and since >= EVERY_S)):
            return ""
        self._share, self._told = run.progress, now
        words = forecast(run, self.pace)
        return f"{run.id} {run.state.value} {int(run.progress * 100)}%" + (f"  {words}" if words else "")
