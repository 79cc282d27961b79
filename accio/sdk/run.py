"""Running one operator once, whatever it is: what a worker calls."""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from accio.domain.datatypes import DataType
from accio.sdk.commands import Program
from accio.sdk.declare import Declaration
from accio.sdk.execution import Callee, Failed, Finished, Request
from accio.sdk.program_run import run_program
from accio.sdk.sinks import Sinks

Operator: TypeAlias = Declaration | Program


Run: TypeAlias = Callable[[Request, Sinks], Finished | Failed]


def runner_of(operator: Operator) -> Run:
    """Return what runs an operator any number of times, as `run_operator` does."""
    return partial(run_program, operator) if isinstance(operator, Program) else Callee(operator).run


def run_operator(operator: Operator, request: Request, sinks: Sinks) -> Finished | Failed:
    """Run a function or class in this process, or a program as its child; whatever goes wrong becomes `Failed`."""
    return runner_of(operator)(request, sinks)


def output_types(operator: Operator) -> dict[str, DataType]:
    """Return the type of each output."""
    if isinstance(operator, Program):
        return {port.name: port.type for port in operator.spec.outputs}
    return {port.name: port.hint.type for port in operator.outputs}
