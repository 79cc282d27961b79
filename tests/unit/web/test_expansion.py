"""What the submit page says that a parameter's form stands for."""

from typing import Any

import pytest

from accio.domain.ids import WorkflowId, WorkflowVersion
from accio_client import views
from accio_web.expansion import expansions


def workflow(**kinds: str) -> views.WorkflowView:
    params = tuple(
        views.WorkflowParameterView(name=name, kind=kind, has_default=False, default=None, help="")
        for name, kind in kinds.items()
    )
    return views.WorkflowView(
        id=WorkflowId("w"),
        version=WorkflowVersion("1"),
        name="",
        notes="",
        owner=views.PersonView(name="me", email=""),
        created_at=None,
        params=params,
        definition={},
        versions=1,
    )


@pytest.mark.parametrize(
    ("kind", "form", "values", "text"),
    [
        ("double", 0.5, 1, "0.5"),
        ("integer", {"values": [3, 1, 3]}, 2, "3, 1"),
        ("double", {"from": 1e-5, "to": 1, "log": True}, 6, "1e-05, 0.0001, 0.001 … 1.0"),
        ("distance", {"from": "1m", "to": "6m", "step": "1m"}, 6, "1.meters, 2.meters, 3.meters … 6.meters"),
        ("integer", {"from": 1, "to": 10_000_000, "step": 1}, 10_000_000, "1, 2, 3 … 10000000"),
        ("double", {"from": 0, "to": 1, "count": 3}, 3, "0.0, 0.5, 1.0"),
        ("list(integer)", {"value": [1, 2]}, 1, "[1,2]"),
    ],
)  # fmt: skip
def test_forms(kind: str, form: Any, values: int, text: str) -> None:
    """Each form is read as the daemon reads it; of many values the first ones and the last are named."""
    assert expansions(workflow(x=kind), {"x": form}) == {"x": {"values": values, "text": text}}


def test_a_wrong_form_hides_no_other() -> None:
    """What can't be read, or isn't known, is left out, and the rest is told."""
    found = expansions(workflow(x="integer", y="distance"), {"x": {"from": 1}, "y": "2.km", "z": 1})
    assert found == {"y": {"values": 1, "text": "2000.meters"}}
