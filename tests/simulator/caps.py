"""Owners of the simulation's runs, the caps that an administrator gives them, agents that take nodes of some of them
only, and whether all that is kept.
"""

import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from accio.domain.caps import EVERYBODY, Cap
from accio.domain.people import Person
from accio.domain.policies import POLICIES
from accio_daemon.core.commands import ChangeCap
from accio_daemon.core.records import Agent, Execution
from accio_daemon.core.restricted_agents import shut_out
from accio_daemon.core.world import Settings, World
from tests.simulator.new_attempts import NewAttempts

if TYPE_CHECKING:
    from tests.simulator.simulation import Simulation

OWNERS: Sequence[Person] = tuple(Person(name=name) for name in ("Ada", "Bo", "Cy"))
_ALL: frozenset[str] = frozenset()
_SERVED = (
    (_ALL, _ALL, _ALL),
    (frozenset({"Ada"}), frozenset({"Bo", "Cy"}), _ALL),
    (_ALL, _ALL, _ALL),
    (frozenset({"Cy"}), frozenset({"Ada"}), frozenset({"Ada", "Bo"})),
    (_ALL, _ALL, frozenset({"Bo"})),
)
_CAPS = (Cap(nodes=0), Cap(nodes=1), Cap(nodes=2), Cap(milli_cpus=1000), Cap(nodes=3, milli_cpus=2000), None)


def settings_of(seed: int, *, lease: float) -> Settings:
    """Return small bounds, so that they are met, and one policy or the other."""
    return Settings(
        open_children=4,
        backlog=2,
        killed_at_once=1,
        lease=lease,
        max_losses=3,
        reserve_after=3.0,
        policy=POLICIES[seed % len(POLICIES)],
    )


def owner_of(key: str) -> Person:
    """Return whose submission it is."""
    return OWNERS[zlib.crc32(key.encode()) % len(OWNERS)]


def is_nice(key: str) -> bool:
    """Return whether a submission stands behind all that aren't nice: every third does."""
    return zlib.crc32(b"nice" + key.encode()) % 3 == 0


def served_by(seed: int) -> Sequence[frozenset[str]]:
    """Return whose nodes alone each agent takes: everybody's in most stories, in some nobody takes everybody's."""
    return _SERVED[seed % len(_SERVED)]


class Administrator:
    """Changes caps while the story lasts, and takes them away at its end."""

    def __init__(self, story: "Simulation", apart: Random) -> None:
        """*apart* is chance that leaves all others as they are."""
        self._story = story
        self._apart = apart
        self._loop = story.loop

    def plan(self) -> None:
        """Plan some changes, in half of the stories."""
        for _ in range(self._apart.choice((0, 0, 3, 6))):
            whose = self._apart.choice((EVERYBODY, *(owner.name for owner in OWNERS)))
            command = ChangeCap(owner=whose, cap=self._apart.choice(_CAPS))
            self._loop.after(self._apart.uniform(0.0, 40.0), partial(self._story.post, command))

    def end(self) -> None:
        """Remove all caps, again and again until the daemon has heard it."""
        daemon = self._story.daemon
        for whose in () if daemon is None else tuple(daemon.world.owners.caps):
            self._story.post(ChangeCap(owner=whose, cap=None))
        self._loop.after(1.0, self.end)


class CapsKept:
    """Looks after each decision whether an owner has more at agents than his cap allows, and got more by it."""

    def __init__(self) -> None:
        """Know nothing of this life of the daemon yet."""
        self._before: dict[str, tuple[int, int]] | None = None

    def violation(self, world: World) -> str:
        """Say who got more than his cap allows; empty if nobody did. What was there before it was lowered may stay."""
        before, self._before = self._before, {key: (o.nodes, o.milli_cpus) for key, o in world.owners.known.items()}
        if before is None:
            return ""
        for key, (nodes, milli_cpus) in self._before.items():
            cap = world.owners.known[key].cap
            had_nodes, had_cpus = before.get(key, (0, 0))
            if cap is None:
                continue
            if cap.nodes is not None and nodes > max(cap.nodes, had_nodes):
                return f"{key} has {nodes} nodes at agents, had {had_nodes}, and may have {cap.nodes}"
            if cap.milli_cpus is not None and milli_cpus > max(cap.milli_cpus, had_cpus):
                return f"{key} has {milli_cpus} at agents, had {had_cpus}, and may have {cap.milli_cpus}"
        return ""

    @staticmethod
    def keep_waiting(world: World) -> bool:
        """Return whether somebody's nodes wait for his cap now."""
        groups = world.queue.groups.values()
        return any(group.count and not group.owner.may_begin(group.node_class.resources) for group in groups)


class RestrictionsKept:
    """Looks after each decision whether an agent got nodes of somebody whose nodes it doesn't take."""

    def __init__(self) -> None:
        """Know nothing of this life of the daemon yet."""
        self._attempts = NewAttempts()

    def violation(self, world: World) -> str:
        """Say which agent got what isn't for it; empty if none did. What it had before it said so may stay."""
        for execution in self._attempts.look(world):
            agent = execution.agent
            if agent is not None and not agent.serves(execution.payer):
                return f"{agent.name} takes nodes of {sorted(agent.owners)} only, and got one of {execution.payer.key}"
        return ""

    @staticmethod
    def keep_waiting(world: World) -> bool:
        """Return whether somebody's nodes wait now though an agent of others could take them."""
        groups = world.queue.groups.values()
        return any(group.count and shut_out(world, group.owner, group.node_class, group.avoid) for group in groups)


class NiceStandBehind:
    """Looks after each decision whether something nice began where something that isn't waited for room."""

    def __init__(self) -> None:
        """Know nothing of this life of the daemon yet."""
        self._attempts = NewAttempts()

    def violation(self, world: World) -> str:
        """Say what nice node was sent where, and who waited there before; empty if none was."""
        new = self._attempts.look(world)
        for execution in (each for each in new if each.nice):
            for head in () if execution.agent is None else _waiting_at(world, execution.agent):
                if head.queued_mono < execution.dispatched_mono:
                    return f"{execution}, of nice runs, was sent to an agent for which {head} waited"
        return ""

    @staticmethod
    def keep_waiting(world: World) -> bool:
        """Return whether nice nodes wait now where others do."""
        groups = [group for group in world.queue.groups.values() if group.count]
        return len({group.nice for group in groups}) > 1


def _waiting_at(world: World, agent: Agent) -> Iterator[Execution]:
    """Yield the first of those that wait for room at an agent, and aren't nice."""
    groups = [group for group in world.queue.groups.values() if group.count]
    capped = {group.owner for group in groups if not group.owner.may_begin(group.node_class.resources)}
    for group in groups:
        head = group.head()
        if head is None or group.nice or group.owner in capped or agent.session in group.avoid:
            continue
        able = agent.serves(group.owner) and agent.account.could_ever_fit(group.node_class.resources)
        if able and agent in world.offering(group.node_class.operator_no) and agent.ends_mono is None:
            yield head
