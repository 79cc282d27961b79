"""Who submits and watches again and again has it done in a call that is kept."""

from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext
from typing import Any

import pytest

from accio.channels import Door
from accio.domain.states import RunState
from accio.errors import AccioError, BadRequest, Unavailable
from accio.v1 import accio_pb2, pools_pb2, runs_pb2
from accio_client import Client
from accio_client.channel import Channel
from accio_client.kept_calls import KeptCalls
from accio_client.services import Kept, service
from tests.integration.client.fake_daemon import TOKEN, FakeDaemon, interrupted, refuse, run

ONE, EACH = "SubmitAndWatch", "SubmitAndWatchEach"


def ended(_: Any = None) -> list[accio_pb2.RunUpdate]:
    return [accio_pb2.RunUpdate(run=run(state=state)) for state in (runs_pb2.RUN_STATE_RUNNING, END)]


END = runs_pb2.RUN_STATE_SUCCESS


def states(client: Client) -> list[RunState]:
    return [update.run.state for update in client.submit_and_watch({"workflow": "w"})]


@pytest.fixture
def submitting(daemon: FakeDaemon) -> Iterator[Client]:
    """A client that has submitted once."""
    daemon.answers[ONE] = daemon.answers[EACH] = ended
    with Client() as client:
        assert states(client) == [RunState.RUNNING, RunState.SUCCESS]
        assert not daemon.calls
        yield client


def test_a_call_is_kept_from_the_second_time_on(daemon: FakeDaemon, submitting: Client) -> None:
    """The first submission has a call of its own, all that follow one another share one; each has a key of its own."""
    for _ in range(3):
        assert states(submitting) == [RunState.RUNNING, RunState.SUCCESS]
    assert (len(daemon.requests[ONE]), len(daemon.requests[EACH]), daemon.calls[EACH]) == (1, 3, 1)
    keys = {each.idempotency_key for name in (ONE, EACH) for each in daemon.requests[name]}
    assert len(keys) == 4


def test_whoever_stops_at_the_end_may_go_on(daemon: FakeDaemon, submitting: Client) -> None:
    """A stream that is left once it has told of the end leaves its call as it is."""
    for _ in range(3):
        for update in submitting.submit_and_watch({"workflow": "w"}):
            if update.run.ended:
                break
    assert daemon.calls[EACH] == 1


def test_at_the_same_time_each_has_its_own(daemon: FakeDaemon, submitting: Client) -> None:
    """A stream that goes on keeps its call to itself, and one that is given up ends it."""
    streams = [submitting.submit_and_watch({"workflow": "w"}) for _ in range(2)]
    assert [next(each).run.state for each in streams] == [RunState.RUNNING] * 2
    assert daemon.calls[EACH] == 2
    for each in streams:
        each.close()
    assert states(submitting) == [RunState.RUNNING, RunState.SUCCESS]
    assert daemon.calls[EACH] == 3


def test_an_older_daemon_is_asked_as_before(daemon: FakeDaemon, submitting: Client) -> None:
    """Where there is no such call, each submission has one of its own, and is made once."""
    del daemon.answers[EACH]
    for _ in range(3):
        assert states(submitting) == [RunState.RUNNING, RunState.SUCCESS]
    assert (len(daemon.requests[ONE]), daemon.calls[EACH]) == (4, 1)


def test_what_breaks_off_is_asked_for_again(daemon: FakeDaemon, submitting: Client) -> None:
    """A call that is cut off in the middle of a submission is followed by another, under the same key."""
    streams = [interrupted(accio_pb2.RunUpdate(run=run(state=runs_pb2.RUN_STATE_RUNNING))), iter(ended())]
    daemon.answers[EACH] = lambda _: streams.pop(0)
    assert states(submitting) == [RunState.RUNNING, RunState.RUNNING, RunState.SUCCESS]
    first, second = daemon.requests[EACH]
    assert first.idempotency_key == second.idempotency_key


def test_a_daemon_that_restarts_meanwhile_is_found_again(daemon: FakeDaemon, submitting: Client) -> None:
    """A kept call that ended with its daemon is followed by another of the next one."""
    states(submitting)
    daemon.stop()
    daemon.start()
    assert states(submitting)[-1] is RunState.SUCCESS
    assert daemon.calls[EACH] == 2


def test_what_is_refused_is_told(daemon: FakeDaemon, submitting: Client) -> None:
    """The error is the one of a call of its own, and the next submission isn't touched by it."""
    states(submitting)
    daemon.answers[EACH] = refuse(BadRequest("expected something else"))
    with pytest.raises(BadRequest, match="something else"):
        states(submitting)
    daemon.answers[EACH] = ended
    assert states(submitting)[-1] is RunState.SUCCESS
    assert daemon.calls[EACH] == 2


def _each_ends(_: Any) -> bool:
    return True


SUBMITTING = Kept(service(accio_pb2.DESCRIPTOR, "Accio").SubmitAndWatchEach, is_last=_each_ends)
SERVING = Kept(service(pools_pb2.DESCRIPTOR, "Pools").Serve, is_last=_each_ends)


@pytest.fixture
async def kept_calls(daemon: FakeDaemon) -> AsyncIterator[KeptCalls]:
    """Kept calls on one channel to the daemon."""
    channel = Channel(Door(daemon.address))

    async def explain(error: Any, _: float) -> AccioError:
        return Unavailable(str(error))

    made = KeptCalls(
        place=lambda: nullcontext(channel), metadata=(("authorization", f"Bearer {TOKEN}"),), explain=explain
    )
    yield made
    await made.close()
    await channel.channel.close()


async def test_a_call_is_asked_again_by_its_own_method(daemon: FakeDaemon, kept_calls: KeptCalls) -> None:
    """The calls of two methods wait beside each other, and each stream comes in one of its own method."""
    daemon.answers[EACH] = lambda _: [accio_pb2.RunUpdate(run=run())]
    daemon.answers["Serve"] = lambda _: [pools_pb2.PoolsAnswer()]
    for _ in range(3):
        submitted = [
            each async for each in kept_calls.stream(SUBMITTING, accio_pb2.SubmitRequest(), accio_pb2.RunUpdate)
        ]
        served = [each async for each in kept_calls.stream(SERVING, pools_pb2.PoolsMessage(), pools_pb2.PoolsAnswer)]
        assert (len(submitted), len(served)) == (1, 1)
    assert (daemon.calls[EACH], daemon.calls["Serve"]) == (1, 1)


async def test_a_method_that_is_unknown_says_nothing_of_others(daemon: FakeDaemon, kept_calls: KeptCalls) -> None:
    """A daemon that lacks one method is asked for the others in kept calls all the same."""
    assert [kept_calls.may_ask(each) for each in (SUBMITTING, SERVING, SUBMITTING, SERVING)] == [
        False,
        False,
        True,
        True,
    ]
    with pytest.raises(Unavailable, match="doesn't know such calls"):
        await anext(kept_calls.stream(SERVING, pools_pb2.PoolsMessage(), pools_pb2.PoolsAnswer))
    assert [kept_calls.may_ask(each) for each in (SUBMITTING, SERVING)] == [True, False]
