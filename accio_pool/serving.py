"""Serving one pool: what the daemon wants is compared with what the engine has, again and again.

What is wanted and isn't there is submitted; what is there and isn't wanted is ended. So it doesn't matter which answers
got lost, or how often this process has died. Only a complete list counts, and what may have been submitted already is
waited for first.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import field, replace

import structlog

from accio.domain.pools import AllocationKey
from accio.late import dataclass
from accio_pool.config import PoolConfig
from accio_pool.providers.ports import (
    Found,
    HandsOver,
    KnowsRoom,
    Listing,
    Order,
    Provider,
    Refused,
    SubmitsSeveral,
    Unsure,
)

log = structlog.get_logger("accio.pool")

UNSURE_S = 60.0
"""So long after a submission of which nobody knows what became of it, it isn't repeated.

What was taken in for certain counts as being there for as long, unless the engine says that it is over: some sites
answer `squeue` from a copy that is a while old.
"""
GRACE_S = 60.0
"""So long an agent that was told to end has for it."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """Which allocations there should be, by number: those that the engine may not have, and those that it has."""

    submit: dict[int, bool] = field(default_factory=dict)  # number -> whether it is lasting
    keep: frozenset[int] = frozenset()
    exclude: tuple[str, ...] = ()  # hosts that allocations shouldn't get


@dataclass(frozen=True, slots=True)
class Told:
    """What the daemon is told: the engine's list, why allocations ended that it lacks, and what was refused."""

    listing: Listing
    reasons: dict[int, str]
    refused: dict[int, str]


Tell = Callable[[Told], Awaitable[None]]
MakeToken = Callable[[int], Awaitable[str]]
"""Makes a token that is good for the agent of one allocation, or raises NoToken."""


class NoToken(Exception):
    """Why the daemon makes no token for an allocation: it isn't wanted any more, or nothing can be written now."""


