"""Pools of tests: the process that serves them with its engine, and agents that join from them."""

from collections.abc import Mapping

from accio.domain.pools import PoolSpec
from accio_daemon.core.facts import AllocationFacts
from accio_daemon.core.outgoing import Outgoing, Wanted
from accio_daemon.core.pools.commands import AllocationsFound, PoolsJoined, PoolsLeft
from accio_daemon.core.pools.records import Pool
from accio_daemon.core.terms import SessionNo
from tests import builders
from tests.fakes import FakeAgent
from tests.simulator.cluster import Cluster


class Engine:
    """A process that serves pools, and its engine, which does at once what it is told."""

    def __init__(self, cluster: Cluster, *specs: PoolSpec, server: str = "s1") -> None:
        self.cluster = cluster
        self.session: SessionNo = cluster.daemon.next_session()
        self.wanted: dict[str, Wanted] = {}
        cluster.daemon.links.attach(self.session, self)
        cluster.ask(PoolsJoined(session=self.session, server=server, pools=specs))

    def deliver(self, outgoing: Outgoing) -> None:
        """Note what is wanted."""
        self.wanted |= outgoing.wanted

    def asked(self, pool: str = "cpu") -> list[int]:
        """Return the allocations that are to be submitted."""
        return [number for number, _ in self.wanted[pool].submit]

    def kept(self, pool: str = "cpu") -> list[int]:
        """Return the allocations that are to stay."""
        return list(self.wanted[pool].keep)

    def excluded(self) -> list[str]:
        """Return the hosts that are to be left out."""
        return list(self.wanted["cpu"].exclude)

    def has(
        self,
        *numbers: int,
        begun: bool = False,
        pool: str = "cpu",
        reasons: Mapping[int, str] | None = None,
        hosts: Mapping[int, str] | None = None,
    ) -> None:
        """Say, completely, what the engine has, and where."""
        where = hosts or {}
        found = tuple(
            AllocationFacts(number=number, job=f"job {number}", begun=begun, host=where.get(number, ""))
            for number in numbers
        )
        self.cluster.ask(
            AllocationsFound(session=self.session, pool=pool, complete=True, found=found, reasons=reasons or {})
        )

    def is_silent(self, problem: str) -> None:
        """Say that the engine doesn't tell what it has."""
        self.cluster.ask(AllocationsFound(session=self.session, pool="cpu", complete=False, found=(), problem=problem))

    def has_partly(self, problem: str) -> None:
        """Say that the engine has nothing, and which part of it doesn't answer."""
        self.cluster.ask(AllocationsFound(session=self.session, pool="cpu", complete=True, found=(), problem=problem))

    def forgets(self, *rest: int, begun: bool = True) -> None:
        """Say often enough that the engine has no more than the rest."""
        for _ in range(2):
            self.has(*rest, begun=begun)

    def leave(self) -> None:
        """End the session."""
        self.cluster.daemon.links.detach(self.session)
        self.cluster.ask(PoolsLeft(session=self.session))


def pool(name: str = "cpu", **fields: object) -> PoolSpec:
    """Describe a pool of hosts with two CPUs."""
    given: dict[str, object] = {"host": builders.offer(2), "walltime": None, "maximum": 4, "provider": "fake"}
    return PoolSpec(name=name, **(given | fields))  # type: ignore[arg-type]  # the fields of a PoolSpec


def submit(cluster: Cluster, nodes: int, *, start: int = 0) -> None:
    """Submit a run of independent nodes of one CPU."""
    cluster.submit(builders.graph({f"t{start + number}": [] for number in range(nodes)}))


def join(
    cluster: Cluster, number: int, cpus: float = 2, *, pool: str = "cpu", name: str = "", ends_in: float | None = None
) -> FakeAgent:
    """Join an agent from an allocation."""
    name = name or f"{pool}-{number}"
    agent = cluster.agents[name] = FakeAgent(
        name=name, resources=builders.offer(cpus), operators=cluster.operators, ends_in=ends_in
    )
    cluster.rejoin(agent, allocation=(pool, number))
    return agent


def known(cluster: Cluster, name: str = "cpu") -> Pool:
    """Return a pool as the World has it."""
    return cluster.world.pools[name]


def ended(cluster: Cluster) -> dict[int, tuple[int, str]]:
    """Return the stored allocations that are over: number, state, reason."""
    rows = cluster.disk.rows("SELECT no, state, reason FROM allocations WHERE ended_at IS NOT NULL")
    return {number: (state, reason) for number, state, reason in rows}


ENDED, FAILED, LOST = 4, 5, 6
