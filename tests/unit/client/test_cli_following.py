"""What is said of a run that is followed."""

from dataclasses import replace

from accio.v1 import accio_pb2, runs_pb2
from accio_client import views
from accio_client.cli.following import Hindrance, _raised_at
from accio_client.cli.rates import Steps
from accio_client.from_wire import runs as run_views
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


def at(ended: int, *, state: runs_pb2.RunState.ValueType = runs_pb2.RUN_STATE_RUNNING) -> views.RunView:
    """A sweep of 100 nodes of which some have ended."""
    run = runs_pb2.Run(id="r" * 16, kind=runs_pb2.RUN_KIND_PARENT, state=state, progress=ended / 100)
    return replace(run_views.run(run), nodes_by_state={"success": ended, "queued": 100 - ended})


def test_progress_is_told_each_5_percent_or_10_seconds() -> None:
    """At most once a second, not where nothing moves, with a rate and a forecast; the end speaks for itself."""
    steps = Steps()
    assert steps.news(at(0), 0.0) == ""
    assert steps.news(at(50), 0.5) == ""
    assert steps.news(at(52), 4.0) == "r" * 16 + " running 52%  13 nodes/s, ends in 4 s"
    assert steps.news(at(53), 6.0) == ""
    assert steps.news(at(53), 14.0).startswith("r" * 16 + " running 53%  ")
    assert steps.news(at(53), 60.0) == ""
    assert steps.news(at(2), 61.0) == ""
    assert steps.news(at(7), 63.5).startswith("r" * 16 + " running 7%  2 nodes/s")
    assert steps.news(at(100, state=runs_pb2.RUN_STATE_SUCCESS), 90.0) == ""


def test_a_failure_is_told_where_its_author_may_mend_it() -> None:
    """The innermost place in code that is nobody's library; in a library if all are."""
    own = '  File "/data/model.py", line 7, in fit\n    rng = default_rng(seed)\n          ^^^^\n'
    library = '  File "/env/lib/python3.11/site-packages/numpy/random.py", line 3, in default_rng\n    check(seed)\n'
    compiled = '  File "numpy/random/_generator.pyx", line 5076, in numpy.random._generator.default_rng\n'
    head = "Traceback (most recent call last):\n"
    at = ['File "/data/model.py", line 7, in fit', "  rng = default_rng(seed)"]
    assert _raised_at(f"{head}{own}{library}{compiled}ValueError: no") == at
    assert _raised_at(f"{head}{library}ValueError: no")[1:] == ["  check(seed)"]
    assert _raised_at("") == []
