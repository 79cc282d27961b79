"""Commands that act on what a query selects: what is shown, asked, refused, and asked of the daemon."""

from typing import Any

import pytest

from accio.v1 import accio_pb2, runs_pb2
from accio_client import Client
from tests.integration.client.fake_daemon import RUN, FakeDaemon, run

OTHER = "01j9zk3m5q8w2xzz"


def listing(*ids: str) -> accio_pb2.ListResponse:
    """Answer a list with runs."""
    return accio_pb2.ListResponse(runs=[run(each) for each in ids])


def outcomes(request: Any) -> accio_pb2.RunsResponse:
    return accio_pb2.RunsResponse(runs=[accio_pb2.RunOutcome(id=each, changed=True) for each in request.ids])


@pytest.mark.parametrize(("command", "method"), [("kill", "Kill"), ("retry", "Retry"), ("delete run", "Delete")])
def test_what_a_query_selects_is_shown_and_not_touched_without_a_yes(
    daemon: FakeDaemon, accio: Any, command: str, method: str
) -> None:
    """Where nobody can be asked, several runs of a query are named and left alone; -yes acts on these ids alone."""
    daemon.answers["List"] = listing(RUN, OTHER)
    daemon.answers["Get"] = accio_pb2.GetResponse(run=run())
    daemon.answers[method] = outcomes
    refused = accio(*command.split(), "-where=state=failed epsilon<0.01")
    assert refused.exit == 1
    assert f"would {method.lower()} 2 runs:" in refused.err
    assert OTHER in refused.err
    assert "-yes" in refused.err
    assert not daemon.requests[method]
    done = accio(*command.split(), "-where=state=failed epsilon<0.01", "-yes")
    assert done.exit == 0
    assert list(daemon.requests[method][-1].ids) == [RUN, OTHER]
    assert daemon.requests["List"][-1].where == "state=failed epsilon<0.01"


def test_one_run_of_a_query_is_touched_without_a_question(daemon: FakeDaemon, accio: Any) -> None:
    """A query that means one run is as good as its id; only what hasn't ended is killed."""
    daemon.answers["List"] = listing(RUN)
    daemon.answers["Kill"] = outcomes
    assert accio("kill", "-where=name=mine").out == f"{RUN} killed\n"
    asked = daemon.requests["List"][-1]
    assert set(asked.states) == {runs_pb2.RUN_STATE_SCHEDULED, runs_pb2.RUN_STATE_RUNNING}


def test_a_query_with_a_run_means_its_children(daemon: FakeDaemon, accio: Any) -> None:
    """`accio retry RUN -where=` retries the children that match, of those that can be retried."""
    daemon.answers["List"] = listing(f"{RUN}.3")
    daemon.answers["Get"] = accio_pb2.GetResponse(run=run(f"{RUN}.3"))
    daemon.answers["Retry"] = outcomes
    assert accio("retry", RUN, "-where=memory_mb<=512").exit == 0
    asked = daemon.requests["List"][-1]
    assert (asked.parent, asked.where) == (RUN, "memory_mb<=512")
    assert set(asked.states) == {runs_pb2.RUN_STATE_FAILED, runs_pb2.RUN_STATE_KILLED}
    assert list(daemon.requests["Retry"][-1].ids) == [f"{RUN}.3"]
    assert accio("retry", RUN, "-failed", "-where=memory_mb<=512 or depth>3").exit == 0
    assert daemon.requests["List"][-1].where == "state=failed (memory_mb<=512 or depth>3)"
    assert accio("retry", RUN, "-failed").exit == 0
    assert daemon.requests["List"][-1].where == "state=failed"


def test_a_query_that_selects_nothing_does_nothing(daemon: FakeDaemon, accio: Any) -> None:
    """Nothing that matches is told, and isn't a failure."""
    daemon.answers["List"] = listing()
    done = accio("kill", "-where=name=nobody")
    assert (done.exit, done.out) == (0, "")
    assert done.err == "no run matches in a state in which that is possible: nothing done\n"


def test_a_query_that_selects_nothing_is_told_once(daemon: FakeDaemon, accio: Any) -> None:
    """Who only reads is told that nothing matches, and not that nothing was done or printed."""
    daemon.answers["List"] = listing()
    exported, printed = accio("export", RUN, "-where=x>10"), accio("logs", "-where=state=failed")
    assert (exported.exit, exported.err) == (1, "accio: nothing to export: no child matches -where=x>10\n")
    assert (printed.exit, printed.out, printed.err) == (0, "", "no run matches\n")


def test_a_list_takes_a_query_and_an_order(daemon: FakeDaemon, accio: Any) -> None:
    """The words of `accio get runs` and -where= are one query; doubtful names are told."""
    daemon.answers["List"] = listing(RUN)
    done = accio("get", "runs", "state=failed", "epsilon<0.01", "-where=geolife or stat=x", "-sort=-ended")
    asked = daemon.requests["List"][-1]
    assert (asked.where, asked.sort) == ("(state=failed epsilon<0.01) (geolife or stat=x)", "-ended")
    assert "did you mean state?" in done.err
    daemon.answers["List"] = listing()
    assert f"describe run {RUN}" in accio("get", "runs", RUN).err
    assert "describe run last~1" in accio("get", "runs", "last~1").err


def test_metadata_of_all_that_match_is_edited(daemon: FakeDaemon, accio: Any) -> None:
    """`accio update -where=` edits each run of the query."""
    daemon.answers["List"] = listing(RUN, OTHER)
    daemon.answers["UpdateMetadata"] = lambda request: accio_pb2.UpdateMetadataResponse(
        run=run(request.id), changed=True
    )
    assert accio("update", "-where=tag=draft", "-tags=final", "-yes").out == f"{RUN} updated\n{OTHER} updated\n"
    assert accio("update", RUN, "-where=tag=draft", "-tags=final").exit == 1


@pytest.mark.parametrize(("call", "method"), [("kill", "Kill"), ("retry", "Retry"), ("delete", "Delete")])
def test_one_id_is_one_run(daemon: FakeDaemon, call: str, method: str) -> None:
    """A text is the id of a run, not a list of characters, each of which may be the prefix of another's."""
    daemon.answers[method] = outcomes
    with Client(daemon.address) as client:
        assert [each.id for each in getattr(client, call)(RUN)] == [RUN]
        assert list(daemon.requests[method][-1].ids) == [RUN]
        assert [each.id for each in getattr(client, call)([RUN, OTHER])] == [RUN, OTHER]


def test_one_tag_is_one_tag(daemon: FakeDaemon) -> None:
    """In metadata, too; an empty text clears them."""
    daemon.answers["UpdateMetadata"] = accio_pb2.UpdateMetadataResponse(run=run(), changed=True)
    with Client(daemon.address) as client:
        for tags, sent in (("paper", ["paper"]), (["a", "b"], ["a", "b"]), ("", [])):
            client.update(RUN, tags=tags)
            assert list(daemon.requests["UpdateMetadata"][-1].tags.tags) == sent
