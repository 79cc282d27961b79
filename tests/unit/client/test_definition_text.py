"""Definitions that Python programs give become JSON that says the same, or are refused with their place."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accio.errors import BadRequest
from accio_client.definition_text import read


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (-(2**63) - 1, -(2**63) - 1),
        (10**30, 10**30),
        (0.1, 0.1),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        ("\ud800 é", "\ud800 é"),
        ((1, 2), [1, 2]),
        (range(3), [0, 1, 2]),
        (np.float64(0.1), 0.1),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.linspace(0, 1, 3), [0.0, 0.5, 1.0]),
        (np.array([math.nan]), ["nan"]),
        (Path("data/in"), "data/in"),
        ({"values": [Path("a"), None]}, {"values": ["a", None]}),
    ],
)
def test_values_of_python_are_written(value: Any, written: Any) -> None:
    """Numbers of any size and of NumPy, tuples and paths are written; what isn't finite as a text, never as null."""
    text, _, _ = read({"params": {"x": value}}, None)
    assert json.loads(text) == {"params": {"x": written}}


@pytest.mark.parametrize(
    ("definition", "place"),
    [
        ({"params": {"x": [1, {2}]}}, "/params/x/1"),
        ({"params": {"x": object()}}, "/params/x"),
        ({"params": {3: 1}}, "/params"),
        ({3: 1}, "the definition"),
    ],
)
def test_what_has_no_form_is_refused(definition: Any, place: str) -> None:
    """A value that no definition can hold is refused before anything is sent, with where it stands."""
    with pytest.raises(BadRequest, match=f"^{place}: expected"):
        read(definition, None)


def test_a_file_without_an_end_is_refused() -> None:
    """No more of a file is read than a definition may have."""
    with pytest.raises(BadRequest, match="expected a definition of at most 4000000 bytes, found more"):
        read(Path("/dev/zero"), None)


def test_a_text_is_asked_to_be_a_path() -> None:
    """A file's name as a text was taken for a definition that is a JSON text."""
    given: Any = "flow.json"
    with pytest.raises(BadRequest, match=r"found the text 'flow.json': the name of a file is given as Path"):
        read(given, None)
