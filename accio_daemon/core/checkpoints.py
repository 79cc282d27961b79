"""What attempts saved for the ones after them, by child and node: kept until the node succeeds, or its run is deleted.

Only the current attempt of an execution can save: whatever another one says comes too late, so what an old attempt
saved never replaces what a newer one did. A checkpoint is left to attempts that compute the same from the same, with
the same operator version, inputs and seed: it is no part of the key, so it must not change a result.
"""

from blake3 import blake3

from accio_daemon.core.commands import AgentSaved
from accio_daemon.core.records import Execution, Instance, Subscriber
from accio_daemon.core.terms import AttemptNo, Checkpoint
from accio_daemon.core.turn import Turn

_BASIS_BYTES = 16


def saved(turn: Turn, command: AgentSaved) -> None:
    """Keep what a running attempt saved; drop it if the attempt isn't the current one of anything that is wanted."""
    agent = turn.world.sessions.get(command.session)
    execution = turn.world.by_attempt.get(command.attempt)
    if agent is None or execution is None or execution.agent is not agent or not execution.subscribers:
        return
    instance, no = execution.first
    checkpoint = Checkpoint(
        digest=command.digest,
        size=command.size,
        number=execution.number,
        saved_ms=command.saved_ms,
        attempt=command.attempt,
        basis=_basis(execution),
    )
    _keep(turn, instance, no, checkpoint)


def left_for(execution: Execution) -> Checkpoint | None:
    """Return what the next attempt of an execution finds; None if nothing was saved by one that computed the same."""
    instance, no = execution.first
    found = instance.checkpoints.get(no)
    return found if found is not None and found.basis == _basis(execution) else None


def saved_by(execution: Execution, attempt: AttemptNo) -> bool:
    """Return whether an attempt left something: who begins where it ended has got further than it began."""
    if not execution.subscribers:
        return False
    instance, no = execution.first
    found = instance.checkpoints.get(no)
    return found is not None and found.attempt == attempt


def drop(turn: Turn, instance: Instance, no: int) -> None:
    """Forget what was saved for a node: it succeeded."""
    if no in instance.checkpoints:
        instance.checkpoints = {node: each for node, each in instance.checkpoints.items() if node != no}
        turn.fx.checkpoints[instance.run.no, instance.index, no] = None


def pass_on(turn: Turn, leaver: Subscriber, heir: Subscriber) -> None:
    """Leave what was saved to the node that an execution goes on for, if its attempts saved it for one that leaves."""
    found = leaver[0].checkpoints.get(leaver[1])
    if found is not None and heir[1] not in heir[0].checkpoints:
        _keep(turn, *heir, found)


def _keep(turn: Turn, instance: Instance, no: int, checkpoint: Checkpoint) -> None:
    instance.checkpoints = {**instance.checkpoints, no: checkpoint}
    turn.fx.checkpoints[instance.run.no, instance.index, no] = checkpoint


def _basis(execution: Execution) -> bytes:
    """Return a digest of what an execution computes: its operator version, inputs and seed."""
    text = f"{execution.node.operator_no} {execution.seed} {execution.key_inputs}"
    return blake3(text.encode()).digest(_BASIS_BYTES)
