"""What is said of a run that is followed."""

from dataclasses import replace

from accio.v1 import accio_pb2, runs_pb2
from accio_client.cli.following import Hindrance
from accio_client.from_wire import watching as watch_views


def test_nodes_at_lost_agents_are_told_apart() -> None:
    """Which agents have how many nodes, and why nobody sees them; each change once, and that it is over."""
    run = runs_pb2.Run(id="r" * 16, kind=runs_pb2.RUN_KIND_SINGLE, state=runs_pb2.RUN_STATE_RUNNING)
    message, hindrance = accio_pb2.RunUpdate(run=run), Hindrance()
    assert hindrance.news(watch_views.update(message)) == ""
    message.away.add(agent="w1", reason="silent for 15 s", nodes=1)
    message.away.add(agent="w2", reason="connection lost", nodes=3)
    line = hindrance.news(watch_views.update(message))
    assert "1 running node with w1 (silent for 15 s), 3 running nodes with w2 (connection lost)" in line
    assert hindrance.news(watch_views.update(message)) == ""
    message.ClearField("away")
    assert hindrance.news(watch_views.update(message)) == f"{run.id}: it goes on"


def test_why_nothing_goes_on_is_told() -> None:
    """What keeps a node from a place, once; an end says enough by itself."""
    run = runs_pb2.Run(id="r" * 16, kind=runs_pb2.RUN_KIND_SINGLE, state=runs_pb2.RUN_STATE_SCHEDULED)
    message, hindrance = accio_pb2.RunUpdate(run=run, stuck="Fit waits: nobody offers it"), Hindrance()
    assert hindrance.news(watch_views.update(message)) == f"{run.id}: Fit waits: nobody offers it"
    assert hindrance.news(watch_views.update(message)) == ""
    message.run.state = runs_pb2.RUN_STATE_KILLED
    message.stuck = ""
    assert hindrance.news(watch_views.update(message)) == ""
