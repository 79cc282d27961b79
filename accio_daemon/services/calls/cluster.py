"""The rpcs about operators, agents and the cluster as a whole."""

from collections.abc import Iterable

from accio.domain.names import suggest
from accio.domain.resources import NOTHING, Resources
from accio.errors import NotFound
from accio.v1 import accio_pb2, values_pb2
from accio.version import accio_version
from accio.wire.operators import operator_message
from accio.wire.resources import resources_message
from accio_daemon.core.commands import DrainAgent, RemoveAgent
from accio_daemon.engine.ports import EnginePort
from accio_daemon.engine.snapshots import AgentView, ClusterView
from accio_daemon.services.calls.catalogue import Catalogue
from accio_daemon.services.messages.agents import agent_message
from accio_daemon.services.transport.auth import CALLER
from accio_daemon.services.transport.keeping import TokenKeeper


class ClusterCalls:
    """Operators, agents, and numbers."""

    def __init__(
        self, *, engine: EnginePort, catalogue: Catalogue, keeper: TokenKeeper, synchronous: str, started_ms: int
    ) -> None:
        """Answer for the engine's agents and the catalogue's operators; the rest describes the daemon itself."""
        self._engine = engine
        self._catalogue = catalogue
        self._keeper = keeper
        self._synchronous = synchronous
        self._started_ms = started_ms

    async def list_operators(self, _request: accio_pb2.ListOperatorsRequest) -> accio_pb2.ListOperatorsResponse:
        """Return the latest version of every operator that was ever announced."""
        specs = (await self._catalogue.operators()).specs
        return accio_pb2.ListOperatorsResponse(operators=[operator_message(specs[name]) for name in sorted(specs)])

    async def get_operator(self, request: accio_pb2.GetOperatorRequest) -> values_pb2.Operator:
        """Return the latest version of one operator."""
        operators = await self._catalogue.operators()
        specs, announced = operators.specs, operators.announced
        if request.name not in specs:
            meant = suggest(request.name, specs)
            hint = f"; did you mean {meant}?" if meant else "" if specs else ": no agent has announced any operator yet"
            hint += f"; {lacking}" if (lacking := self._engine.left_out()) else ""
            raise NotFound(f"there is no operator {request.name[:100]!r}{hint}")
        message = operator_message(specs[request.name])
        number = announced[request.name].no
        message.differing, message.stale = self._engine.differing(number), self._engine.stale(number)
        return message

    async def list_agents(self, _request: accio_pb2.ListAgentsRequest) -> accio_pb2.ListAgentsResponse:
        """Return the agents that the daemon remembers."""
        return accio_pb2.ListAgentsResponse(agents=map(agent_message, self._engine.cluster().agents))

    async def drain_agent(self, request: accio_pb2.DrainAgentRequest) -> accio_pb2.Agent:
        """Drain an agent, or end its draining."""
        await self._engine.ask(DrainAgent(name=request.name, draining=not request.undo))
        await self._keeper.keep("end draining of agent" if request.undo else "drain agent", request.name)
        return agent_message(self._agent(request.name))

    async def remove_agent(self, request: accio_pb2.RemoveAgentRequest) -> accio_pb2.RemoveAgentResponse:
        """Forget an agent that isn't connected."""
        await self._engine.ask(RemoveAgent(name=request.name))
        await self._keeper.keep("remove agent", request.name)
        return accio_pb2.RemoveAgentResponse()

    def _agent(self, name: str) -> AgentView:
        found = next((agent for agent in self._engine.cluster().agents if agent.name == name), None)
        if found is None:
            raise NotFound(f"there is no agent {name[:100]!r}")
        return found

    async def get_cluster_state(self, _request: accio_pb2.GetClusterStateRequest) -> accio_pb2.ClusterState:
        """Return numbers about the whole cluster, and whom the caller's token identifies."""
        state = self.state_of(self._engine.cluster())
        person = CALLER.get().person
        if person is not None:
            state.caller.CopyFrom(values_pb2.Person(name=person.name, email=person.email))
        return state

    def state_of(self, view: ClusterView) -> accio_pb2.ClusterState:
        """Sum up the cluster."""
        connected = [agent for agent in view.agents if agent.state not in ("lost", "disconnected")]
        return accio_pb2.ClusterState(
            version=accio_version(),
            epoch=view.epoch,
            resources=resources_message(_sum(agent.resources for agent in connected)),
            reserved=resources_message(_sum(agent.reserved for agent in view.agents)),
            queued_nodes=view.queued_nodes,
            running_nodes=view.running_nodes,
            active_runs=view.active_runs,
            refusing=view.refusing,
            agents=len(connected),
            synchronous=self._synchronous,
            started_at_ms=self._started_ms,
        )


def _sum(amounts: Iterable[Resources]) -> Resources:
    return sum(amounts, NOTHING)
