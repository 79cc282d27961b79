"""The rpcs about windows of agents."""

from collections.abc import Iterator

from accio.domain.agent_windows import AgentWindow
from accio.errors import BadRequest
from accio.v1 import workload_pb2
from accio.wire.agent_windows import window_message, window_of
from accio_daemon.core.commands import AddWindow, RemoveWindow
from accio_daemon.engine.ports import EnginePort
from accio_daemon.services.transport.keeping import TokenKeeper


class WindowCalls:
    """Windows of agents."""

    def __init__(self, *, engine: EnginePort, keeper: TokenKeeper) -> None:
        """Answer for the engine's windows."""
        self._engine = engine
        self._keeper = keeper

    async def list_windows(self, _request: workload_pb2.ListWindowsRequest) -> workload_pb2.ListWindowsResponse:
        """Return all windows."""
        return workload_pb2.ListWindowsResponse(windows=map(window_message, self._engine.windows()))

    async def add_window(self, request: workload_pb2.AddWindowRequest) -> workload_pb2.AddWindowResponse:
        """Announce a window."""
        if not request.HasField("window"):
            raise BadRequest("window: expected one, found none")
        window = window_of(request.window)
        await self._engine.ask(AddWindow(window=window))
        await self._keeper.keep("add window", window.name)
        return workload_pb2.AddWindowResponse(window=window_message(window), warnings=self._warnings(window))

    async def remove_window(self, request: workload_pb2.RemoveWindowRequest) -> workload_pb2.RemoveWindowResponse:
        """Remove a window."""
        await self._engine.ask(RemoveWindow(name=request.name))
        await self._keeper.keep("remove window", request.name)
        return workload_pb2.RemoveWindowResponse()

    def _warnings(self, window: AgentWindow) -> Iterator[str]:
        """Say of which names there is no agent now."""
        known = [agent.name for agent in self._engine.cluster().agents]
        for each in window.agents:
            alone = AgentWindow(window.time, (each,))
            if not any(map(alone.concerns, known)):
                agents = ", ".join(known[:5]) + (f" and {len(known) - 5} more" if len(known) > 5 else "")
                yield f"no agent is called {each} now; known agents: {agents or 'none'}"
