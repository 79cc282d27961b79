"""Ctrl-C while a run is followed: the command ends with 130 at once, wherever it is just then."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import pytest

from accio.v1 import accio_pb2, runs_pb2
from accio_client import loop_thread
from accio_client.cli import following
from accio_client.cli.main import main
from accio_client.views import RunUpdate
from tests.integration.client.fake_daemon import RUN, FakeDaemon, run

WAITED_S = 60.0
"""How long an interrupted command would wait for a cancelled call that doesn't end: more than a slow machine needs."""


@dataclass
class Interruption:
    """Sends SIGINT before the n-th line that is executed after the first update was shown."""

    nth: int
    lines: int = 0
    place: str = ""
    waiting: bool = False
    sent: float = 0.0
    seen: set[tuple[int, int]] = field(default_factory=set)

    def begin(self, frame: FrameType) -> None:
        """Watch from here on: the frame that showed the update, and whatever it calls."""
        frame.f_trace = self.trace
        sys.settrace(self.trace)

    def trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if self.place or event != "line":
            return None if self.place else self.trace
        self.lines += 1
        here = (id(frame), frame.f_lineno)
        if self.lines == self.nth:
            self.place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
            self.waiting = frame.f_code is loop_thread.LoopThread.run.__code__ and here in self.seen
            self.sent = time.monotonic()
            sys.settrace(None)
            signal.raise_signal(signal.SIGINT)
        self.seen.add(here)
        return self.trace


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C as at a terminal: who runs tests in the background may have it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def showing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Interruption], None]:
    """Has an interruption begin once the first update was shown."""
    show = following.Lines.show

    def arm(interruption: Interruption) -> None:
        def shown(self: following.Lines, update: RunUpdate) -> None:
            show(self, update)
            caller = sys._getframe(1)
            interruption.begin(caller)

        monkeypatch.setattr(following.Lines, "show", shown)

    return arm


@pytest.mark.usefixtures("interruptible")
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_an_interrupt_at_any_line_ends_the_command(
    daemon: FakeDaemon,
    showing: Callable[[Interruption], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From the first update on, an interrupt before any line up to the wait ends it with 130 and without delay.

    Nothing but the interrupt ends it: the daemon says no more, and no wait for the call runs out before the test fails.
    """
    monkeypatch.setattr(loop_thread, "CANCEL_WITHIN_S", WAITED_S)
    ends = [threading.Event()]  # one for each submission: a slow one must not wait for the end of the next

    def forever(_: accio_pb2.SubmitRequest) -> Iterator[accio_pb2.RunUpdate]:
        ended = ends[-1]
        yield accio_pb2.RunUpdate(run=run(state=runs_pb2.RUN_STATE_RUNNING))
        ended.wait(2 * WAITED_S)

    daemon.answers["SubmitAndWatch"] = forever
    interruption = Interruption(nth=0)
    while not interruption.waiting:
        ends.append(threading.Event())
        interruption = Interruption(nth=interruption.nth + 1)
        showing(interruption)
        try:
            code = main(["submit", "--wait", "w"])
        finally:
            sys.settrace(None)
            ends[-1].set()
        out, err = capsys.readouterr()
        assert (code, out) == (130, ""), interruption.place
        assert f"accio watch {RUN}" in err, interruption.place
        assert "accio:" not in err, interruption.place
        assert time.monotonic() - interruption.sent < WAITED_S, interruption.place
    assert interruption.nth > 10
    assert set(daemon.requests) == {"SubmitAndWatch"}
