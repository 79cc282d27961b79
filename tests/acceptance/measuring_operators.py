"""Operators that measure while they run."""

import os
import signal
import time

from accio import OperatorContext, operator
from tests.acceptance.ledger_operators import gate


@operator(version="1")
def Descend(ctx: OperatorContext, label: str, how: str) -> float:
    """Halve a loss at each step until the gate of this label is open, then end as told."""
    step = 0
    while not gate(label).exists():
        ctx.metric("loss", 1 / (1 + step), step=step)
        ctx.progress(0.5)
        step += 1
        time.sleep(0.01)
    if how == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    ctx.metric("loss", 0.0, step=step)
    return 0.0
