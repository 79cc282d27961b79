"""One parameter, from its kind and form to an axis or the issues."""

from typing import Any

from accio.domain.axes import Axis
from accio.domain.issues import Issue
from tests.cases.language import check_one_param


def axis_of(kind: str, form: Any) -> Axis:
    """Return the axis of a good form."""
    checked = check_one_param(kind, form)
    assert checked.value is not None, checked.errors
    axis = checked.value.sweep.axis("p")
    assert axis is not None
    return axis


def texts_of(kind: str, form: Any) -> list[str]:
    """Return the canonical values of a good form."""
    return list(axis_of(kind, form).values())


def issue_of(kind: str, form: Any) -> Issue:
    """Return the one issue of a bad form."""
    checked = check_one_param(kind, form)
    assert checked.value is None
    (issue,) = checked.errors
    return issue
