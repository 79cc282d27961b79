"""A timeline as a trace that https://ui.perfetto.dev, Chrome's about:tracing and other viewers open: JSON of Chrome's
Trace Event Format, with agents as processes and the lanes of each as its threads.

Numbers of processes and threads are none of an operating system: agents are counted from 1, lanes go on from there, as
viewers take a thread with its process's number for the main one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accio_client.analysis.pictures import Timeline
    from accio_client.analysis.pictures.specification import Span

SUFFIX = ".trace.json"
"""The end of the names of such files."""
ANOTHERS = "another’s node"
"""Stands for a node of a run that the caller doesn't see, or that was deleted."""
_US_PER_S = 1_000_000


def trace_events(picture: Timeline) -> dict[str, Any]:
    """Return the document: `traceEvents` has a complete event ("X") for each span, its times being whole microseconds
    since the first one began (`otherData` has that moment); what still runs ends when the picture was made.
    """
    agents = list(dict.fromkeys(picture.lanes))
    processes = {agent: number for number, agent in enumerate(agents, 1)}
    threads = [len(agents) + number for number in range(1, len(picture.lanes) + 1)]
    spans = sorted(picture.spans, key=lambda span: (span.start, span.lane))
    head = picture.head
    return {
        "traceEvents": [
            *_names(picture.lanes, processes, threads),
            *(_event(span, processes[span.agent], threads[span.lane]) for span in spans),
        ],
        "displayTimeUnit": "ms",
        "otherData": {
            "title": head.title,
            "shown": "; ".join((str(head.counted), *head.remarks)),
            "began": spans[0].began if spans else "",
            "command": head.command,
        },
    }


def trace_text(picture: Timeline) -> str:
    """Return the document as the text of a file: an event per line."""
    document = trace_events(picture)
    events = ",\n".join(map(_json, document.pop("traceEvents")))
    rest = _json(document).removeprefix("{")
    return f'{{"traceEvents": [\n{events}\n],\n{rest}\n'


def _names(lanes: tuple[str, ...], processes: dict[str, int], threads: list[int]) -> Iterator[dict[str, Any]]:
    """Yield the metadata events that name processes and threads, and keep them in the order of the picture."""
    for agent, process in processes.items():
        yield _told(process, 0, "process_name", name=agent)
        yield _told(process, 0, "process_sort_index", sort_index=process)
    seen = dict.fromkeys(processes, 0)
    for agent, thread in zip(lanes, threads, strict=True):
        seen[agent] += 1
        yield _told(processes[agent], thread, "thread_name", name=f"lane {seen[agent]}")
        yield _told(processes[agent], thread, "thread_sort_index", sort_index=thread)


def _told(process: int, thread: int, what: str, **args: Any) -> dict[str, Any]:
    return {"ph": "M", "pid": process, "tid": thread, "name": what, "args": args}


def _event(span: Span, process: int, thread: int) -> dict[str, Any]:
    began, ended = round(span.start * _US_PER_S), round(span.end * _US_PER_S)
    return {
        "ph": "X",
        "pid": process,
        "tid": thread,
        "ts": began,
        "dur": ended - began,
        "name": span.node or ANOTHERS,
        "cat": span.operator or ANOTHERS,
        "args": {
            "run": span.run,
            "node": span.node,
            "operator": span.operator,
            "state": span.state,
            "began": span.began,
            "ended": span.ended,
        },
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
