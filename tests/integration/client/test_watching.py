"""`accio watch` against a real gRPC server: several runs at once, and what came from the memo."""

from typing import Any

from accio.errors import NotFound
from accio.v1 import accio_pb2, runs_pb2
from tests.integration.client.fake_daemon import RUN, FakeDaemon, refuse, run


def test_watch_without_a_run_follows_all_of_mine(daemon: FakeDaemon, accio: Any) -> None:
    """Runs of the caller that haven't ended are followed together, and what failed is told with its last lines."""
    other = f"{RUN[:-1]}0"
    failure = runs_pb2.Failure(cause="exception", message="no", stderr_tail="one\ntwo\n")
    failed = accio_pb2.NodeFailure(run=other, node="A", failure=failure)
    daemon.answers["List"] = accio_pb2.ListResponse(runs=[run(RUN), run(other)])
    daemon.answers["Watch"] = lambda request: [
        accio_pb2.RunUpdate(run=run(RUN))
        if request.id == RUN
        else accio_pb2.RunUpdate(run=run(other, state=runs_pb2.RUN_STATE_FAILED), first_failure=failed)
    ]
    done = accio("watch")
    assert (done.exit, done.out) == (3, f"{RUN} success\n{other} failed\n")
    assert f"{other}/A failed: exception: no" in done.err
    assert "    two\n" in done.err
    asked = daemon.requests["List"][-1]
    assert asked.owner == "ada@example.org"
    assert set(asked.states) == {runs_pb2.RUN_STATE_SCHEDULED, runs_pb2.RUN_STATE_RUNNING}
    assert {each["id"] for each in accio("watch", RUN, other, "-json").json["runs"]} == {RUN, other}


def test_watch_tells_how_much_of_a_sweep_came_from_the_memo(daemon: FakeDaemon, accio: Any) -> None:
    """Nodes that were cached are counted at the end, unless none was, or the daemon can't tell."""
    ended = run(RUN, kind=runs_pb2.RUN_KIND_PARENT)
    daemon.answers["Watch"] = lambda _: [accio_pb2.RunUpdate(run=ended)]
    node = runs_pb2.NodeCount(node="A", operator="A", cached=9_000)
    node.states.add(state="success", count=10_000)
    daemon.answers["CountNodes"] = runs_pb2.NodeCounts(run=RUN, nodes=[node], counted=10_000, children=10_000)
    done = accio("watch", RUN)
    assert (done.exit, done.out) == (0, f"{RUN} success\n")
    assert "9,000 of 10,000 nodes came from the memo" in done.err
    other = f"{RUN[:-1]}0"
    several = accio("watch", RUN, other).err
    assert f"{RUN}: 9,000 of 10,000 nodes came from the memo" in several
    daemon.answers["CountNodes"] = refuse(NotFound("it was deleted"))
    assert "memo" not in accio("watch", RUN).err
    daemon.answers["CountNodes"] = runs_pb2.NodeCounts(run=RUN)
    assert "memo" not in accio("watch", RUN).err


def test_watch_says_that_nothing_of_mine_is_active(daemon: FakeDaemon, accio: Any) -> None:
    """Without an active run there is nothing to wait for."""
    daemon.answers["List"] = accio_pb2.ListResponse()
    done = accio("watch")
    assert (done.exit, done.out) == (0, "")
    assert "none of your runs is active" in done.err
