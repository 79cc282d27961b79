"""The program of templates and, where a fork would be unsafe, of workers.

python -m accio_agent.worker CONTROL_FD REFERENCE…
python -m accio_agent.worker --worker PARENT FOLDER SOCKET_FD PAGE_FD STDOUT_FD STDERR_FD SINCE_NS REFERENCE…
"""

import faulthandler
import os
import signal
import socket
import sys
from collections.abc import Sequence

from accio.collector import Thresholds
from accio.interpreter import give_back_path
from accio_agent.protocol.control import FDS_PER_WORKER, NO_SPACE
from accio_agent.worker.restoring.process_state import STDERR
from accio_agent.worker.template import WORKER, Template, become_worker, lacks_space, leave_signals_to_agent, preload

FAULTS = (signal.SIGSEGV, signal.SIGFPE, signal.SIGABRT, signal.SIGBUS, signal.SIGILL)


def tell_faults() -> None:
    """Have signals that end this process say where it was: in the log of the agent, or of a worker's attempt.

    By the interpreter's own option Python wouldn't know what handled these signals before, which is what it has to put
    back after an operator that handles them.
    """
    faulthandler.disable()
    for number in FAULTS:
        signal.signal(number, signal.SIG_DFL)
    faulthandler.enable(STDERR)


def main(arguments: Sequence[str], collected: Thresholds) -> None:
    """See the module. Operators are executed with the thresholds *collected*, or with those that they set when they are
    imported.
    """
    give_back_path()
    sys.argv[:] = ["operator"]  # what operators find; they aren't started with the agent's options
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the agent, which drains
    tell_faults()
    if arguments[0] == WORKER:
        parent, folder, *rest = arguments[1:]
        fds, (since_ns, *references) = [int(text) for text in rest[:FDS_PER_WORKER]], rest[FDS_PER_WORKER:]
        try:
            become_worker(int(parent), folder, fds, preload(references, int(since_ns), collected, anew=True))
        except OSError as error:
            if not lacks_space(error):
                raise
            sys.exit(NO_SPACE)
        return
    if os.getsid(0) != os.getpid():  # in a container it leads a session already
        os.setsid()
    leave_signals_to_agent()
    control = socket.socket(fileno=int(arguments[0]))
    control.set_inheritable(False)  # it is the template's alone: not its workers', nor that of their programs
    Template(control, arguments[1:], collected).run()
