"""What running nodes measure, as it is told beside a run that is followed."""

import threading
from collections.abc import Iterator
from dataclasses import replace

from accio.domain.ids import NodeName, RunId
from accio.domain.series import Point
from accio.errors import Unavailable
from accio.v1 import accio_pb2, runs_pb2
from accio_client.cli.live_series import Looking, lines_of
from accio_client.from_wire import watching as watch_views
from accio_client.views import ObjectiveView, RunView, SeriesView, StudyView, TrialView

RUN = RunId("r" * 16)


def series(node: str, name: str, *values: float, running: bool = True) -> SeriesView:
    """A series whose steps count from 0."""
    points = tuple(Point(step, value, float(step)) for step, value in enumerate(values))
    return SeriesView(
        run=RUN, node=NodeName(node), attempt=1, running=running, name=name, total=len(points), points=points
    )


def run(kind: runs_pb2.RunKind.ValueType, state: runs_pb2.RunState.ValueType) -> RunView:
    return watch_views.update(accio_pb2.RunUpdate(run=runs_pb2.Run(id=RUN, kind=kind, state=state))).run


def test_each_running_node_has_a_line() -> None:
    """Its progress, and the last value and step of each series; what has ended, or measured nothing yet, has none."""
    found = [
        series("Fit", "loss", 1.0, 0.5, 0.123456789),
        series("Fit", "progress", 0.1, 0.42),
        series("Old", "loss", 1.0, running=False),
        series("New", "loss"),
        series("Test", "\x1b[31m", 2.0),
    ]
    assert lines_of(found) == ["Fit: 42%, loss 0.123457 at step 2", "Test: \\x1b[31m 2 at step 0"]
    assert lines_of(found, shape=True)[0] == "Fit: 42%, loss 0.123457 at step 2 ██████▄▄▄▄▄▁"


def test_what_is_too_much_is_counted() -> None:
    """No more lines than stand below a bar, no more series than stand in a line."""
    nodes = [series(f"N{at}", "x", 1.0) for at in range(6)]
    assert lines_of(nodes)[4:] == ["N4: x 1 at step 0", "… and 1 more running node"]
    assert lines_of(nodes[:5])[4:] == ["N4: x 1 at step 0"]
    (line,) = lines_of([series("N", name, 1.0) for name in "abcde"])
    assert line == "N: a 1 at step 0, b 1 at step 0, c 1 at step 0, 2 more series"


def test_it_is_asked_again_until_the_run_has_ended() -> None:
    """From the first state of a run that goes on, also after a question that failed; nothing is told after the end."""
    told: list[list[str]] = []
    enough = threading.Event()
    answers: Iterator[float] = iter([1.0, 2.0, 3.0])

    def read(of: str) -> list[SeriesView]:
        assert of == RUN
        value = next(answers, 3.0)
        if value == 2.0:
            raise Unavailable("it restarts")
        return [series("Fit", "loss", value)]

    def tell(lines: list[str]) -> None:
        told.append(lines)
        if len(told) == 2:
            enough.set()

    looking = Looking(read, tell, shape=False, every_s=0.001)
    looking.note(run(runs_pb2.RUN_KIND_SINGLE, runs_pb2.RUN_STATE_SCHEDULED))
    looking.note(run(runs_pb2.RUN_KIND_SINGLE, runs_pb2.RUN_STATE_RUNNING))
    assert enough.wait(60)
    looking.note(run(runs_pb2.RUN_KIND_SINGLE, runs_pb2.RUN_STATE_SUCCESS))
    looking.end()
    assert told[:2] == [["Fit: loss 1 at step 0"], ["Fit: loss 3 at step 0"]]


def test_the_children_of_a_sweep_are_not_looked_at() -> None:
    """There may be a million of them; and of what has ended already there is nothing to ask."""
    for kind, state in (
        (runs_pb2.RUN_KIND_PARENT, runs_pb2.RUN_STATE_RUNNING),
        (runs_pb2.RUN_KIND_SINGLE, runs_pb2.RUN_STATE_SUCCESS),
    ):
        looking = Looking(lambda _: [series("A", "b", 1.0)], lambda _: None, shape=False, every_s=0.001)
        before = set(threading.enumerate())
        looking.note(run(kind, state))
        assert before.issuperset(threading.enumerate())
        looking.end()


def test_a_study_tells_its_best_trial_so_far() -> None:
    """Nothing before a trial has its value, then the best one; of those that none beats, three and how many more."""
    told: list[list[str]] = []
    enough = threading.Event()
    trials = [TrialView(number=at, children=range(at, at + 1), values=(at + 0.5,), params={}) for at in range(5)]
    objective = ObjectiveView(output="Fit/loss", direction="minimize", type="double")
    answers = iter([[], trials[2:3], trials])

    def study(of: str) -> StudyView:
        assert of == RUN
        best = next(answers, trials)
        return StudyView(objectives=(objective,), trials=9, complete=len(best), failed=0, pruned=0, best=tuple(best))

    def tell(lines: list[str]) -> None:
        told.append(lines)
        if len(told) == 3:
            enough.set()

    looking = Looking(lambda _: [], tell, shape=False, study=study, every_s=0.001)
    parent = run(runs_pb2.RUN_KIND_PARENT, runs_pb2.RUN_STATE_RUNNING)
    looking.note(replace(parent, sweep={"optimize": {}}))
    assert enough.wait(60)
    looking.end()
    assert told[:2] == [[], [f"best so far: Fit/loss = 2.5 with  ({RUN}.2)"]]
    assert told[2][0] == f"best so far: Fit/loss = 0.5 with  ({RUN}.0)"
    assert told[2][3:] == ["… and 2 more that no other trial beats"]
