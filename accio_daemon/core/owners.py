"""Owners: how much of their work is at agents, and how much of it may be at a time.

An execution counts for the owner of the run that it was begun for, from its dispatch until its end at the agent, also
while it waits for a lane there. If several owners want the same execution, it counts for one of them (`payers`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from accio.domain.caps import EVERYBODY, Cap, cpus_in_words, nodes_in_words, owner_key, served_keys
from accio.domain.people import Person
from accio.domain.resources import Resources

HALF_LIFE = 24 * 3600.0
"""Seconds after which what somebody used counts half."""


class Owner:
    """Somebody who has runs."""

    __slots__ = ("_begun", "cap", "key", "milli_cpus", "nodes", "person", "served_as", "used_before")

    def __init__(self, person: Person, cap: Cap | None, groups: Iterable[str] = ()) -> None:
        self.key = owner_key(person)
        self.served_as = served_keys(self.key, groups)  # under what an agent may name whose nodes it takes
        self.person = person
        self.cap = cap  # his own, or everybody's
        self.nodes = 0  # at agents
        self.milli_cpus = 0  # that those have reserved, or will have
        self._begun = 0.0  # when these began, each weighed with its thousandths of a CPU
        self.used_before = 0.0  # core-seconds of what is over, as they count now

    def take(self, demand: Resources, mono: float) -> None:
        """Count a node that is sent to an agent at this time."""
        self.nodes += 1
        self.milli_cpus += demand.milli_cpus
        self._begun += demand.milli_cpus * mono

    def give_back(self, demand: Resources, began: float, seconds: float) -> float:
        """Uncount a node that was counted since it *began* and has ended at its agent; return its core-seconds.

        *seconds* is how long it had a place there, 0 if it never got one.
        """
        milli_cpus = demand.milli_cpus
        core_seconds = milli_cpus * seconds / 1000
        self.nodes -= 1
        self.milli_cpus -= milli_cpus
        self._begun = self._begun - milli_cpus * began if self.nodes else 0.0
        self.used_before += core_seconds
        return core_seconds

    def begins_later(self, demand: Resources, before: float, mono: float) -> None:
        """Count a node from another time on than *before*, as only now there is room for it."""
        self._begun += demand.milli_cpus * (mono - before)

    def fade(self, share: float) -> None:
        """Count this share of what he used from now on."""
        self.used_before *= share

    def used(self, mono: float) -> float:
        """Return the core-seconds that he used lately, those of what is at agents included."""
        return self.used_before + max(0.0, self.milli_cpus * mono - self._begun) / 1000

    def may_begin(self, demand: Resources) -> bool:
        """Return whether one more node may be sent to an agent."""
        cap = self.cap
        return cap is None or (
            (cap.nodes is None or self.nodes < cap.nodes)
            and (cap.milli_cpus is None or self.milli_cpus + demand.milli_cpus <= cap.milli_cpus)
        )

    def why_not(self, demand: Resources) -> str:
        """Say why no more may be sent; empty if it may."""
        if self.may_begin(demand) or self.cap is None:
            return ""
        if not self.cap.could_ever_hold(demand) and self.cap.during is None:
            needs = f"needs {cpus_in_words(demand.milli_cpus)}, and " if self.cap.nodes != 0 else "waits: "
            return f"{needs}the cap of {self.person} is {self.cap} at a time: it never begins until that is raised"
        has = f"{nodes_in_words(self.nodes)} on {cpus_in_words(self.milli_cpus)}"
        return f"waits until nodes of {self.person} end, who has {has} at agents; the cap is {self.cap} at a time"

    def __repr__(self) -> str:
        return f"Owner({self.key}, {self.nodes} nodes at agents, cap {self.cap})"


class Room:
    """What caps leave for what waits, as one kind of node after the other takes of it."""

    def __init__(self) -> None:
        self._nodes: Counter[Owner] = Counter()
        self._milli_cpus: Counter[Owner] = Counter()

    def take(self, owner: Owner, demand: Resources, count: int) -> int:
        """Return how many of *count* nodes could be at agents at a time besides those that are, and were asked for."""
        cap = owner.cap
        if cap is None:
            return count
        if cap.nodes is not None:
            count = min(count, cap.nodes - owner.nodes - self._nodes[owner])
        if cap.milli_cpus is not None and demand.milli_cpus:
            left = cap.milli_cpus - owner.milli_cpus - self._milli_cpus[owner]
            count = min(count, left // demand.milli_cpus)
        count = max(0, count)
        self._nodes[owner] += count
        self._milli_cpus[owner] += count * demand.milli_cpus
        return count


class Owners:
    """Everybody who has runs, and caps."""

    def __init__(self) -> None:
        self._faded_mono = 0.0
        self.caps: dict[str, Cap] = {}  # by key; EVERYBODY's counts for who has none
        self.known: dict[str, Owner] = {}
        self._dormant: frozenset[str] = frozenset()  # whose caps don't count at this time of the week
        self._groups: Mapping[str, Iterable[str]] = {}  # who is in which, by key

    def of(self, person: Person) -> Owner:
        """Return somebody, always the same object."""
        key = owner_key(person)
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = Owner(person, self._cap_of(key), self._groups.get(key, ()))
        elif person.name and not found.person.name:
            found.person = person  # until now only his address was known
        return found

    def fade(self, mono: float) -> None:
        """Count what everybody used half after each HALF_LIFE; called so often that it doesn't matter when exactly."""
        faded = 0.5 ** ((mono - self._faded_mono) / HALF_LIFE)
        self._faded_mono = mono
        for owner in self.known.values():
            owner.fade(faded)

    def begin(self, mono: float) -> None:
        """Begin to let it fade, at this time."""
        self._faded_mono = mono

    def set_groups(self, groups: Mapping[str, Iterable[str]]) -> None:
        """Set who is in which groups, by key; who isn't there is in none."""
        self._groups = groups
        for owner in self.known.values():
            owner.served_as = served_keys(owner.key, groups.get(owner.key, ()))

    def set_cap(self, key: str, cap: Cap | None) -> None:
        """Set a cap, or take it away."""
        if cap is None:
            self.caps.pop(key, None)
        else:
            self.caps[key] = cap
        self._apply()

    def look_at_clock(self, wall_ms: int) -> None:
        """Apply the caps that count at this time of the week (epoch milliseconds), and no others."""
        dormant = frozenset(
            key for key, cap in self.caps.items() if cap.during is not None and not cap.during.holds(wall_ms)
        )
        if dormant != self._dormant:
            self._dormant = dormant
            self._apply()

    def counts(self, key: str) -> bool:
        """Return whether there is a cap under a key that counts now."""
        return key in self.caps and key not in self._dormant

    def _apply(self) -> None:
        for owner in self.known.values():
            owner.cap = self._cap_of(owner.key)

    def _cap_of(self, key: str) -> Cap | None:
        """Return the cap that counts for somebody now: his own, else everybody's."""
        counting = (self.caps[each] for each in (key, EVERYBODY) if self.counts(each))
        return next(counting, None)
