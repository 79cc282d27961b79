"""Named places at which a test may kill the daemon, as a power cut would: at the boundaries of a commit, and while the
values of a sweep are gathered.

`ACCIO_CRASH_AT=NAME:N` kills the process with SIGKILL when it passes NAME for the N-th time. Without it nothing
happens.
"""

import os
import signal
from collections.abc import Callable

ENVIRONMENT = "ACCIO_CRASH_AT"
POINTS = ("before_commit", "after_commit", "after_act", "after_answer")
GATHER_POINTS = ("while_gathering", "after_gathering")


def crash_point(setting: str | None) -> Callable[[str], None]:
    """Make the function that the engine calls at each point, from the value of ACCIO_CRASH_AT.

    ValueError: the value names no point.
    """
    if not setting:
        return lambda name: None
    wanted, _, count = setting.partition(":")
    known = (*POINTS, *GATHER_POINTS)
    if wanted not in known or not (count or "1").isdigit():
        raise ValueError(f"{ENVIRONMENT}: expected one of {', '.join(known)} and a number, found {setting!r}")
    left = int(count or "1")

    def passing(name: str) -> None:
        nonlocal left
        if name == wanted:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return passing
