"""The program that describes the operators of one source, as `accio.sdk.describe` says.

    python -m accio.sdk.describing [--end-with-input] RESULT_FILE CACHE DISTRIBUTION REFERENCE…

The catalogue runs it as a process of its own, so that an agent never imports what operators import. The result is
written to a file, because imports may print anything. CACHE is a folder, or an empty text for none.

With `--end-with-input` the standard input is a pipe that whoever asks holds open and writes nothing to: an import may
last for ever, and nobody would end it once whoever asked has ended.
"""

import fcntl
import os
import select
import signal
import sys
from contextlib import suppress
from pathlib import Path

from accio.collector import look_rarely
from accio.interpreter import give_back_path


def _end_with_input() -> None:
    """Have the kernel end this process once the other end of its input is closed; imports find an empty input."""
    asked = os.dup(0)
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(asked, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(asked, fcntl.F_SETFL, fcntl.fcntl(asked, fcntl.F_GETFL) | os.O_ASYNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    if select.select([asked], [], [], 0)[0]:
        _end(1)  # it was closed before the kernel was asked


def _end(code: int) -> None:
    """End at once, with the programs that operators have started as they were imported: neither they nor threads and
    functions that are called at the end may keep this process, nor go on after it.
    """
    for task in Path("/proc/self/task").glob("*/children"):
        for pid in task.read_text().split():
            with suppress(OSError):
                os.kill(int(pid), signal.SIGKILL)
    os._exit(code)


if __name__ == "__main__":
    given, sys.argv[1:] = sys.argv[1:], []  # operators must not find them
    if given[:1] == ["--end-with-input"]:
        del given[0]
        _end_with_input()
    look_rarely()
    give_back_path()
    from accio.sdk.describe import main  # once the collector lets the imports be

    try:
        main(given)
    except BaseException:  # noqa: BLE001 - as the interpreter does it
        sys.excepthook(*sys.exc_info())
        _end(1)
    _end(0)
