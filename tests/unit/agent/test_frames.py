"""Frames and the page that agent and worker share."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accio_agent.protocol import frames, page
from accio_agent.protocol.frames import Kind, Splitter


@given(bodies=st.lists(st.binary(max_size=40), max_size=10), cuts=st.lists(st.integers(1, 30), max_size=40))
def test_frames_come_whole_whatever_the_pieces(bodies: list[bytes], cuts: list[int]) -> None:
    """However a stream is cut, the frames that come out are those that went in."""
    stream = b"".join(frames.framed(Kind.BACK, body) for body in bodies)
    splitter = Splitter()
    found: list[bytes] = []
    for cut in [*cuts, len(stream)]:
        found += [body for _, body in splitter.feed(stream[:cut])]
        stream = stream[cut:]
    assert found == bodies


def test_a_frame_that_is_too_large_is_refused() -> None:
    """Garbage isn't waited for."""
    with pytest.raises(ValueError, match="larger"):
        list(Splitter().feed(b"\xff" * 20))


def test_results_and_work_are_read_as_written() -> None:
    """The binary frames keep their fields."""
    result = (1 << 60, 5, 6, 7, 3, b"report")
    ((kind, body),) = frames.split(frames.result(result))
    assert (kind, frames.read_result(body)) == (Kind.RESULT, result)
    plain = (1 << 60, 5, 1, 2, 3, 4, 6, 1 << 40, 0, b'{"value":"1"}')
    ((kind, body),) = frames.split(frames.plain(8, 9, 4, plain))
    assert (kind, frames.read_plain(body)) == (Kind.PLAIN, (1 << 60, 5, 8, 9, 4, plain))
    ((kind, body),) = frames.split(frames.work([1, None], b"work"))
    assert (kind, frames.read_work(body)) == (Kind.WORK, ([1, None], b"work"))


def pages() -> tuple[page.AgentPage, page.WorkerPage]:
    fd = page.create()
    both = page.AgentPage(fd), page.WorkerPage(fd)
    os.close(fd)
    return both


@given(sizes=st.lists(st.integers(1, page.RING // 3), max_size=30), takes=st.lists(st.booleans(), max_size=30))
def test_the_ring_loses_and_repeats_nothing(sizes: list[int], takes: list[bool]) -> None:
    """What is kept comes out once, in order; what doesn't fit is refused."""
    agent, worker = pages()
    kept, found = b"", b""
    for number, size in enumerate(sizes):
        piece = bytes([number]) * size
        if worker.keep(piece):
            kept += piece
        else:
            assert len(kept) - len(found) + size > page.RING
        if number < len(takes) and takes[number]:
            found += agent.take_results()
    assert found + agent.take_results() == kept
    assert agent.take_results() == b""


def test_the_page_tells_what_runs() -> None:
    """Each side sees the numbers of the other."""
    agent, worker = pages()
    assert agent.current()[0] == 0
    worker.begin(7, 123)
    worker.progress(0.5)
    assert agent.current() == (7, 123, 0.5)
    worker.end()
    assert agent.current()[0] == 0
    agent.ask_to_hand_back()
    assert worker.holds == 1
    agent.reading()
    assert worker.pipes()[0] % 2 == 1
    agent.have_read(10, 20)
    assert worker.pipes()[1:] == (10, 20)
    assert worker.pipes()[0] % 2 == 0
