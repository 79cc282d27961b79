"""An agent that a signal makes stuck until the test opens a gate: its threads answer pings, and that is all.

SIGUSR1 blocks the event loop; SIGUSR2 lets native code hold the interpreter's lock, but for moments.
"""

import ctypes
import signal
import sys
from typing import Any

from accio_agent.agent.cli import main
from tests.acceptance.ledger_operators import gate, note, wait_for

GATE = "unstuck"


def _block(number: int, frame: Any) -> None:
    note("stuck")
    wait_for(GATE)


def _hold(number: int, frame: Any) -> None:
    note("stuck")
    held = ctypes.PyDLL(None)  # unlike CDLL it keeps the lock during a call
    while not gate(GATE).exists():
        held.usleep(200_000)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, _block)
    signal.signal(signal.SIGUSR2, _hold)
    sys.exit(main())
