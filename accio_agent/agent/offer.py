"""Who an agent is and what it offers, as it tells each daemon that it meets."""

from dataclasses import dataclass

from accio.domain.operators import OperatorSpec
from accio_agent.agent.deadline import Deadline


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the agent is; see `disk/state_folder.py`."""

    name: str
    agent_id: str
    incarnation: int
    boot_id: str
    version: str
    life: str
    predecessors: tuple[str, ...]
    place: str
    deadline: Deadline | None = None
    allocation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """An operator, and the references that its template imports."""

    spec: OperatorSpec
    references: tuple[str, ...]
    takes_datasets: bool
