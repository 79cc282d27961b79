"""The rpc CountNodes: how far the nodes of a sweep's graph are, over its children."""

from accio.errors import BadRequest
from accio.v1 import accio_pb2, runs_pb2
from accio_daemon.services.calls.rights import Rights
from accio_daemon.services.messages.runs import counts
from accio_daemon.storage.jobs import Snapshot
from accio_daemon.storage.nodes.node_counts import count_by_node
from accio_daemon.storage.reading.readers import Readers
from accio_daemon.storage.runs import runs_query
from accio_daemon.storage.runs.plans import Plans


class NodeCountCalls:
    """CountNodes."""

    def __init__(self, *, readers: Readers, plans: Plans, rights: Rights) -> None:
        """Count rows that *readers* read, of runs that *rights* let the caller see."""
        self._readers = readers
        self._plans = plans
        self._rights = rights

    async def count_nodes(self, request: accio_pb2.CountNodesRequest) -> runs_pb2.NodeCounts:
        """Return the nodes of a sweep's children by state, for each node of the graph."""
        viewer = self._rights.viewer()

        def read(snapshot: Snapshot) -> runs_pb2.NodeCounts:
            found = runs_query.find(snapshot, request.run, viewer)
            if found.index is not None or not found.run.parent:
                raise BadRequest(f"{found.id} has no children: `accio describe run {found.id}` shows its nodes")
            workflow = self._plans.workflow(snapshot, found.run)
            counted = count_by_node(snapshot, found.run, workflow)
            answer = runs_pb2.NodeCounts(run=found.id, counted=counted.children, children=found.run.present)
            of_nodes = zip(workflow.graph, counted.states, counted.cached, counted.times, strict=False)
            for node, states, cached, took in of_nodes:
                told = answer.nodes.add(node=node.name, operator=node.op, states=counts(states), cached=cached)
                if took is not None:
                    told.median_us, told.measured = took.median_us, took.measured
            return answer

        return await self._readers.read(read)
