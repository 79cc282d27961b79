"""`-notify` of `accio watch` and `accio submit`: a real command, a real web hook, and what can't be told."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from accio.v1 import accio_pb2, runs_pb2
from accio_client.cli import notices
from tests.integration.client.fake_daemon import RUN, FakeDaemon, run

OTHER = f"{RUN[:-1]}0"


@pytest.fixture
def failing(daemon: FakeDaemon) -> None:
    """A daemon that has a run whose node A fails, twice told, and which then ends."""
    failure = runs_pb2.Failure(cause="exception", message="no\x1b[31m", stderr_tail="one\n")
    failed = accio_pb2.NodeFailure(run=RUN, node="A", failure=failure)
    daemon.answers["Watch"] = lambda request: (
        [
            accio_pb2.RunUpdate(run=run(RUN, state=runs_pb2.RUN_STATE_RUNNING)),
            accio_pb2.RunUpdate(run=run(RUN, state=runs_pb2.RUN_STATE_RUNNING), first_failure=failed),
            accio_pb2.RunUpdate(run=run(RUN, state=runs_pb2.RUN_STATE_FAILED), first_failure=failed),
        ]
        if request.id == RUN
        else [accio_pb2.RunUpdate(run=run(OTHER))]
    )


class Hook(HTTPServer):
    """A web hook that first answers with some status codes, and then well."""

    def __init__(self, *codes: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.codes = list(codes)
        self.heard: list[Any] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook/secret"


class _Handler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append((self.path, self.headers["Content-Type"], json.loads(data)))
        self.send_response(self.server.codes.pop(0) if self.server.codes else 204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hook(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    """A web hook that is there."""
    monkeypatch.setattr(notices, "_AGAIN_AFTER_S", (0.0, 0.0))
    with Hook(*getattr(request, "param", ())) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("failing")
def test_a_command_is_told_of_the_first_failure_and_of_the_end(accio: Any, tmp_path: Path) -> None:
    """Each is told once, as a document and in the environment; what the command prints goes nowhere."""
    line = 'echo loud; echo "$ACCIO_EVENT|$ACCIO_RUN|$ACCIO_STATE|$ACCIO_TEXT" >> told; (cat; echo) >> documents'
    done = accio("watch", RUN, f"-notify={line}")
    assert (done.exit, done.out) == (3, f"{RUN} failed\n")
    assert "loud" not in done.err
    assert "warning" not in done.err
    first, end = (tmp_path / "told").read_text().splitlines()
    assert first == f"first_failure|{RUN}|running|{RUN}/A failed: exception: no\\x1b[31m"
    assert end.startswith(f"ended|{RUN}|failed|{RUN}")
    documents = [json.loads(text) for text in (tmp_path / "documents").read_text().splitlines()]
    assert [each["event"] for each in documents] == ["first_failure", "ended"]
    assert documents[0]["schema"] == "accio/v1"
    assert (documents[0]["failure"]["node"], documents[0]["failure"]["error"]["cause"]) == ("A", "exception")
    assert documents[1]["run"]["state"] == "failed"


@pytest.mark.usefixtures("failing")
def test_several_runs_are_told_of_at_a_web_hook(accio: Any, hook: Hook) -> None:
    """A document is posted for each failure and each end."""
    done = accio("watch", RUN, OTHER, "-notify", hook.address)
    assert done.exit == 3
    assert {path for path, _, _ in hook.heard} == {"/hook/secret"}
    assert {kind for _, kind, _ in hook.heard} == {"application/json"}
    told = sorted((each["run"]["id"], each["event"]) for _, _, each in hook.heard)
    assert told == sorted([(RUN, "first_failure"), (RUN, "ended"), (OTHER, "ended")])


@pytest.mark.usefixtures("failing")
@pytest.mark.parametrize(
    ("hook", "calls", "warning"),
    [((503, 429), 4, ""), ((503,) * 3, 4, "127.0.0.1 answered 503 "), ((404,), 2, "127.0.0.1 answered 404 ")],
    indirect=["hook"],
)
def test_a_web_hook_that_refuses_is_asked_again_if_that_may_help(
    accio: Any, hook: Hook, calls: int, warning: str
) -> None:
    """What isn't told is a warning without the secret, and changes nothing of what the command answers."""
    done = accio("watch", RUN, "-notify", hook.address)
    assert (done.exit, done.out) == (3, f"{RUN} failed\n")
    assert len(hook.heard) == calls
    assert (f"warning: notify (first_failure of {RUN}): {warning}" if warning else "") in done.err
    assert ("warning" in done.err) == bool(warning)
    assert "secret" not in done.err


@pytest.mark.usefixtures("failing")
def test_a_command_that_fails_is_a_warning(accio: Any) -> None:
    """The last line that it printed is told, and the command's own result stays."""
    done = accio("watch", RUN, "-notify=echo oh >&2; exit 7", "-json")
    assert (done.exit, done.json["run"]["id"]) == (3, RUN)
    assert f"warning: notify (ended of {RUN}): 'echo oh >&2; exit 7' ended with 7: oh" in done.err


def test_submit_follows_what_it_notifies_of(daemon: FakeDaemon, accio: Any, tmp_path: Path) -> None:
    """The run is followed without -wait; nothing is to be told of a dry run."""
    daemon.answers["SubmitAndWatch"] = [accio_pb2.RunUpdate(run=run(RUN))]
    (tmp_path / "r.json").write_text('{"workflow": "w"}')
    done = accio("submit", "r.json", "-notify=cat > told")
    assert (done.exit, json.loads((tmp_path / "told").read_text())["event"]) == (0, "ended")
    assert "-notify" in (refused := accio("submit", "r.json", "-notify=true", "-dry-run")).err
    assert refused.exit == 1


@pytest.mark.parametrize("where", ["", "  ", "ftp://example.org/x", "https:///x", "http://[x", "http://a.org/b c"])
def test_a_place_that_is_none_is_refused_at_once(accio: Any, where: str) -> None:
    """Nobody should learn at the end of a week that nothing could be told."""
    done = accio("watch", RUN, f"-notify={where}")
    assert done.exit == 1
    assert "notify" in done.err
