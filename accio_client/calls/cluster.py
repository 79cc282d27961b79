"""Calls about the cluster: its operators, agents, memo and store."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from accio.domain.ids import RunId
from accio.v1 import accio_pb2, values_pb2, workload_pb2
from accio_client import views
from accio_client.calls import numbers
from accio_client.calls.caller import Caller
from accio_client.calls.runs import WATCH_PATIENCE_S
from accio_client.deadlines import STREAM_DEADLINE_S
from accio_client.from_wire import cluster as cluster_views
from accio_client.from_wire import storage as storage_views
from accio_client.from_wire import workflows as workflow_views
from accio_client.from_wire import workload as workload_views


class ClusterCalls(Caller):
    """Look at the cluster and keep it."""

    async def list_operators(self) -> tuple[views.OperatorView, ...]:
        """Return the operators that the daemon knows, each in the version that was announced last."""
        answer = await self._connection.call(
            self._accio.ListOperators, accio_pb2.ListOperatorsRequest(), accio_pb2.ListOperatorsResponse
        )
        return tuple(workflow_views.operator(each) for each in answer.operators)

    async def get_operator(self, name: str) -> views.OperatorView:
        """Return an operator in the version that was announced last; NotFound if nobody ever offered it."""
        request = accio_pb2.GetOperatorRequest(name=name)
        return workflow_views.operator(
            await self._connection.call(self._accio.GetOperator, request, values_pb2.Operator)
        )

    async def list_agents(self) -> tuple[views.AgentView, ...]:
        """Return all agents that the daemon remembers, with their load and leases."""
        answer = await self._connection.call(
            self._accio.ListAgents, accio_pb2.ListAgentsRequest(), accio_pb2.ListAgentsResponse
        )
        return tuple(cluster_views.agent(each) for each in answer.agents)

    async def drain_agent(self, name: str, *, undo: bool = False) -> views.AgentView:
        """Drain an agent: send it no further nodes while its own end; *undo* takes that back."""
        request = accio_pb2.DrainAgentRequest(name=name, undo=undo)
        return cluster_views.agent(await self._connection.call(self._accio.DrainAgent, request, accio_pb2.Agent))

    async def remove_agent(self, name: str) -> None:
        """Forget an agent that isn't connected."""
        request = accio_pb2.RemoveAgentRequest(name=name)
        await self._connection.call(self._accio.RemoveAgent, request, accio_pb2.RemoveAgentResponse, repeatable=False)

    async def cluster_state(self) -> views.ClusterView:
        """Return how much is queued and running, and whether the daemon takes new work."""
        request = accio_pb2.GetClusterStateRequest()
        return cluster_views.cluster(
            await self._connection.call(self._accio.GetClusterState, request, accio_pb2.ClusterState)
        )

    async def feed(self, *, patience: float = WATCH_PATIENCE_S) -> AsyncGenerator[views.FeedUpdate]:
        """Yield the cluster's numbers, and what has changed, at most twice a second, also over restarts."""
        updates = self._connection.lasting_stream(
            self._accio.Feed, accio_pb2.FeedRequest(), accio_pb2.FeedUpdate, patience=patience
        )
        async with aclosing(updates):
            async for message in updates:
                yield views.FeedUpdate(
                    cluster=cluster_views.cluster(message.cluster),
                    runs=tuple(RunId(each) for each in message.runs),
                    more=message.more,
                    agents=message.agents,
                )

    async def workload(self, run: str = "") -> views.WorkloadView:
        """Return what is queued and running, and when it will have ended; of the runs, *run* alone if it is given."""
        request = workload_pb2.GetWorkloadRequest(run=run)
        return workload_views.workload(
            await self._connection.call(self._accio.GetWorkload, request, workload_pb2.Workload)
        )

    async def collect_garbage(self, *, dry_run: bool = False, quota: int = 0) -> views.GarbageView:
        """Free what nothing refers to (down to *quota* bytes), or say what would be freed."""
        request = accio_pb2.CollectGarbageRequest(dry_run=dry_run, quota=numbers.cut("quota", quota))
        answer = await self._connection.call(
            self._accio.CollectGarbage,
            request,
            accio_pb2.CollectGarbageResponse,
            deadline=STREAM_DEADLINE_S,
            repeatable=dry_run,
        )
        return storage_views.garbage(answer)

    async def cache(self, *, operator: str | None = None, entries: bool = False) -> views.CacheView:
        """Return the memo's numbers by operator, and with *entries* its newest results."""
        request = accio_pb2.GetCacheRequest(operator=operator or "", entries=entries)
        return storage_views.cache(
            await self._connection.call(self._accio.GetCache, request, accio_pb2.GetCacheResponse)
        )

    async def remove_from_cache(self, *, key: str | None = None, operator: str | None = None) -> int:
        """Invalidate one result or all results of an operator; returns how many."""
        request = accio_pb2.RemoveFromCacheRequest(key=key or "", operator=operator or "")
        answer = await self._connection.call(
            self._accio.RemoveFromCache, request, accio_pb2.RemoveFromCacheResponse, repeatable=False
        )
        return answer.removed

    async def backup(self, path: str) -> views.BackupView:
        """Back up the daemon's database, consistently, to *path* on its own machine."""
        request = accio_pb2.BackupRequest(path=path)
        answer = await self._connection.call(
            self._accio.Backup, request, accio_pb2.BackupResponse, deadline=STREAM_DEADLINE_S, repeatable=False
        )
        return views.BackupView(path=answer.path, bytes=answer.bytes, problems=tuple(answer.problems))
