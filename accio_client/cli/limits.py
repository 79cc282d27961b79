"""The option of every command that lists something: how much of it."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

Shown = TypeVar("Shown", bound=Callable[..., Any])


def limited(told: str, default: int | None = None) -> Callable[[Shown], Shown]:
    """Return the option `-n`, `--limit`, whose help says what is bounded and, if there is one, by how much at first."""
    return click.option("-n", "--limit", type=click.IntRange(min=1), default=default, metavar="N", help=told)
