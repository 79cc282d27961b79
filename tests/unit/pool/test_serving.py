"""What is wanted is compared with what the engine has: answers that get lost cost no host, and leave none behind."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from accio.domain.pools import AllocationKey, PoolSpec
from accio.domain.resources import Resources
from accio_pool.config import PoolConfig
from accio_pool.providers.ports import Found, Listing, Order, Refused, Unsure
from accio_pool.serving import GRACE_S, UNSURE_S, Serving, Told, Wishes

CLUSTER = "0123abcd"
POOL = PoolConfig(spec=PoolSpec(name="cpu", provider="fake", host=Resources(), walltime=None, maximum=9))


@dataclass
class FakeProvider:
    """An engine that does what it is told, or loses what it would have said."""

    jobs: dict[int, str] = field(default_factory=dict)
    submitted: list[int] = field(default_factory=list)
    cancelled: list[tuple[int, bool]] = field(default_factory=list)
    problem: str = ""
    refuses: str = ""
    loses_answers: bool = False
    lists_late: bool = False
    over: set[int] = field(default_factory=set)

    async def submit(self, order: Order) -> str:
        """Begin a job."""
        self.submitted.append(order.key.number)
        if self.refuses:
            raise Refused(self.refuses)
        if not self.loses_answers:
            self.jobs[order.key.number] = f"job {order.key.number}"
            return self.jobs[order.key.number]
        raise Unsure("timed out")

    async def list(self, cluster: str) -> Listing:
        """List the jobs."""
        jobs = {} if self.lists_late else self.jobs
        found = [Found(key=AllocationKey(cluster, "cpu", no), job=job, begun=True) for no, job in jobs.items()]
        return Listing(found=found, problem=self.problem, over=self.over)

    async def cancel(self, found: Found, *, gently: bool) -> None:
        """Note it, and end at once only what is made to."""
        self.cancelled.append((found.key.number, gently))
        if not gently:
            del self.jobs[found.key.number]

    async def last_words(self, key: AllocationKey) -> str:
        """Say something of each."""
        return f"the end of {key.number}"

    def preview(self, order: Order) -> str:
        """Show nothing."""
        return ""


class Bed:
    """A pool with a clock of the test's."""

    def __init__(self) -> None:
        self.engine = FakeProvider()
        self.time = 0.0
        self.serving = Serving(POOL, self.engine, CLUSTER, lambda: self.time)

    async def step(self, submit: Sequence[int] = (), keep: Sequence[int] = ()) -> Told:
        """Look once, wishing for this."""
        return await self.serving.step(Wishes(dict.fromkeys(submit, False), frozenset(keep)))


async def test_what_is_there_is_not_submitted_again() -> None:
    """A process that begins anew finds what the one before submitted, whatever answers were lost."""
    bed = Bed()
    bed.engine.jobs[1] = "job 1"
    told = await bed.step(submit=(1, 2))
    assert [(each.key.number, each.begun) for each in told.listing.found] == [(1, True), (2, False)]
    assert bed.engine.submitted == [2]
    await bed.step(submit=(1, 2))
    assert bed.engine.submitted == [2]


async def test_an_unsure_submission_is_waited_for() -> None:
    """What may have been submitted isn't again, until the engine has lacked it for a while."""
    bed = Bed()
    bed.engine.loses_answers = True
    await bed.step(submit=(1,))
    bed.time += UNSURE_S - 1
    await bed.step(submit=(1,))
    assert bed.engine.submitted == [1]
    bed.time += 2
    await bed.step(submit=(1,))
    assert bed.engine.submitted == [1, 1]


async def test_why_it_is_unsure_is_told_until_it_is_there() -> None:
    """Who looks at the allocation reads what the engine said; no more once it is listed."""
    bed = Bed()
    bed.engine.loses_answers = True
    for _ in range(2):
        assert (await bed.step(submit=(1,))).reasons == {1: "timed out"}
    bed.engine.jobs[1] = "job 1"
    assert (await bed.step(submit=(1,))).reasons == {}


async def test_what_ended_before_it_was_listed_is_told_as_over() -> None:
    """A job that ends at once was there, and isn't submitted again and again: the daemon hears how it ended."""
    bed = Bed()
    told = await bed.step(submit=(1,))
    assert [(each.key.number, each.job) for each in told.listing.found] == [(1, "job 1")]
    bed.engine.jobs, bed.engine.over = {}, {1}
    for _ in range(2):
        told = await bed.step(keep=(1,))
        assert (list(told.listing.found), told.reasons) == ([], {1: "the end of 1"})
    assert bed.engine.submitted == [1]


async def test_a_list_may_be_late() -> None:
    """What was taken in counts as being there for a while, though the engine doesn't list it yet; not for ever."""
    bed = Bed()
    bed.engine.lists_late = True
    await bed.step(submit=(1,))
    bed.time += UNSURE_S
    told = await bed.step(keep=(1,))
    assert ([each.key.number for each in told.listing.found], told.reasons) == ([1], {})
    bed.time += 1
    told = await bed.step(keep=(1,))
    assert (list(told.listing.found), told.reasons) == ([], {1: "the end of 1"})


async def test_what_is_given_up_at_once_is_not_held_to_be_there() -> None:
    """Once it isn't wanted, the engine's list alone counts."""
    bed = Bed()
    bed.engine.lists_late = True
    await bed.step(submit=(1,))
    assert list((await bed.step()).listing.found) == []
    assert bed.engine.cancelled == []


async def test_nothing_is_done_on_an_incomplete_list() -> None:
    """As long as the engine doesn't tell all that it has, nothing is submitted, ended, or said to be over."""
    bed = Bed()
    bed.engine.jobs[7] = "job 7"
    bed.engine.problem = "timed out"
    told = await bed.step(submit=(1,), keep=(2,))
    assert (bed.engine.submitted, bed.engine.cancelled, told.reasons) == ([], [], {})
    assert not told.listing.complete


async def test_what_is_not_wanted_ends() -> None:
    """Whatever the engine has besides is told to end, and made to after a while; it is told once."""
    bed = Bed()
    bed.engine.jobs = {1: "job 1", 7: "job 7"}
    for _ in range(3):
        await bed.step(keep=(1,))
    assert bed.engine.cancelled == [(7, True)]
    bed.time += GRACE_S + 1
    await bed.step(keep=(1,))
    assert bed.engine.cancelled[1:] == [(7, False)]
    assert bed.engine.jobs == {1: "job 1"}


async def test_refusals_and_last_words_are_told() -> None:
    """The daemon hears what was refused, and how what it wanted to keep ended."""
    bed = Bed()
    bed.engine.refuses = "no such partition"
    told = await bed.step(submit=(2,), keep=(1,))
    assert (told.refused, told.reasons) == ({2: "no such partition"}, {1: "the end of 1"})
