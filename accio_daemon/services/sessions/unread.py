"""Agents whose reports can't be read: what they hold ends at last, instead of being handed over for ever.

A message that can't be read ends its session, and the agent dials again with the same report in its hands. After some
sessions in a row that ended so, what the agent says to have finished counts as lost to it.
"""

from collections import OrderedDict

from accio.domain.failures import clip

SESSIONS = 3
"""How many sessions in a row end by what can't be read before it counts."""
_AGENTS = 10_000
_SAID = 500


class Unread:
    """State: how many sessions of an agent have ended so, and by what, since one of its reports was read."""

    def __init__(self) -> None:
        self._ended: OrderedDict[str, tuple[int, str]] = OrderedDict()

    def note(self, agent: str, problem: str) -> None:
        """Note that a session ended by a message that can't be read."""
        times, _ = self._ended.pop(agent, (0, ""))
        self._ended[agent] = times + 1, clip(problem, _SAID)
        if len(self._ended) > _AGENTS:
            self._ended.popitem(last=False)

    def clear(self, agent: str) -> None:
        """Note that a report was read."""
        self._ended.pop(agent, None)

    def problem(self, agent: str) -> str:
        """Say why what the agent has finished counts as lost; empty if it doesn't."""
        times, problem = self._ended.get(agent, (0, ""))
        return f"what it reports can't be read ({problem})" if times >= SESSIONS else ""