class Serving:
    """One pool."""

    def __init__(
        self,
        pool: PoolConfig,
        provider: Provider,
        cluster: str,
        now: Callable[[], float],
        make_token: MakeToken | None = None,
    ) -> None:
        """Serve a pool of a daemon's *cluster*; without *make_token*, agents need tokens that they have anyway."""
        self.pool = pool
        self._provider = provider
        self._hands_over = provider if pool.tokens and isinstance(provider, HandsOver) else None
        self._make_token = make_token
        self._cluster = cluster
        self._now = now
        self._wishes: Wishes | None = None
        self._changed = asyncio.Event()
        self._tried: dict[int, float] = {}  # submissions and when they were made, as long as the engine lacks them
        self._ending: dict[int, float] = {}  # allocations and when they were told to end
        self._known: set[int] = set()  # that the engine had
        self._taken: dict[int, tuple[Found, float]] = {}  # which it took in, and when, as long as it doesn't list them
        self._unsure: dict[int, str] = {}  # why nobody knows what became of a submission, or none was made
        self._tidy = False  # whether nothing is kept of tokens of allocations that are over
        self._problem = ""

    def want(self, wishes: Wishes) -> None:
        """Note what the daemon wants now."""
        self._wishes = wishes
        self._changed.set()

    async def run(self, tell: Tell) -> None:
        """Compare and act until cancelled."""
        while True:
            wishes = self._wishes
            self._changed.clear()
            if wishes is not None:
                await tell(await self.step(wishes))
            try:
                async with asyncio.timeout(self.pool.poll):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def step(self, wishes: Wishes) -> Told:
        """Look at the engine once, and act; return what the daemon is to know."""
        listing = await self._provider.list(self._cluster)
        self._note_problem(listing.problem or listing.silent)
        if not listing.complete:
            return Told(listing, {}, {})
        found = {each.key.number: each for each in listing.found}
        listed = self._listed(listing, wishes)
        there = {each.key.number for each in listed}
        gone = (self._known | wishes.keep) - there
        reasons = {number: await self._provider.last_words(self._key(number)) for number in gone}
        self._known = there
        self._tried = {
            number: at for number, at in self._tried.items() if number in wishes.submit.keys() - found.keys()
        }
        refused: dict[int, str] = {}
        orders = [
            Order(key=self._key(number), lasting=lasting, exclude=wishes.exclude)
            for number, lasting in wishes.submit.items()
            if number not in there and number not in gone and self._may_try(number)
        ]
        with_tokens = [await self._with_token(order) for order in orders if self._has_room(order)]
        for several in await self._together([order for order in with_tokens if order is not None]):
            await self._submit(several, refused)
        for number, each in found.items():
            if number not in wishes.submit and number not in wishes.keep:
                await self._end(each)
        self._ending = {number: at for number, at in self._ending.items() if number in found}
        await self._tidy_up(found.keys() | wishes.submit.keys() | wishes.keep, over=bool(gone))
        self._tidy = self._tidy and not refused  # which aren't wanted for much longer
        reasons |= self._unsure
        now_there = replace(listing, found=[*listed, *self._just_taken(there)])
        return Told(now_there, {number: words for number, words in reasons.items() if words}, refused)

    def _listed(self, listing: Listing, wishes: Wishes) -> list[Found]:
        """Return what the engine has: what it lists, and what it took in lately and doesn't list yet."""
        wanted = wishes.submit.keys() | wishes.keep
        listed = {each.key.number for each in listing.found}
        self._unsure = {no: words for no, words in self._unsure.items() if no in wishes.submit.keys() - listed}
        self._taken = {
            number: (found, at)
            for number, (found, at) in self._taken.items()
            if number in wanted - listed - set(listing.over) and self._now() - at <= UNSURE_S
        }
        return [*listing.found, *(found for found, _ in self._taken.values())]

    def _just_taken(self, there: Collection[int]) -> list[Found]:
        """Return what was taken in since the engine was asked for its list."""
        taken = [found for number, (found, _) in self._taken.items() if number not in there]
        self._known |= {each.key.number for each in taken}
        return taken

    def _key(self, number: int) -> AllocationKey:
        return AllocationKey(self._cluster, self.pool.spec.name, number)

    def _may_try(self, number: int) -> bool:
        tried = self._tried.get(number)
        return tried is None or self._now() - tried > UNSURE_S

    def _has_room(self, order: Order) -> bool:
        """Return whether the engine could take an order in now; if not, why is noted. It is looked at again soon."""
        why_not = self._provider.lacks_room(order) if isinstance(self._provider, KnowsRoom) else ""
        if why_not and self._unsure.get(order.key.number) != why_not:
            log.info("not submitted", allocation=str(order.key), reason=why_not)
        if why_not:
            self._unsure[order.key.number] = why_not
        return not why_not

    async def _tidy_up(self, live: Collection[int], *, over: bool) -> None:
        """Delete what is kept of tokens of allocations that are over, once there are such."""
        if self._hands_over is not None and (over or not self._tidy):
            await self._hands_over.forget_tokens(self._cluster, live)
            self._tidy = True

    async def _with_token(self, order: Order) -> Order | None:
        """Return an order with its token, if it is to have one; None if it gets none."""
        if self._hands_over is None or self._make_token is None:
            return order
        try:
            return replace(order, token=await self._make_token(order.key.number))
        except NoToken as error:
            log.info("not submitted", allocation=str(order.key), reason=str(error))
            return None

    async def _together(self, orders: Sequence[Order]) -> list[list[Order]]:
        """Return orders in groups that the engine takes at once: of equal ones whose numbers follow each other."""
        most = 1
        if len(orders) > 1 and isinstance(self._provider, SubmitsSeveral):
            most = await self._provider.most_at_once()
        groups: list[list[Order]] = []
        for order in sorted(orders, key=lambda each: each.key.number):
            last = groups[-1] if groups else []
            if last and len(last) < most and order.key == last[-1].key.after(1) and order.lasting == last[-1].lasting:
                last.append(order)
            else:
                groups.append([order])
        return groups

    async def _submit(self, orders: Sequence[Order], refused: dict[int, str]) -> None:
        """Submit one order, or several at once; where several are refused, some may be taken for themselves."""
        several = self._provider if len(orders) > 1 and isinstance(self._provider, SubmitsSeveral) else None
        names = [str(order.key) for order in orders]
        self._tried |= {order.key.number: self._now() for order in orders}
        try:
            job = await (self._provider.submit(orders[0]) if several is None else several.submit_several(orders))
        except Refused as error:
            log.warning("the engine refuses allocations", allocations=names, reason=str(error))
            if several is None:
                refused[orders[0].key.number] = str(error)
                return
            for order in orders:
                await self._submit([order], refused)
        except Unsure as error:
            log.warning("nobody knows what became of a submission", allocations=names, reason=str(error))
            self._unsure |= {order.key.number: str(error) for order in orders}
        else:
            log.info("submitted", allocations=names, job=job)
            own = job if len(orders) == 1 else ""  # of each of several, the engine's list tells
            for order in orders:
                self._unsure.pop(order.key.number, None)
                self._taken[order.key.number] = (Found(key=order.key, job=own, begun=False), self._now())

    async def _end(self, found: Found) -> None:
        """End what isn't wanted: its agent is told to, and made to after a while."""
        number, now = found.key.number, self._now()
        told = self._ending.get(number)
        if told is None:
            log.info("an allocation isn't wanted any more", allocation=str(found.key), job=found.job)
            self._ending[number] = now
            await self._provider.cancel(found, gently=found.begun)
        elif now - told > GRACE_S:
            await self._provider.cancel(found, gently=False)

    def _note_problem(self, problem: str) -> None:
        if problem and problem != self._problem:
            log.warning("the engine doesn't tell what it has", pool=self.pool.spec.name, reason=problem)
        self._problem = problem
