"""What `accio up` says of the operators that its agent offers."""

import pytest

from accio_client.cli.daemon import told_of_offers


@pytest.mark.parametrize(
    ("of", "line"),
    [
        (
            {"/data/ada/own.py": 2, "accio-experiments": 27},
            "the agent offers 29 operators: 2 of own.py, 27 of accio-experiments",
        ),
        ({"/data/ada/own.py": 1}, "the agent offers 1 operator: 1 of own.py"),
    ],
)
def test_each_source_is_named(of: dict[str, int], line: str) -> None:
    """Files by their names, and what is installed by its distribution, so that what isn't there is missed."""
    assert told_of_offers(of) == line


def test_no_operators_are_told_with_what_to_do() -> None:
    """An agent that offers nothing leaves every run waiting."""
    assert "offers no operators" in told_of_offers({})
    assert "--operators FILE" in told_of_offers({})
