"""The workload as clients see it."""

from accio.v1 import accio_pb2, workload_pb2
from accio_client.cli.memo import _saved
from accio_client.cli.workload import _at_once, _lately, _waits
from accio_client.documents import cache as cache_document
from accio_client.documents.workload import workload as document
from accio_client.from_wire.storage import cache
from accio_client.from_wire.workload import workload


def test_who_waits_longest_is_the_oldest_of_which_nothing_runs() -> None:
    """A run of which something is executed waits for nothing; nor does one that has nothing queued."""
    runs = [
        workload_pb2.RunLoad(run="served", queued=9, running=1, created_ms=1_000),
        workload_pb2.RunLoad(run="younger", queued=1, created_ms=3_000),
        workload_pb2.RunLoad(run="older", workflow_id="w", queued=1, created_ms=2_000),
        workload_pb2.RunLoad(run="before", queued=0, created_ms=1_000),
    ]
    found = workload(workload_pb2.Workload(runs=runs, recent=workload_pb2.Recent(succeeded=1200, failed=3, more=True)))
    assert found.waits_longest is not None
    assert found.waits_longest.run == "older"
    assert document(found)["waits_longest"] == "older"
    assert str(_waits(found.waits_longest)).startswith("older of w, since 1970-01-01")
    assert found.recent is not None
    assert _lately(found.recent) == "1,200 or more nodes executed, 3 failed, lost or stopped"
    assert workload(workload_pb2.Workload(runs=runs[:1])).waits_longest is None


def test_how_many_ran_at_a_time_is_a_line_of_blocks() -> None:
    """Heights are shares of the most; estimates say so, and where nothing ran there is no line."""
    recent = workload_pb2.Recent(concurrency=[0, 1, 4, 8], concurrency_sampled=True)
    found = workload(workload_pb2.Workload(recent=recent)).recent
    assert found is not None
    assert _at_once(found) == "▁▂▅█ within the last hour, at most about 8, 3.25 on average"
    assert document(workload(workload_pb2.Workload(recent=recent)))["recent"]["concurrency"] == [0, 1, 4, 8]
    idle = workload(workload_pb2.Workload(recent=workload_pb2.Recent(concurrency=[0, 0]))).recent
    assert idle is not None
    assert _at_once(idle) is None


def test_what_the_memo_spared_is_told_where_something_is_known() -> None:
    """As long as its hits would have taken; nothing of an operator that was never executed."""
    known = accio_pb2.CacheStatistics(operator="A", hits=40, misses=2, took_s=90)
    unknown = accio_pb2.CacheStatistics(operator="B", hits=1)
    found = cache(accio_pb2.GetCacheResponse(operators=[known, unknown]))
    assert [each.saved_s for each in found.operators] == [3600, None]
    assert [each["saved_s"] for each in cache_document(found)["operators"]] == [3600, None]
    assert [_saved(each) for each in found.operators] == ["~60 min", ""]


def test_a_daemon_of_before_tells_nothing_of_the_last_hour() -> None:
    """Neither when runs were created: none of them is said to wait longest."""
    found = workload(workload_pb2.Workload(runs=[workload_pb2.RunLoad(run="r", queued=1)]))
    assert (found.recent, found.waits_longest) == (None, None)
