"""What is told of a process that a signal such as SIGSEGV ended: which one, and what the interpreter says on stderr.

That is where each thread was.
"""

import re
import signal

FAULT = "Fatal Python error: "
"""How it begins (`faulthandler`)."""

_OURS = re.compile(r'^ +File "(?:<frozen |[^"\n]*/(?:accio/sdk|accio_agent)/).*\n?', re.MULTILINE)
_LIBRARIES = re.compile(r"\n*^Extension modules: .*\n?", re.MULTILINE)
_FRAME = re.compile(r'^ +(File "(?!<).*)$', re.MULTILINE)
_CURRENT = "Current thread"


def signal_name(number: int) -> str:
    """Return a signal's name, or its number in words if it has none, as those in real time."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def of_operators(said: str) -> str:
    """Return what a process of operators said, without the frames by which Accio and the interpreter led to theirs."""
    start = said.find(FAULT)
    return said if start < 0 else said[:start] + _LIBRARIES.sub("\n", _OURS.sub("", said[start:]))


def place_of(said: str) -> str:
    """Return the fault in a line, with the operators' frame that the thread was in which met it; empty without one."""
    start = said.rfind(FAULT)
    if start < 0:
        return ""
    told = of_operators(said[start:])
    frame = _FRAME.search(told, max(0, told.find(_CURRENT)))
    what = told.partition("\n")[0]
    return what if frame is None else f"{what}, {frame[1]}"
