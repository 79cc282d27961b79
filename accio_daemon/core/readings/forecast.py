"""When runs will have ended, as ranges of seconds from now: a pure calculation from what is left and how long it takes.

The cluster is taken for a pipe of so many CPUs, bytes and places, which serves runs in the order of the queue; a run
ends no sooner than the longest chain of its nodes. The lower end of a range takes what the quickest quarter of similar
nodes took, the upper end what the slowest quarter took, and one chain more, for what is left running at the end.
Agents in a window don't count; where all are, nothing ends before one of these windows does.
The daemon is a pipe of its own, whose share matters where nodes take less than a millisecond. Nothing is said where
nothing is known.

Where who used least is served first, owners are vessels that are filled to one level: a run ends when its owner has
come to the level at which all of that is done, and until then others have got what lifts them to the same level, as far
as they have that much to do.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from statistics import quantiles

from accio.domain.graph import topological_order
from accio.domain.resources import Resources, cpus_json
from accio.late import dataclass
from accio_daemon.core.owners import Owner
from accio_daemon.core.readings.workload import DemandLoad, Rest, Workload

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
        self._all = _Amount()  # of what was served
        self._levels = load.levels
        self._totals: dict[Owner, _Amount] = {}  # of what is left of each owner, where levels count
        self._served: dict[Owner, _Amount] = {}
        for run in load.runs if load.levels else ():
            if not run.nice:
                possible = [each for each in run.rests if each.count and each.demand[0] in spreads]
                possible = [each for each in possible if not self._demands[each.demand].never_for(run.owner)]
                self._totals.setdefault(run.owner, _Amount()).add(self._amount(possible, run.owner))
        self._unknown = ""  # what is ahead that nobody knows the duration of

    def serve(self, rests: Iterable[Rest], owner: Owner | None = None, *, nice: bool = False) -> Forecast:
        """Return when these will have ended behind all that were served before, within the cap of their *owner*; *nice*
        ones have no turn before all others.
        """
        left = [rest for rest in rests if rest.count]
        nevers = {rest.demand: self._demands[rest.demand].never_for(owner) for rest in left}
        possible = [rest for rest in left if not nevers[rest.demand]]
        unknown = sorted({rest.operator for rest in possible if rest.demand[0] not in self._spreads})
        never = next(filter(None, nevers.values()), "")
        never = never or _never_by_cap(left, owner)
        known = [rest for rest in possible if rest.demand[0] in self._spreads]
        own = self._amount(known, owner)
        self._all.add(own)
        cpu_low, cpu_high = own.cpu_low, own.cpu_high
        ahead_low, ahead_high = self._ahead(owner, own, nice=nice)
        mine = own.low.keys()
        why, ahead = never, self._unknown
        if unknown:
            *first, last = unknown
            names, takes = (f"{', '.join(first)} and {last}", "take") if first else (last, "takes")
            unsaid = f"nothing is known yet of how long {names} {takes}"
            why = why or unsaid
            if any(rest.count > len(rest.ages) for rest in possible if rest.operator in unknown):
                self._unknown = self._unknown or unsaid
        if not why and ahead:
            why = f"{ahead}, ahead of it in the queue"
        if why:
            return Forecast(never=bool(never), why=why, cpu_low=cpu_low, cpu_high=cpu_high)
        shortest = _longest_chain(known, {no: spread.low for no, spread in self._spreads.items()})
        longest = _longest_chain(known, {no: spread.high for no, spread in self._spreads.items()})
        begins = max(
            (self._demands[each.demand].begins_in_s for each in known if each.count > len(each.ages)), default=0.0
        )
        return Forecast(
            low=max([begins, shortest, *(ahead_low[what] for what in mine)]),
            high=begins + max([0.0, *(ahead_high[what] for what in mine)]) + longest,
            cpu_low=cpu_low,
            cpu_high=cpu_high,
        )

    def _amount(self, known: Iterable[Rest], owner: Owner | None) -> "_Amount":
        """Return what is left of nodes whose durations are known, by what they occupy."""
        found = _Amount()
        handed_on = 0
        for rest in known:
            spread = self._spreads[rest.demand[0]]
            low, high = _work(rest, spread.low), _work(rest, spread.high)
            cpus = cpus_json(rest.demand[1].milli_cpus)
            found.cpu_low, found.cpu_high = found.cpu_low + low * cpus, found.cpu_high + high * cpus
            for what, share in (*_shares(self._demands[rest.demand]), *_shares_of_cap(owner, rest.demand[1])):
                found.occupy(what, low * share, high * share)
            handed_on += rest.count - len(rest.ages)
        if handed_on:
            found.occupy(_DAEMON, handed_on * HANDING_ON_S[0], handed_on * HANDING_ON_S[1])
        return found

    def _ahead(
        self, owner: Owner | None, own: "_Amount", *, nice: bool
    ) -> tuple[Mapping[object, float], Mapping[object, float]]:
        """Return for how long each thing is busy until these have ended, at least and at most."""
        if owner is None or nice or owner not in self._levels:
            return self._all.low, self._all.high
        mine = self._served.setdefault(owner, _Amount())
        mine.add(own)
        low, high = Counter(mine.low), Counter(mine.high)
        for other, total in self._totals.items():
            if other is owner:
                continue
            behind = self._levels[owner] - self._levels[other]
            low.update(_shared(total.low, mine.cpu_low + behind, total.cpu_low))
            high.update(_shared(total.high, mine.cpu_high + behind, total.cpu_high))
        return low, high


@dataclass(slots=True)
class _Amount:
    """Seconds that each thing that nodes share is busy, and CPU time."""

    low: dict[object, float] = field(default_factory=dict)
    high: dict[object, float] = field(default_factory=dict)
    cpu_low: float = 0.0
    cpu_high: float = 0.0

    def occupy(self, what: object, low: float, high: float) -> None:
        """Add seconds of a thing."""
        self.low[what] = self.low.get(what, 0.0) + low
        self.high[what] = self.high.get(what, 0.0) + high

    def add(self, other: "_Amount") -> None:
        """Add all of another."""
        for what, low in other.low.items():
            self.occupy(what, low, other.high[what])
        self.cpu_low, self.cpu_high = self.cpu_low + other.cpu_low, self.cpu_high + other.cpu_high


def _shared(busy: Mapping[object, float], gets: float, wants: float) -> dict[object, float]:
    """Return which part of what an owner has to do is done when he has got so many of the core-seconds he wants."""
    part = max(0.0, min(1.0, gets / wants)) if wants > 0 else 1.0
    return {what: seconds * part for what, seconds in busy.items()}


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
    """Yield the share that one execution takes of each thing: of the places for its demand, and of each resource."""
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
