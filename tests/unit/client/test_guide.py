"""docs/python-client.md names what there is."""

import re
from pathlib import Path

import pytest

from accio_client import AsyncClient, AsyncRun, Client, Run, Workflow

GUIDE = (Path(__file__).resolve().parents[3] / "docs" / "python-client.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", [Client, AsyncClient, Run, AsyncRun, Workflow])
def test_each_method_says_what_it_does_and_stands_in_the_guide(kind: type) -> None:
    """Whoever looks for a method finds it, and `help` has more than its signature."""
    methods = {name: getattr(kind, name) for name in dir(kind) if not name.startswith("_")}
    public = {name: each for name, each in methods.items() if callable(each)}
    assert [name for name, each in public.items() if not each.__doc__] == []
    assert [name for name in public if name != "close" and not re.search(rf"\b{name}\b", GUIDE)] == []
