"""What a private daemon's agent is to offer."""

import functools
from pathlib import Path

import pytest

import accio_client
from accio.errors import BadRequest, FailedPrecondition
from accio_client.composing import Workflow


def in_no_file() -> float:
    """Stand for a function of a notebook."""
    return 0.0


in_no_file.__module__ = "__main__"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (in_no_file, "found in_no_file itself: write it into a file of its own"),
        (Workflow, r"found Workflow itself: give '.*/accio_client/composing.py:Workflow'"),
        (functools.partial(print), "found functools.partial"),
        (5, "found 5"),
    ],
)
def test_functions_themselves_are_refused(given: object, told: str) -> None:
    """Agents import operators from files: who gives a function reads how to name it."""
    with pytest.raises(BadRequest, match=f"expected modules by name, files, or functions of files .*{told}"):
        accio_client.local(operators=[given])  # type: ignore[list-item]  # on purpose


def test_a_folder_that_cant_be_one_is_told(tmp_path: Path) -> None:
    """What `accio up` says of it is the error, which was KeyError: 'address'."""
    file = tmp_path / "results"
    file.touch()
    with pytest.raises(FailedPrecondition, match=f"can't be started:\naccio: .*{file}"):
        accio_client.local(file)
