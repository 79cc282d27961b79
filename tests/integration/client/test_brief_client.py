"""A brief client: short calls without gRPC, everything else as ever; with the same answers and the same errors."""

import pytest

from accio.domain.issues import Issue
from accio.errors import AccioError, FailedPrecondition, InvalidDefinition, NotFound, Unavailable
from accio.v1 import accio_pb2, runs_pb2, workflows_pb2
from accio_client import AsyncClient, Client
from accio_client.brief import LARGEST_QUESTION, BriefDoor, Refused, Unanswered
from tests.integration.client.fake_daemon import RUN, FakeDaemon, run


@pytest.fixture
def briefly(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What became of each question that was asked without gRPC."""
    outcomes: list[str] = []
    ask = BriefDoor.ask

    def noted(self: BriefDoor, call: str, question: bytes, within_s: float) -> bytes:
        try:
            answer = ask(self, call, question, within_s)
        except (Refused, Unanswered) as error:
            outcomes.append(type(error).__name__)
            raise
        outcomes.append("answered")
        return answer

    monkeypatch.setattr(BriefDoor, "ask", noted)
    return outcomes


def test_a_large_answer_comes_whole(daemon: FakeDaemon, briefly: list[str]) -> None:
    """It is larger than a frame and than what may be sent without being asked for more."""
    runs = [run(name=f"{number}" * 100) for number in range(9_000)]
    daemon.answers["List"] = accio_pb2.ListResponse(runs=runs)
    with Client(brief=True) as client:
        assert [each.name for each in client.list_runs().runs] == [each.name for each in runs]
    assert briefly == ["answered"]


@pytest.mark.parametrize(
    "error",
    [
        NotFound("no run “Zoë” – 100 %"),
        FailedPrecondition("a very long story " * 500),
        InvalidDefinition([Issue(path=f"params.{n}", message=f"wrong: “{n}”", line=n) for n in range(1, 4)]),
        InvalidDefinition([Issue(path=f"params.{n}", message="wrong " * 20) for n in range(200)]),
    ],
)
def test_errors_are_those_of_every_client(error: AccioError, daemon: FakeDaemon, briefly: list[str]) -> None:
    """The same kind, text and issues, and the daemon is asked once."""
    found: list[AccioError] = []
    for brief in (False, True):
        daemon.trouble["PushWorkflow"] = daemon.trouble["Get"] = [error]
        daemon.answers["Validate"] = workflows_pb2.ValidateResponse(valid=False)
        with Client(brief=brief) as client, pytest.raises(AccioError) as caught:
            client.get_run("x")
        found.append(caught.value)
    assert [type(each) for each in found] == [type(error)] * 2
    assert str(found[0]) == str(found[1])
    assert vars(found[0]).get("issues") == vars(found[1]).get("issues")
    assert (len(daemon.requests["Get"]), briefly) == (2, ["Refused"])


def test_a_call_that_it_does_not_know(daemon: FakeDaemon, briefly: list[str]) -> None:
    """An older daemon is told as one."""
    with Client(brief=True) as client, pytest.raises(FailedPrecondition, match="it is older than this client"):
        client.list_runs()
    assert (len(daemon.requests["List"]), briefly) == (1, ["Refused"])


def test_a_daemon_that_has_too_many_calls_is_asked_again(daemon: FakeDaemon, briefly: list[str]) -> None:
    """As every client does, with the patience of every client."""
    daemon.answers["List"] = accio_pb2.ListResponse(runs=[run()])
    daemon.trouble["List"] = [Unavailable("the daemon is shutting down")] * 2
    with Client(brief=True) as client:
        assert len(client.list_runs().runs) == 1
    assert (len(daemon.requests["List"]), briefly) == (3, ["Refused"])


def test_streams_and_long_questions_go_on_in_an_event_loop(daemon: FakeDaemon, briefly: list[str]) -> None:
    """Before, between and after them short calls are answered; those after a stream by gRPC, which is there then."""
    daemon.answers["List"] = accio_pb2.ListResponse(runs=[run()])
    ended = run(state=runs_pb2.RUN_STATE_SUCCESS)
    daemon.answers["Watch"] = lambda _: iter(
        [accio_pb2.RunUpdate(run=run(state=runs_pb2.RUN_STATE_RUNNING)), accio_pb2.RunUpdate(run=ended)]
    )
    with Client(brief=True) as client:
        assert len(client.list_runs().runs) == 1
        assert len(client.list_runs(cursor="x" * LARGEST_QUESTION).runs) == 1
        assert client.wait(RUN).ended
        assert [update.run.ended for update in client.watch(RUN)] == [False, True]
        assert len(client.list_runs().runs) == 1
    assert (len(daemon.requests["List"]), briefly) == (3, ["answered", "Unanswered"])


def test_what_may_not_be_asked_twice_is_left_to_grpc(daemon: FakeDaemon, briefly: list[str]) -> None:
    """A token that was made and not told would stay: only gRPC knows what was never sent."""
    token = accio_pb2.Token(id=1, kind=accio_pb2.TOKEN_KIND_USER)
    daemon.answers["CreateToken"] = accio_pb2.CreateTokenResponse(token=token, secret="s")
    with Client(brief=True) as client:
        assert client.create_token("user", owner="Ada <ada@example.org>").secret == "s"
    assert (len(daemon.requests["CreateToken"]), briefly) == (1, [])


def test_nobody_there_is_told_in_the_same_words(daemon: FakeDaemon, briefly: list[str]) -> None:
    """With how to start one."""
    daemon.stop()
    with Client(brief=True) as client, pytest.raises(Unavailable, match=r"no daemon answers at .*accio up"):
        client.list_runs()
    assert briefly == ["Unanswered"]


async def test_clients_with_an_event_loop_never_block_it(daemon: FakeDaemon, briefly: list[str]) -> None:
    """Only what asks for it is brief."""
    daemon.answers["List"] = accio_pb2.ListResponse(runs=[run()])
    async with AsyncClient() as client:
        assert len((await client.list_runs()).runs) == 1
    assert briefly == []
