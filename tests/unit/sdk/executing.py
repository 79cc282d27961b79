"""Runs decorated things once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from accio.domain.failures import Failure
from accio.sdk.declare import declaration_of
from accio.sdk.execution import Failed, Finished, Request
from accio.sdk.run import run_operator
from accio.sdk.sinks import ConsoleSinks


def run(thing: Callable[..., Any] | type, folder: Path, inputs: str = "{}", **request: Any) -> Finished | Failed:
    """Run a decorated thing once."""
    declaration = declaration_of(thing)
    assert declaration is not None
    return run_operator(declaration, Request(inputs=inputs, folder=folder, **request), ConsoleSinks())


def finished(outcome: Finished | Failed) -> Finished:
    """The outcome, which must be a success."""
    assert isinstance(outcome, Finished), outcome
    return outcome


def failure(outcome: Finished | Failed) -> Failure:
    """The failure of an outcome that must be one."""
    assert isinstance(outcome, Failed), outcome
    return outcome.failure
