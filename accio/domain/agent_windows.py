"""Windows of agents: times, by name, at which nothing begins at some of them, as they are mended then."""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from accio.domain.maintenance import Maintenance, next_of, text_of
from accio.domain.problems import ValueProblem, quote
from accio.domain.quantities import FIRST_MS, LAST_MS
from accio.late import dataclass

MOST = 1000
"""Windows that there may be at a time."""

MOST_AGENTS = 100
"""Names and patterns of a window."""

_PATTERN = re.compile(r"[A-Za-z0-9_.*?\[\]!-]{1,200}", re.ASCII)


@dataclass(frozen=True, slots=True)
class AgentWindow:
    """A time at which nothing begins at some agents."""

    time: Maintenance  # what it is called, and when it is
    agents: tuple[str, ...] = ()  # names of agents, or patterns of names; none: all agents

    def __post_init__(self) -> None:
        """Refuse with ValueProblem what can be none."""
        if self.time.begins_ms < FIRST_MS or self.time.ends_ms > LAST_MS:
            raise ValueProblem("expected a window between the years 1 and 9999, found one that isn't")
        if len(self.agents) > MOST_AGENTS:
            raise ValueProblem(f"expected at most {MOST_AGENTS} names of agents, found {len(self.agents)}")
        for each in self.agents:
            if _PATTERN.fullmatch(each) is None:
                raise ValueProblem(f"expected names of agents, or patterns of names such as lab*, found {quote(each)}")

    @property
    def name(self) -> str:
        """What it is called."""
        return self.time.name

    def concerns(self, agent: str) -> bool:
        """Return whether an agent of this name gets nothing during it."""
        return not self.agents or any(fnmatchcase(agent, pattern) for pattern in self.agents)

    def __str__(self) -> str:
        """Return it in words: `patch day, from 2027-01-12T08:00:00Z to 2027-01-12T12:00:00Z`."""
        return f"{self.name}, from {text_of(self.time.begins_ms)} to {text_of(self.time.ends_ms)}"


def next_for(windows: Iterable[AgentWindow], agent: str, wall_ms: int) -> Maintenance | None:
    """Return the time that lasts, or comes next, at which an agent gets nothing (`maintenance.next_of`)."""
    return next_of((each.time for each in windows if each.concerns(agent)), wall_ms)
