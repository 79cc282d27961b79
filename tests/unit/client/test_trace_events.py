"""A timeline as a trace that other viewers open."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accio.errors import BadRequest
from accio_client.analysis.pictures import Timeline, cluster_timeline, node_graph
from accio_client.drawing import Drawing
from accio_client.trace_events import trace_events, trace_text
from accio_client.views import TimelineBarView, TimelineView

BEGAN = datetime(2026, 1, 31, 12, 0, 0, 250_000, tzinfo=UTC)
ODD = 'a "b"\n</script>'


def ran(
    agent: str, start: float, end: float | None, run: str | None = "r.1", state: str = "success"
) -> TimelineBarView:
    """An execution at an agent, from and until so many seconds after the beginning; without a run, another's."""
    return TimelineBarView(
        agent=agent,
        state=state,
        started_at=BEGAN + timedelta(seconds=start),
        ended_at=None if end is None else BEGAN + timedelta(seconds=end),
        run=run,
        node=run and "Fit",
        operator=run and "fit",
    )


def drawn(*bars: TimelineBarView, earlier: bool = False) -> Timeline:
    return cluster_timeline(TimelineView(bars=bars, earlier=earlier), BEGAN + timedelta(seconds=9))


THREE = drawn(ran("a", 0, 2.5), ran(ODD, 0.001, 4, run=None), ran("a", 1, None, state="running"), earlier=True)


def of_kind(kind: str, picture: Timeline = THREE) -> list[dict[str, Any]]:
    found = json.loads(trace_text(picture))["traceEvents"]
    return [each for each in found if each["ph"] == kind]


def test_executions_are_complete_events_in_microseconds() -> None:
    """Each has begin and length in whole microseconds since the first began, and says what it was; what runs still
    ends now.
    """
    first, other, still = of_kind("X")
    assert (first["ts"], first["dur"], first["name"], first["cat"]) == (0, 2_500_000, "Fit", "fit")
    assert first["args"] == {
        "run": "r.1",
        "node": "Fit",
        "operator": "fit",
        "state": "success",
        "began": "2026-01-31T12:00:00.250Z",
        "ended": "2026-01-31T12:00:02.750Z",
    }
    assert (other["ts"], other["dur"], other["name"], other["args"]["run"]) == (1_000, 3_999_000, "another’s node", "")
    assert (still["dur"], still["args"]["state"], still["args"]["ended"]) == (8_000_000, "running", "")


def test_agents_are_processes_and_lanes_threads() -> None:
    """They have names in the order of the picture; no thread has the number of a process, or of another thread."""
    named = {(each["pid"], each["tid"]): each["args"]["name"] for each in of_kind("M") if "name" in each["args"]}
    agents = {pid: name for (pid, tid), name in named.items() if not tid}
    assert list(agents.values()) == ["a", ODD]
    assert [(agents[pid], name) for (pid, tid), name in named.items() if tid] == [
        ("a", "lane 1"),
        ("a", "lane 2"),
        (ODD, "lane 1"),
    ]
    threads = [tid for _, tid in named if tid]
    assert len({*threads, *agents}) == len(threads) + len(agents)
    assert [agents[each["pid"]] for each in of_kind("X")] == ["a", ODD, "a"]


def test_events_of_a_thread_do_not_overlap() -> None:
    """Executions at one agent that overlap are on threads of their own, whatever microseconds are rounded to."""
    bars = [ran("a", at / 7, (at + 3) / 7) for at in range(50)]
    found = sorted(of_kind("X", drawn(*bars)), key=lambda each: (each["tid"], each["ts"]))
    assert len(found) == 50
    for one, next_one in itertools.pairwise(found):
        assert one["tid"] != next_one["tid"] or one["ts"] + one["dur"] <= next_one["ts"]


