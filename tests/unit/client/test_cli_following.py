"""What is shown while a run is followed."""

from accio.v1 import accio_pb2, runs_pb2
from accio_client import from_wire
from accio_client.cli.following import remark


def test_nodes_with_lost_agents_are_told_with_the_reason() -> None:
    """A line names each lost agent, why it is lost, and how many running nodes stay with it."""
    run = runs_pb2.Run(id="r" * 16, kind=runs_pb2.RUN_KIND_SINGLE, state=runs_pb2.RUN_STATE_RUNNING)
    message = accio_pb2.RunUpdate(run=run)
    assert remark(from_wire.update(message)) == ""
    message.away.add(agent="w1", reason="silent for 15 s", nodes=1)
    message.away.add(agent="w2", reason="connection lost", nodes=3)
    line = remark(from_wire.update(message))
    assert "1 running node with w1 (silent for 15 s), 3 running nodes with w2 (connection lost)" in line
