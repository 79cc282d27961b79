"""The examples in the docstrings of the product."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("accio", "accio_agent", "accio_client", "accio_daemon", "accio_locapriv", "accio_pool", "accio_web")


def with_examples() -> list[str]:
    """Return the modules whose text has an example."""
    found = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    return [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in found
        if "    >>> " in path.read_text(encoding="utf-8")
    ]


@pytest.mark.parametrize("module", with_examples())
def test_examples_give_what_they_say(module: str) -> None:
    """Each example of a docstring gives what stands below it."""
    found = doctest.testmod(import_module(module))
    assert found.attempted
    assert not found.failed
