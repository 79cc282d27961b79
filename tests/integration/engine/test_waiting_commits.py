"""A commit that nobody needs waits while more is being decided: not for long, and not once somebody needs it."""

import asyncio
from dataclasses import replace

import pytest

from accio_daemon.core.terms import CacheMode
from accio_daemon.engine import commits
from accio_daemon.short_calls import ShortCalls
from tests import builders
from tests.fakes import FakeAgent
from tests.integration.engine.conftest import Bench, Benches

ONE = builders.graph({"A": []}, swept=("A",))


async def _busy(bench: Bench) -> FakeAgent:
    """Return an agent that has hundreds of short nodes ahead."""
    agent = FakeAgent(name="w1", resources=builders.offer(1), operators=(builders.step(),), prefetch_limit=300)
    session = bench.engine.next_session()
    bench.engine.attach(session, agent)
    await bench.engine.ask(agent.hello(session))
    command = await bench.submission(ONE, sweep=builders.sweep_of(600))
    command = replace(command, cache=CacheMode.NONE)
    await bench.engine.ask(command)
    await bench.until(lambda: bool(agent.running()))
    _end_one(bench, agent)
    await bench.until(lambda: len(agent.ahead()) >= 299 and not agent.outbox)
    return agent


def _end_one(bench: Bench, agent: FakeAgent) -> None:
    running = next(no for no, held in agent.attempts.items() if held.granted)
    report = agent.end(builders.success(agent.next_seq, running, {"data": "1"}, wall_us=10))
    bench.engine.post(agent.telling(report))


class Holding(ShortCalls):
    """Holds whoever decides after a step, as if there were more to decide, until it is let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.holds = False
        self.held = False
        self._go_on = asyncio.Event()

    async def pass_by(self, seconds: float) -> None:
        """Hold, and note it."""
        if self.holds:
            self.held = True
            await self._go_on.wait()

    def go_on(self) -> None:
        """Let it go on."""
        self.holds = False
        self._go_on.set()


async def _waiting(bench: Bench, calls: Holding, monkeypatch: pytest.MonkeyPatch) -> FakeAgent:
    """Return an agent of which something was decided, while the decider goes on: the commit may wait for an hour."""
    agent = await _busy(bench)
    monkeypatch.setattr(commits, "GATHERING", 3600.0)
    calls.holds = True
    _end_one(bench, agent)
    await bench.until(lambda: calls.held and not bench.engine.cycle.inbox)
    for _ in range(100):  # turns in which it would be made
        await asyncio.sleep(0)
    assert agent.outbox
    return agent


async def test_a_commit_waits_no_longer_than_something_is_left_to_decide(
    benches: Benches, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it may wait for more: once all is decided, a report is acknowledged."""
    calls = Holding()
    async with benches.running(short_calls=calls) as bench:
        agent = await _waiting(bench, calls, monkeypatch)
        calls.go_on()
        await bench.until(lambda: not agent.outbox)


async def test_a_commit_is_made_at_once_where_nothing_is_left_to_decide(
    benches: Benches, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report that comes alone is acknowledged, however long commits may wait for more."""
    async with benches.running() as bench:
        agent = await _busy(bench)
        monkeypatch.setattr(commits, "GATHERING", 3600.0)
        _end_one(bench, agent)
        await bench.until(lambda: not agent.outbox)


async def test_a_commit_that_waits_is_made_once_somebody_needs_it(
    benches: Benches, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it may wait for more, who writes something is answered, and what was decided before goes along."""
    calls = Holding()
    async with benches.running(short_calls=calls) as bench:
        agent = await _waiting(bench, calls, monkeypatch)
        async with asyncio.timeout(60):
            await bench.engine.write(lambda transaction: None)
        assert not agent.outbox
        calls.go_on()


async def test_an_end_is_not_held_up_by_a_commit_that_waits(benches: Benches, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that is to stop makes durable what it has decided, at once."""
    calls = Holding()
    async with benches.running(short_calls=calls) as bench:
        agent = await _waiting(bench, calls, monkeypatch)
        bench.engine.stop()
        calls.go_on()
    assert not agent.outbox


class Noted(ShortCalls):
    """Notes for how long it was let pass at most."""

    def __init__(self) -> None:
        super().__init__()
        self.passed: list[float] = []

    async def pass_by(self, seconds: float) -> None:
        """Note it."""
        self.passed.append(seconds)
        await super().pass_by(seconds)


async def test_short_calls_pass_after_each_step(benches: Benches) -> None:
    """A step of deciding is followed by a pause for those who need the loop, no longer than it took."""
    calls = Noted()
    async with benches.running(short_calls=calls) as bench:
        agent = await bench.join()
        before = len(calls.passed)
        with calls.reading():  # it doesn't end while there is work to decide
            await bench.submit(ONE, sweep=builders.sweep_of(3))
            await bench.until(lambda: bool(agent.running()))
        assert len(calls.passed) > before
        assert all(seconds >= 0 for seconds in calls.passed)
