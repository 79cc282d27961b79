"""The client's values: each name that is exported is there, from wherever it is loaded."""

import accio
import accio_client
from accio_client import views


def test_every_view_is_found() -> None:
    """Names are loaded when they are used: the table of where each is leaves none out, and has no others."""
    assert {name for name in views.__all__ if getattr(views, name) is not None} == set(views._ELSEWHERE)


def test_names_are_listed_before_they_are_loaded() -> None:
    """Whoever completes a name in a notebook sees what there is."""
    listed = {name for name in dir(accio_client) if not name.startswith("__")}
    assert listed == set(accio_client.__all__)
    assert set(views._ELSEWHERE) <= set(dir(views))
    assert {"operator", "Dataset"} <= set(dir(accio))


def test_a_client_says_whose_it_is() -> None:
    """In a notebook with several of them."""
    with accio_client.Client("127.0.0.1:1", token="t") as client:
        assert repr(client) == "<Client of 127.0.0.1:1>"
        assert repr(client._client) == "<AsyncClient of 127.0.0.1:1>"
