"""What the interpreter says of itself on stderr when a signal such as SIGSEGV ends it: where each thread was."""

import re

FAULT = "Fatal Python error: "
"""How it begins (`faulthandler`)."""

_OURS = re.compile(r'^ +File "(?:<frozen |[^"\n]*/(?:accio/sdk|accio_agent)/).*\n?', re.MULTILINE)
_LIBRARIES = re.compile(r"\n*^Extension modules: .*\n?", re.MULTILINE)
_FRAME = re.compile(r'^ +(File "(?!<).*)$', re.MULTILINE)
_CURRENT = "Current thread"


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
