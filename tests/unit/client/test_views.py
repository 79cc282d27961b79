"""The client's values: each name that is exported is there, from wherever it is loaded."""

import accio
import accio_client
from accio_client import views


def test_every_view_is_found() -> None:
    """Names are loaded when they are used: the table of where each is leaves none out, and has no others."""
    assert {name for name in views.__all__ if getattr(views, name) is not None} == set(views._ELSEWHERE)


def test_names_are_listed_before_they_are_loaded() -> None:
    """Whoever completes a name in a notebook sees what there is."""
    assert {"Client", "local", "logspace"} <= set(dir(accio_client))
    assert set(views._ELSEWHERE) <= set(dir(views))
    assert {"operator", "Dataset"} <= set(dir(accio))
