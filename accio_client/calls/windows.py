"""Calls about windows of agents: times at which nothing begins at them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from accio.v1 import workload_pb2
from accio_client import views
from accio_client.calls.caller import Caller
from accio_client.from_wire import cluster as cluster_views
from accio_client.moments import epoch_ms


class WindowCalls(Caller):
    """Announce times at which nothing begins at agents."""

    async def list_windows(self) -> tuple[views.WindowView, ...]:
        """Return the windows, those that begin first before others, with those of the last seven days."""
        answer = await self._connection.call(
            self._accio.ListWindows, workload_pb2.ListWindowsRequest(), workload_pb2.ListWindowsResponse
        )
        return tuple(cluster_views.window(each) for each in answer.windows)

    async def add_window(
        self, name: str, *, begins_at: datetime, ends_at: datetime, agents: Sequence[str] = ()
    ) -> views.NewWindow:
        """Announce a window of the named *agents* (or patterns of names, as in lab*); without names, of all of them.

        Before it, nodes that are known to take longer don't begin there; what runs when it begins goes on.
        """
        window = workload_pb2.AgentWindow(
            name=name, begins_at_ms=epoch_ms(begins_at), ends_at_ms=epoch_ms(ends_at), agents=agents
        )
        answer = await self._connection.call(
            self._accio.AddWindow,
            workload_pb2.AddWindowRequest(window=window),
            workload_pb2.AddWindowResponse,
            repeatable=False,
        )
        return views.NewWindow(window=cluster_views.window(answer.window), warnings=tuple(answer.warnings))

    async def remove_window(self, name: str) -> None:
        """Remove a window: its agents get nodes again."""
        request = workload_pb2.RemoveWindowRequest(name=name)
        await self._connection.call(
            self._accio.RemoveWindow, request, workload_pb2.RemoveWindowResponse, repeatable=False
        )
