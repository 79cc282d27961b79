"""Answers requests for logs; one that asks for more than there is waits a moment for it."""

from collections.abc import Callable, Sequence

from accio.late import dataclass
from accio.v1 import agents_pb2, runs_pb2
from accio_agent.agent.disk.log_store import ANSWER_LIMIT, ERR, Extract, LogStore
from accio_agent.agent.link.outbound import Outbound

PATIENCE_TICKS = 25
"""How often a request is tried again before it is answered with nothing new."""

_PART_BYTES = 64  # of a part besides what was printed, roughly


@dataclass(slots=True)
class _Request:
    number: int
    attempt: int
    offset: int
    tries: int = 0


class LogAnswers:
    """Requests that wait, and how they are answered."""

    def __init__(self, store: LogStore, outbound: Outbound, is_alive: Callable[[int], bool]) -> None:
        """*is_alive* says whether an attempt hasn't ended."""
        self._store = store
        self._outbound = outbound
        self._is_alive = is_alive
        self._waiting: list[_Request] = []

    def ask(self, asked: agents_pb2.LogRequest) -> None:
        """Answer for one attempt, now or soon; for several, now."""
        if asked.further:
            places = [(asked.attempt, asked.offset), *((each.attempt, each.offset) for each in asked.further)]
            self._answer_several(asked.request, places)
            return
        request = _Request(asked.request, asked.attempt, asked.offset)
        if not self._answer(request):
            self._waiting.append(request)

    def retry(self) -> bool:
        """Try the waiting requests again; return whether any goes on waiting."""
        self._waiting = [each for each in self._waiting if not self._answer(each)]
        return bool(self._waiting)

    def _answer_several(self, number: int, places: Sequence[tuple[int, int]]) -> None:
        """Answer for several attempts, each from its offset: the first, and of the others as many as one message may
        hold.
        """
        room = ANSWER_LIMIT
        answer = agents_pb2.LogAnswer(request=number)
        for place, (attempt, offset) in enumerate(places):
            if place and room <= 0:
                break
            extract = self._store.read(attempt, offset, max(1, room))
            room -= extract.next_offset - offset + _PART_BYTES
            _fill(answer.further.add() if place else answer, extract, alive=self._is_alive(attempt))
        self._outbound.put(agents_pb2.AgentMessage(logs=answer))

    def _answer(self, request: _Request) -> bool:
        alive = self._is_alive(request.attempt)  # before its output is read, which has all of an attempt that has ended
        extract = self._store.read(request.attempt, request.offset)
        request.tries += 1
        if not extract.pieces and alive and request.tries < PATIENCE_TICKS:
            return False
        answer = agents_pb2.LogAnswer(request=request.number)
        _fill(answer, extract, alive=alive)
        self._outbound.put(agents_pb2.AgentMessage(logs=answer))
        return True


def _fill(message: agents_pb2.LogAnswer | agents_pb2.LogPart, extract: Extract, *, alive: bool) -> None:
    message.end = extract.complete and not alive
    message.lines.extend(_lines(extract))
    message.next_offset = extract.next_offset
    if message.end:
        message.note = extract.note


def _lines(extract: Extract) -> list[runs_pb2.LogLine]:
    """Return the pieces cut into lines."""
    return [
        runs_pb2.LogLine(stderr=piece.stream == ERR, at_ms=piece.at_ms, data=line)
        for piece in extract.pieces
        for line in piece.data.splitlines(keepends=True)
    ]
