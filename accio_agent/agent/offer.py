"""Who an agent is and what it offers, as it tells each daemon that it meets."""

from collections.abc import Sequence
from dataclasses import dataclass

from accio.domain.operators import OperatorSpec
from accio.domain.resources import Resources
from accio.v1 import agents_pb2
from accio.wire.operators import operator_message
from accio.wire.resources import resources_message
from accio_agent.agent.deadline import Deadline

PREFETCH_LIMIT = 1024
"""How many attempts an agent takes ahead of what has a place."""


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


def hello(
    identity: Identity,
    resources: Resources,
    operators: Sequence[Offered],
    *,
    held: Sequence[agents_pb2.HeldAttempt],
    draining: bool,
    history: str,
) -> agents_pb2.Hello:
    """Return the first message of a session: who the agent is, what it offers, and what it *held* since the last."""
    deadline = identity.deadline
    return agents_pb2.Hello(
        name=identity.name,
        agent_id=identity.agent_id,
        incarnation=identity.incarnation,
        boot_id=identity.boot_id,
        version=identity.version,
        resources=resources_message(resources),
        operators=[operator_message(each.spec) for each in operators],
        held=held,
        draining=draining,
        prefetch_limit=PREFETCH_LIMIT,
        history=history,
        life=identity.life,
        predecessors=identity.predecessors,
        place=identity.place,
        ends_in_ms=0 if deadline is None else max(1, int(deadline.seconds_left * 1000)),
        allocation=identity.allocation,
    )
