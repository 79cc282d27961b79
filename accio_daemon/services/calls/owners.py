"""The rpcs about owners: whose work there is, and how much of it may be at agents at a time."""

from accio.domain.caps import parse_owner
from accio.domain.problems import ValueProblem
from accio.errors import BadRequest
from accio.v1 import values_pb2, workload_pb2
from accio.wire.caps import cap_message, cap_of
from accio_daemon.core.commands import ChangeCap
from accio_daemon.engine.ports import EnginePort
from accio_daemon.engine.snapshots import OwnerView
from accio_daemon.services.calls.rights import Rights
from accio_daemon.services.transport.keeping import TokenKeeper


class OwnerCalls:
    """Owners and caps."""

    def __init__(self, *, engine: EnginePort, rights: Rights, keeper: TokenKeeper) -> None:
        """Answer for the engine's owners, as far as the caller may see them."""
        self._engine = engine
        self._rights = rights
        self._keeper = keeper

    async def list_owners(self, _request: workload_pb2.ListOwnersRequest) -> workload_pb2.ListOwnersResponse:
        """Return whose work there is, and the caps."""
        viewer, view = self._rights.viewer(), self._engine.owners()
        return workload_pb2.ListOwnersResponse(
            owners=[_owner_message(each) for each in view.owners if viewer.sees(each.person)],
            everybody=None if view.everybody is None else cap_message(view.everybody),
            policy=view.policy,
        )

    async def change_cap(self, request: workload_pb2.ChangeCapRequest) -> workload_pb2.ChangeCapResponse:
        """Set a cap, or take it away."""
        try:
            owner = parse_owner(request.owner)
        except ValueProblem as problem:
            raise BadRequest(f"owner: {problem.message}") from None
        cap = cap_of(request.cap) if request.HasField("cap") else None
        if cap is not None and cap.nodes is None and cap.milli_cpus is None:
            raise BadRequest("cap: expected a number of nodes, of CPUs, or both; leave the cap out to take it away")
        await self._engine.ask(ChangeCap(owner=owner, cap=cap))
        await self._keeper.keep("take the cap away of" if cap is None else f"set the cap to {cap} of", owner)
        return workload_pb2.ChangeCapResponse(owner=owner, cap=None if cap is None else cap_message(cap))


def _owner_message(view: OwnerView) -> workload_pb2.Owner:
    return workload_pb2.Owner(
        owner=values_pb2.Person(name=view.person.name, email=view.person.email),
        runs=view.runs,
        queued=view.queued,
        nodes=view.nodes,
        milli_cpus=view.milli_cpus,
        cap=None if view.cap is None else cap_message(view.cap),
        own_cap=view.is_own,
        lately=view.used / 3600,
        other_times=None if view.other_times is None else cap_message(view.other_times),
    )
