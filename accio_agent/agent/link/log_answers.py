"""Answers requests for logs; one that asks for more than there is waits a moment for it."""

from collections.abc import Callable
from dataclasses import dataclass

from accio.v1 import agents_pb2, runs_pb2
from accio_agent.agent.disk.log_store import ERR, Extract, LogStore
from accio_agent.agent.link.outbound import Outbound

PATIENCE_TICKS = 25
"""How often a request is tried again before it is answered with nothing new."""


@dataclass(slots=True)
class _Request:
    number: int
    attempt: int
    offset: int
    tries: int = 0


class LogAnswers:
    """Requests that wait, and how they are answered."""

    def __init__(self, store: LogStore, outbound: Outbound) -> None:
        self._store = store
        self._outbound = outbound
        self._waiting: list[_Request] = []

    def ask(self, number: int, attempt: int, offset: int, *, alive: bool) -> None:
        """Answer, now or soon. *alive*: the attempt hasn't ended."""
        request = _Request(number, attempt, offset)
        if not self._answer(request, alive=alive):
            self._waiting.append(request)

    def retry(self, is_alive: Callable[[int], bool]) -> bool:
        """Try the waiting requests again; whether any goes on waiting."""
        self._waiting = [each for each in self._waiting if not self._answer(each, alive=is_alive(each.attempt))]
        return bool(self._waiting)

    def _answer(self, request: _Request, *, alive: bool) -> bool:
        extract = self._store.read(request.attempt, request.offset)
        request.tries += 1
        if not extract.pieces and alive and request.tries < PATIENCE_TICKS:
            return False
        end = extract.complete and not alive
        answer = agents_pb2.LogAnswer(
            request=request.number,
            lines=_lines(extract),
            next_offset=extract.next_offset,
            end=end,
            note=extract.note if end else "",
        )
        self._outbound.put(agents_pb2.AgentMessage(logs=answer))
        return True


def _lines(extract: Extract) -> list[runs_pb2.LogLine]:
    """The pieces cut into lines."""
    return [
        runs_pb2.LogLine(stderr=piece.stream == ERR, at_ms=piece.at_ms, data=line)
        for piece in extract.pieces
        for line in piece.data.splitlines(keepends=True)
    ]
