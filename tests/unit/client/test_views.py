"""The client's values: each name that is exported is there, from wherever it is loaded."""

from accio_client import views


def test_every_view_is_found() -> None:
    """Names are loaded when they are used: the table of where each is leaves none out, and has no others."""
    assert {name for name in views.__all__ if getattr(views, name) is not None} == set(views._ELSEWHERE)
