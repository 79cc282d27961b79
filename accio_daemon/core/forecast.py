"""When runs will have ended, as ranges of seconds from now: a pure calculation from what is left and how long it takes.

The cluster is taken for a pipe of so many CPUs, bytes and places, which serves runs in the order of the queue; a run
ends no sooner than the longest chain of its nodes. The lower end of a range takes what the quickest quarter of similar
nodes took, the upper end what the slowest quarter took, and one chain more, for what is left running at the end.
The daemon is a pipe of its own, whose share matters where nodes take less than a millisecond. Nothing is said where
nothing is known.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles

from accio.domain.graph import topological_order
from accio.domain.resources import Resources, cpus_json
from accio_daemon.core.owners import Owner
from accio_daemon.core.workload import DemandLoad, Rest, Workload

HANDING_ON_S = (0.0001, 0.0006)
"""How long an execution occupies the daemon, from the queue to its result: on a quick machine, and on a busy one."""

_DAEMON = object()  # what all nodes share


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How long nodes of an operator take, in seconds, as far as *measured* executions of the operator tell."""

    low: float
    high: float
    measured: int
    earlier: bool = False  # whether they are of another version of the operator


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """When something will have ended, and how much CPU time it reserves until then, in seconds.

    `why` says why that isn't known, or that it never will end with the agents that are there; else it is empty.
    """

    low: float = 0.0
    high: float = 0.0
    cpu_low: float = 0.0
    cpu_high: float = 0.0
    never: bool = False
    why: str = ""


def spread_of(seconds: Sequence[float], *, earlier: bool = False) -> Spread | None:
    """Return the spread of durations: their quartiles, the further apart the fewer they are; None if there are none."""
    if not seconds:
        return None
    low, _, high = quantiles(seconds, n=4, method="inclusive") if len(seconds) > 1 else (seconds[0],) * 3
    doubt = len(seconds) ** -0.5
    return Spread(low=low * (1 - doubt / 2), high=high * (1 + doubt), measured=len(seconds), earlier=earlier)


class Forecaster:
    """Serves one run after the other: each adds to what those behind it wait for."""

    def __init__(self, load: Workload, spreads: Mapping[int, Spread]) -> None:
        """Begin with nothing ahead; *spreads* are by operator number."""
        self._demands = load.demands
        self._spreads = spreads
        self._low: dict[object, float] = {}  # seconds that each thing that nodes share is busy
        self._high: dict[object, float] = {}
        self._unknown = ""  # what is ahead that nobody knows the duration of

    def serve(self, rests: Iterable[Rest], owner: Owner | None = None) -> Forecast:
        """Return when these will have ended behind all that were served before, within the cap of their *owner*."""
        left = [rest for rest in rests if rest.count]
        nevers = {rest.demand: self._demands[rest.demand].never_for(owner) for rest in left}
        possible = [rest for rest in left if not nevers[rest.demand]]
        unknown = sorted({rest.operator for rest in possible if rest.demand[0] not in self._spreads})
        never = next(filter(None, nevers.values()), "")
        never = never or _never_by_cap(left, owner)
        known = [rest for rest in possible if rest.demand[0] in self._spreads]
        cpu_low = cpu_high = 0.0
        mine: set[object] = set()
        for rest in known:
            spread = self._spreads[rest.demand[0]]
            low, high = _work(rest, spread.low), _work(rest, spread.high)
            cpus = cpus_json(rest.demand[1].milli_cpus)
            cpu_low, cpu_high = cpu_low + low * cpus, cpu_high + high * cpus
            for what, share in (*_shares(self._demands[rest.demand]), *_shares_of_cap(owner, rest.demand[1])):
                mine.add(what)
                self._low[what] = self._low.get(what, 0.0) + low * share
                self._high[what] = self._high.get(what, 0.0) + high * share
        handed_on = sum(rest.count - len(rest.ages) for rest in known)
        if handed_on:
            mine.add(_DAEMON)
            self._low[_DAEMON] = self._low.get(_DAEMON, 0.0) + handed_on * HANDING_ON_S[0]
            self._high[_DAEMON] = self._high.get(_DAEMON, 0.0) + handed_on * HANDING_ON_S[1]
        why, ahead = never, self._unknown
        if unknown:
            takes = "take" if len(unknown) > 1 else "takes"
            unsaid = f"nothing is known yet of how long {' and '.join(unknown)} {takes}"
            why = why or unsaid
            if any(rest.count > len(rest.ages) for rest in possible if rest.operator in unknown):
                self._unknown = self._unknown or unsaid
        if not why and ahead:
            why = f"{ahead}, ahead of it in the queue"
        if why:
            return Forecast(never=bool(never), why=why, cpu_low=cpu_low, cpu_high=cpu_high)
        shortest = _longest_chain(known, {no: spread.low for no, spread in self._spreads.items()})
        longest = _longest_chain(known, {no: spread.high for no, spread in self._spreads.items()})
        return Forecast(
            low=max([shortest, *(self._low[what] for what in mine)]),
            high=max([0.0, *(self._high[what] for what in mine)]) + longest,
            cpu_low=cpu_low,
            cpu_high=cpu_high,
        )


def _never_by_cap(rests: Iterable[Rest], owner: Owner | None) -> str:
    cap = None if owner is None else owner.cap
    if (
        owner is None
        or cap is None
        or cap.during is not None
        or all(cap.could_ever_hold(rest.demand[1]) for rest in rests)
    ):
        return ""
    return f"the cap of {owner.person} is {cap} at a time, with which some of it never begins"


def _work(rest: Rest, seconds: float) -> float:
    """Return the seconds of execution that are left, if each takes so long."""
    return rest.count * seconds - sum(min(age, seconds) for age in rest.ages)


def _shares(load: DemandLoad) -> Iterator[tuple[object, float]]:
    """Yield what one execution occupies, and which share of it: places for its demand alone, and resources."""
    yield load.demand, 1 / load.slots
    room = dict(load.room.amounts())
    for name, amount in load.demand[1].amounts():
        if amount:
            yield name, amount / room[name]


def _shares_of_cap(owner: Owner | None, demand: Resources) -> Iterator[tuple[object, float]]:
    """Yield which share of what its owner may have at agents one execution occupies."""
    cap = None if owner is None else owner.cap
    if owner is None or cap is None:
        return
    if cap.nodes:
        yield (owner, "nodes"), 1 / cap.nodes
    if cap.milli_cpus:
        yield (owner, "cpus"), demand.milli_cpus / cap.milli_cpus


def _longest_chain(rests: Sequence[Rest], seconds: Mapping[int, float]) -> float:
    """Return how long the longest chain of nodes takes, if nothing is in its way."""
    by_no: dict[int, list[Rest]] = {}
    for rest in rests:
        by_no.setdefault(rest.no, []).append(rest)
    before = {no: tuple(p for p in each[0].predecessors if p in by_no) for no, each in by_no.items()}
    found: dict[int, float] = {}
    for no in topological_order(before):
        own = max(_left_of_one(rest, seconds[rest.demand[0]]) for rest in by_no[no])
        found[no] = own + max((found[earlier] for earlier in before[no]), default=0.0)
    return max(found.values(), default=0.0)


def _left_of_one(rest: Rest, seconds: float) -> float:
    """Return how long one more takes, or what is left of the one that runs for the shortest time."""
    return max(0.0, seconds - min(rest.ages)) if rest.count == len(rest.ages) else seconds
