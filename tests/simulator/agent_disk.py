"""What is on the disk of an agent of the simulation."""

from dataclasses import dataclass, field

import orjson

from accio_agent.agent.core.outcome import Ending


@dataclass(slots=True)
class AgentDisk:
    """What survives the death of the agent's process."""

    begun: set[int] = field(default_factory=set)
    reports: dict[int, tuple[int, Ending]] = field(default_factory=dict)
    next_seq: int = 1
    incarnation: int = 0
    history: str = ""
    lives: list[str] = field(default_factory=list)  # a token of each

    def set_aside(self) -> None:
        """Hold nothing any more, of any history."""
        self.begun, self.reports, self.next_seq, self.history = set(), {}, 1, ""

    def serve_another(self, *, same_history: bool) -> None:
        """Hold reports of another daemon, of attempts whose numbers are those of this one's that are held."""
        numbers = [attempt for attempt, _ in self.reports.values()] + sorted(self.begun)
        history = self.history if same_history else "another daemon's"
        self.set_aside()
        self.history = history
        self.reports = {seq: (no, _of_another(no)) for seq, no in enumerate(numbers, start=1)}
        self.next_seq = len(numbers) + 1


def _of_another(no: int) -> bytes:
    """Return what an attempt of another daemon came to."""
    return orjson.dumps({"outputs": {"data": f'"of another daemon: {no}"'}, "wall_us": 1})
