"""Values of parameters as forms of a run definition."""

import numpy as np
import pytest

from accio_client.forms import arange, definition, linspace, logspace, values


def test_options_of_ranges() -> None:
    """A progression has a count or a ratio; bounds may have units."""
    assert logspace("1.meters", "1.kilometers", 4) == {
        "from": "1.meters",
        "to": "1.kilometers",
        "log": True,
        "count": 4,
    }
    assert logspace(1, 81, ratio=3) == {"from": 1, "to": 81, "log": True, "step": 3}
    assert linspace(0, 1, 3)["count"] == 3
    assert values() == {"values": []}


@pytest.mark.parametrize(
    ("arguments", "last"), [((0, 5), 4), ((0, 1, 0.1), 0.9), ((5, 0, -2), 1), ((0, 0.95, 0.1), 0.9), ((1, 2), 1)]
)
def test_an_arange_ends_before_its_stop(arguments: tuple[float, ...], last: float) -> None:
    """As in NumPy the stop is left out, but by exact decimal arithmetic."""
    assert arange(*arguments)["to"] == last


@pytest.mark.parametrize("arguments", [(0, 1, 0), (1, 0), (0, 1, -1)])
def test_an_arange_leads_somewhere(arguments: tuple[float, ...]) -> None:
    """A step that leads away from the stop is told, instead of an empty range."""
    with pytest.raises(ValueError, match="expected a step that leads from"):
        arange(*arguments)


def test_ranges_of_python_are_ranges() -> None:
    """A `range` becomes a form; what isn't given isn't there; everything else goes as it is."""
    made = definition("w", {"n": range(10, 0, -3), "x": 1}, {"repeat": None, "tags": ["a"]})
    assert made == {"workflow": "w", "params": {"n": {"from": 10, "to": 1, "step": -3}, "x": 1}, "tags": ["a"]}


@pytest.mark.parametrize("several", [[1, 2], (1, 2), np.array([1, 2])])
def test_what_holds_several_values_is_several(several: object) -> None:
    """Lists, tuples and arrays make a sweep; a form, and a text, stay what they are."""
    assert definition("w", {"n": several}, {})["params"] == {"n": {"values": [1, 2]}}
    assert definition("w", {"n": {"value": [1]}, "word": "ab"}, {})["params"] == {"n": {"value": [1]}, "word": "ab"}
