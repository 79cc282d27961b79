"""Windows of agents, as clients ask for them."""

import grpc
import pytest

from accio.v1 import accio_pb2, workload_pb2
from tests.integration.daemon.harness import Serving, refused

FAR_MS = 4_000_000_000_000
HOUR_MS = 3_600_000


def window(name: str, *agents: str, hours: int = 0) -> workload_pb2.AgentWindow:
    """Return a window of an hour, far ahead."""
    begins = FAR_MS + hours * HOUR_MS
    return workload_pb2.AgentWindow(name=name, begins_at_ms=begins, ends_at_ms=begins + HOUR_MS, agents=agents)


async def test_a_window_is_added_listed_and_taken_back(daemon: Serving) -> None:
    """They are listed by their beginnings; names of no agent are told; who changed what is kept."""
    later, first = window("later", "nobody*", hours=2), window("first")
    answer = await daemon.accio.AddWindow(workload_pb2.AddWindowRequest(window=later))
    assert (answer.window, list(answer.warnings)) == (
        later,
        ["no agent is called nobody* now; known agents: none"],
    )
    assert not (await daemon.accio.AddWindow(workload_pb2.AddWindowRequest(window=first))).warnings
    listed = await daemon.accio.ListWindows(workload_pb2.ListWindowsRequest())
    assert list(listed.windows) == [first, later]
    await daemon.accio.RemoveWindow(workload_pb2.RemoveWindowRequest(name="first"))
    listed = await daemon.accio.ListWindows(workload_pb2.ListWindowsRequest())
    assert list(listed.windows) == [later]
    changes = await daemon.accio.ListChanges(accio_pb2.ListChangesRequest())
    assert {(each.what, each.subject) for each in changes.changes} == {
        ("add window", "later"),
        ("add window", "first"),
        ("remove window", "first"),
    }


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        (None, "window: expected one"),
        (workload_pb2.AgentWindow(name="", begins_at_ms=1, ends_at_ms=FAR_MS), "expected a name"),
        (workload_pb2.AgentWindow(name="x", begins_at_ms=FAR_MS, ends_at_ms=FAR_MS), "to end behind its beginning"),
        (
            workload_pb2.AgentWindow(name="x", begins_at_ms=1, ends_at_ms=300_000_000_000_000),
            "between the years 1 and 9999",
        ),
        (window("x", "lab 1"), "expected names of agents, or patterns of names such as lab"),
    ],
)
async def test_what_is_no_window_is_refused(daemon: Serving, asked: workload_pb2.AgentWindow | None, word: str) -> None:
    """It has a name, a beginning before its end, and names that agents may have."""
    async with refused(grpc.StatusCode.INVALID_ARGUMENT, word):
        await daemon.accio.AddWindow(workload_pb2.AddWindowRequest(window=asked))


async def test_a_name_is_taken_and_none_is_removed_twice(daemon: Serving) -> None:
    """Both say what there is."""
    await daemon.accio.AddWindow(workload_pb2.AddWindowRequest(window=window("patch")))
    async with refused(grpc.StatusCode.ALREADY_EXISTS, "there is a window of this name: patch"):
        await daemon.accio.AddWindow(workload_pb2.AddWindowRequest(window=window("patch", hours=3)))
    async with refused(grpc.StatusCode.NOT_FOUND, "known windows: patch"):
        await daemon.accio.RemoveWindow(workload_pb2.RemoveWindowRequest(name="other"))
