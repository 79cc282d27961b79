"""An agent that a signal makes stuck until the test opens a gate: its threads answer pings, and that is all.

BLOCK blocks the event loop; HOLD lets native code hold the interpreter's lock, but for moments. Both signals mean
nothing to agents.
"""

import ctypes
import signal
import sys
from typing import Any

from accio_agent.agent.cli import main
from tests.acceptance.ledger_operators import gate, note, wait_for

GATE = "unstuck"
BLOCK, HOLD = signal.SIGRTMIN + 1, signal.SIGRTMIN + 2


def _block(number: int, frame: Any) -> None:
    note("stuck")
    wait_for(GATE)


def _hold(number: int, frame: Any) -> None:
    note("stuck")
    held = ctypes.PyDLL(None)  # unlike CDLL it keeps the lock during a call
    while not gate(GATE).exists():
        held.usleep(200_000)


if __name__ == "__main__":
    signal.signal(BLOCK, _block)
    signal.signal(HOLD, _hold)
    sys.exit(main())