def test_a_trace_says_how_much_it_shows() -> None:
    """It tells how many executions are in it, whether there were more, since when, and by which command it is made."""
    assert trace_events(THREE)["otherData"] == {
        "title": "what ran when, and where",
        "shown": "3 of 3 executions; those that ended last, and those that go on; there were more before",
        "began": "2026-01-31T12:00:00.250Z",
        "command": "accio plot -kind=timeline",
    }
    nothing = json.loads(trace_text(drawn()))
    assert (nothing["traceEvents"], nothing["otherData"]["began"]) == ([], "")


def test_only_timelines_are_traces(tmp_path: Path) -> None:
    """A drawing writes one by the name of the file; of another picture it is refused, and nothing is left."""
    path = Drawing(THREE).save(tmp_path / "x.trace.json")
    assert json.loads(path.read_text(encoding="utf-8"))["displayTimeUnit"] == "ms"
    with pytest.raises(BadRequest, match="of a timeline"):
        Drawing(node_graph("r", [{"op": "A"}], [])).save(tmp_path / "y.trace.json")
    with pytest.raises(BadRequest, match=r"NAME.csv or, of a timeline, NAME.trace.json, found x.json"):
        Drawing(THREE).save(tmp_path / "x.json")
    assert [each.name for each in tmp_path.iterdir()] == ["x.trace.json"]


def _event(phase: str, required: list[str], **properties: Any) -> dict[str, Any]:
    numbers = {name: {"type": "integer", "minimum": 0} for name in ("pid", "tid")}
    known = {"ph": {"const": phase}, **numbers, **properties}
    return {"type": "object", "required": ["ph", *numbers, *required], "properties": known}


_TEXT = {"type": "string", "minLength": 1}
_NAMED = {"required": ["name"], "properties": {"name": {"type": "string"}}}
_SORTED = {"required": ["sort_index"], "properties": {"sort_index": {"type": "integer"}}}
_TIME = {"type": "number", "minimum": 0}
FORMAT = {
    "type": "object",
    "required": ["traceEvents"],
    "properties": {
        "traceEvents": {
            "type": "array",
            "items": {
                "oneOf": [
                    _event(
                        "X", ["name", "ts", "dur"], name=_TEXT, cat=_TEXT, ts=_TIME, dur=_TIME, args={"type": "object"}
                    ),
                    _event("M", ["name", "args"], name={"enum": ["process_name", "thread_name"]}, args=_NAMED),
                    _event(
                        "M", ["name", "args"], name={"enum": ["process_sort_index", "thread_sort_index"]}, args=_SORTED
                    ),
                ]
            },
        },
        "displayTimeUnit": {"enum": ["ms", "ns"]},
        "otherData": {"type": "object"},
    },
}
"""What Chrome's "Trace Event Format" says of the object that viewers read, of complete events and of metadata."""


@given(
    st.lists(
        st.tuples(
            st.text(max_size=8).filter(bool),
            st.floats(0, 1e6),
            st.none() | st.floats(0, 1e5),
            st.none() | st.just("r.1"),
            st.sampled_from(["success", "failed", "running", "lost"]),
        ),
        max_size=12,
    )
)
def test_traces_are_of_the_documented_format(bars: list[tuple[str, float, float | None, str | None, str]]) -> None:
    """Whatever ran where, for however short, and whatever agents are called."""
    ended = [
        ran(agent, start, None if lasted is None else start + lasted, run, state)
        for agent, start, lasted, run, state in bars
    ]
    document = json.loads(trace_text(drawn(*ended)))
    jsonschema.validate(document, FORMAT)
    assert sum(each["ph"] == "X" for each in document["traceEvents"]) == len(bars)
    events = [each for each in document["traceEvents"] if each["ph"] == "X"]
    assert events == sorted(events, key=lambda each: each["ts"])
    for _, lane in itertools.groupby(sorted(events, key=_place), key=lambda each: (each["pid"], each["tid"])):
        for one, next_one in itertools.pairwise(lane):
            assert one["ts"] + one["dur"] <= next_one["ts"], "events of a thread may follow each other or nest, no more"


def _place(event: dict[str, Any]) -> tuple[int, ...]:
    return event["pid"], event["tid"], event["ts"], event["dur"]
