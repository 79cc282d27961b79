"""What a provider is: how to talk to one kind of engine. Each method asks the engine once; nothing is kept in between.

An allocation's name is its key (`accio.domain.pools.AllocationKey`): engines give numbers of jobs again, and a
submission whose answer got lost may have been carried out. So it is looked for by name, and only a list that is
*complete* tells that something isn't there.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field
from typing import Protocol, runtime_checkable

from accio.domain.pools import AllocationKey
from accio.late import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An allocation to be submitted."""

    key: AllocationKey
    lasting: bool  # its agent stays when it has nothing to do
    exclude: Sequence[str] = ()  # hosts that it shouldn't get
    token: str = field(default="", repr=False)  # of the allocation alone; empty: its agent has to have one


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An allocation that the engine has."""

    key: AllocationKey
    job: str
    begun: bool
    host: str = ""
    reason: str = ""  # why it waits


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What the engine has of one cluster's pool; of one that isn't complete, *problem* says why.

    A part of the engine that doesn't answer may be left out of what is complete: *silent* says which, and its words.
    """

    found: Sequence[Found]
    problem: str = ""
    silent: str = ""
    over: Collection[int] = ()  # allocations of which the engine knows for certain that they are over
    hosts: Mapping[int, str] = field(default_factory=dict)  # of allocations that are over, where that is known

    @property
    def complete(self) -> bool:
        """Whether what it lacks isn't there."""
        return not self.problem


class Refused(Exception):
    """The engine refused a submission for certain, with its words."""


class Unsure(Exception):
    """Nobody knows whether a submission was carried out: the engine didn't answer, or not clearly."""


@runtime_checkable
class DryRun(Protocol):
    """What a provider has besides whose engine tells what it would say to a submission."""

    async def dry_run(self, order: Order) -> str | None:
        """Submit nothing, and return what the engine would say; None if it can't be asked. Raises Refused or Unsure."""
        ...


@runtime_checkable
class KnowsRoom(Protocol):
    """What a provider is besides which knows from its last list whether an allocation could be had at all."""

    def lacks_room(self, order: Order) -> str:
        """Return why an order isn't to be submitted now; empty if it may be."""
        ...


@runtime_checkable
class SubmitsSeveral(Protocol):
    """What a provider is besides whose engine takes several allocations at once, which costs it less."""

    async def most_at_once(self) -> int:
        """Return how many it takes; 1 if it doesn't say, or takes no several ones."""
        ...

    async def submit_several(self, orders: Sequence[Order]) -> str:
        """Ask for equal allocations whose numbers follow each other, and return what the engine calls them together.

        Raises Refused or Unsure, for all of them.
        """
        ...


@runtime_checkable
class HandsOver(Protocol):
    """What a provider is besides which hands tokens of allocations to their agents: in the variable
    `accio.places.ALLOCATION_TOKEN` of their environment, by ways that nobody else can look into. Command lines and
    scripts of jobs are none.
    """

    async def forget_tokens(self, cluster: str, keep: Collection[int]) -> None:
        """Delete what is kept of tokens of a daemon's allocations, but for those with the numbers in *keep*."""
        ...


class Provider(Protocol):
    """One pool at its engine."""

    async def submit(self, order: Order) -> str:
        """Ask for an allocation, and return what the engine calls it; raises Refused or Unsure."""
        ...

    async def list(self, cluster: str) -> Listing:
        """List what the engine has of this pool for a daemon's cluster."""
        ...

    async def cancel(self, found: Found, *, gently: bool) -> None:
        """End an allocation: *gently* lets its agent drain. What can't be told is tried again."""
        ...

    async def last_words(self, key: AllocationKey) -> str:
        """Return the end of what an allocation that is over has printed; empty if nobody knows."""
        ...

    def preview(self, order: Order) -> str:
        """Return what would be submitted, for people."""
        ...
