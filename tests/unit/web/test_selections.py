"""What a query meant when it was shown."""

from collections.abc import AsyncIterator

import pytest

from accio.domain.ids import RunId, WorkflowId, WorkflowVersion
from accio.domain.states import RunState
from accio.errors import BadRequest, FailedPrecondition
from accio_client import views
from accio_web import selections
from accio_web.selections import MOST_KEPT, SHOWN, Selections


def run(number: int) -> views.RunView:
    return views.RunView(
        id=RunId(f"r{number}"),
        kind="single",
        parent=None,
        index=None,
        label="",
        workflow_id=WorkflowId("w"),
        workflow_version=WorkflowVersion("1"),
        owner=views.PersonView(name="me", email=""),
        name="",
        notes="",
        tags=(),
        seed=1,
        repeat=None,
        params={},
        state=RunState.RUNNING,
        progress=0.0,
        created_at=None,
        started_at=None,
        ended_at=None,
        children=None,
        children_by_state={},
        nodes_by_state={},
    )


async def runs(count: int) -> AsyncIterator[views.RunView]:
    for number in range(count):
        yield run(number)


async def test_exactly_what_was_shown() -> None:
    """A selection holds every id, and shows the first runs."""
    kept = Selections()
    made = await kept.keep("me", runs(7))
    assert kept.find("me", made.name).ids == tuple(f"r{number}" for number in range(7))
    assert len(made.first) == SHOWN


async def test_of_one_session_only() -> None:
    """No other session finds a selection, nor does anybody after it was forgotten or others took its place."""
    kept = Selections()
    made = await kept.keep("me", runs(1))
    with pytest.raises(FailedPrecondition, match="select it again"):
        kept.find("you", made.name)
    for _ in range(MOST_KEPT):
        await kept.keep("me", runs(0))
    with pytest.raises(FailedPrecondition):
        kept.find("me", made.name)
    last = await kept.keep("me", runs(1))
    kept.forget("me")
    with pytest.raises(FailedPrecondition):
        kept.find("me", last.name)


async def test_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than can be acted on is refused, with what to do."""
    monkeypatch.setattr(selections, "MOST_RUNS", 3)
    with pytest.raises(BadRequest, match="name their parent"):
        await Selections().keep("me", runs(4))
