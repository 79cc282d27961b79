"""An operator that learns: some rates better than others, seen long before the end."""

import time

from accio import OperatorContext, operator
from tests.acceptance.ledger_operators import gate


@operator(version="1")
def Learn(ctx: OperatorContext, rate: int, label: str) -> int:
    """Measure a loss, which is the rate, at one step after the other until the gate of this label is open."""
    step = 0
    while not gate(label).exists():
        step += 1
        ctx.metric("loss", rate, step=step)
        time.sleep(0.05)
    return rate
