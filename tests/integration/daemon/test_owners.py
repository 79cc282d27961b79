"""Owners and caps, as clients ask for them."""

import grpc
import pytest

from accio.v1 import accio_pb2, workload_pb2
from tests.integration.daemon.harness import Serving, refused


async def test_a_cap_is_set_shown_and_taken_away(daemon: Serving) -> None:
    """Whoever has a cap is listed, by the address that tells owners apart; who set it is kept."""
    request = workload_pb2.ChangeCapRequest(owner="Ana <Ana@Example.org>", cap=workload_pb2.Cap(nodes=2))
    assert (await daemon.accio.ChangeCap(request)).owner == "ana@example.org"
    await daemon.accio.ChangeCap(
        workload_pb2.ChangeCapRequest(owner="everybody", cap=workload_pb2.Cap(milli_cpus=1500))
    )
    listed = await daemon.accio.ListOwners(workload_pb2.ListOwnersRequest())
    (ana,) = listed.owners
    assert (ana.owner.email, ana.cap, ana.own_cap) == ("ana@example.org", workload_pb2.Cap(nodes=2), True)
    assert listed.everybody == workload_pb2.Cap(milli_cpus=1500)
    for owner in ("ana@example.org", "everybody"):
        await daemon.accio.ChangeCap(workload_pb2.ChangeCapRequest(owner=owner))
    listed = await daemon.accio.ListOwners(workload_pb2.ListOwnersRequest())
    assert (list(listed.owners), listed.HasField("everybody")) == ([], False)
    changes = await daemon.accio.ListChanges(accio_pb2.ListChangesRequest())
    assert {(each.what, each.subject) for each in changes.changes} == {
        ("set the cap to 2 nodes of", "ana@example.org"),
        ("set the cap to 1.5 CPUs of", "everybody"),
        ("take the cap away of", "ana@example.org"),
        ("take the cap away of", "everybody"),
    }


@pytest.mark.parametrize(
    ("owner", "cap", "word"), [("Ana <", workload_pb2.Cap(nodes=1), "owner"), ("Ana", workload_pb2.Cap(), "cap")]
)
async def test_what_is_no_cap_is_refused(daemon: Serving, owner: str, cap: workload_pb2.Cap, word: str) -> None:
    """It must be somebody's, and bound something."""
    async with refused(grpc.StatusCode.INVALID_ARGUMENT, word):
        await daemon.accio.ChangeCap(workload_pb2.ChangeCapRequest(owner=owner, cap=cap))


@pytest.mark.parametrize("by", [["day", "month"], ["week"]])
async def test_usage_is_told_apart_by_what_there_is(daemon: Serving, by: list[str]) -> None:
    """Days and months at once, and words that aren't known, are refused; nothing used is an empty report."""
    async with refused(grpc.StatusCode.INVALID_ARGUMENT, "by"):
        await daemon.accio.GetUsage(workload_pb2.GetUsageRequest(by=by))
    report = await daemon.accio.GetUsage(workload_pb2.GetUsageRequest(by=["owner", "pool", "month"]))
    assert list(report.usage) == []
    assert (report.since_ms, report.until_ms % 3_600_000) == (0, 0)
