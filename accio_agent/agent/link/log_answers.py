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

    def answer_several(self, number: int, places: Sequence[tuple[int, int, bool]]) -> None:
        """Answer for several attempts (each with its offset, and whether it is alive) at once: the first, and of the
        others as many as one message may hold.
        """
        room = ANSWER_LIMIT
        answer = agents_pb2.LogAnswer(request=number)
        for place, (attempt, offset, alive) in enumerate(places):
            if place and room <= 0:
                break
            extract = self._store.read(attempt, offset, max(1, room))
            room -= extract.next_offset - offset + _PART_BYTES
            _fill(answer.further.add() if place else answer, extract, alive=alive)
        self._outbound.put(agents_pb2.AgentMessage(logs=answer))

    def _answer(self, request: _Request, *, alive: bool) -> bool:
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
