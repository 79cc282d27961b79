"""Operators that save checkpoints. Executions leave lines in the ledger of `ledger_operators`."""

import os
import signal
import time

from accio import OperatorContext, operator
from tests.acceptance.ledger_operators import note


@operator(version="1")
def Train(ctx: OperatorContext, steps: int, stop: int, how: str) -> int:
    """Count to *steps*, each of them saved; whoever begins with nothing is stopped after *stop* of them."""
    state = ctx.checkpoint / "step.txt"
    begun = int(state.read_text(encoding="utf-8")) if state.exists() else 0
    note(f"from {begun} of attempt {ctx.checkpoint.attempt}")
    for step in range(begun + 1, steps + 1):
        state.write_text(str(step), encoding="utf-8")
        ctx.checkpoint.save()
        if step == stop and begun == 0:
            (ctx.checkpoint / "unsaved.txt").touch()
            _stop(how)
    return steps


def _stop(how: str) -> None:
    if how == "fail":
        raise RuntimeError("stopped on purpose")
    if how == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    note("waits")
    time.sleep(3600)
