"""Starts the template of operators whose file names a container image, and stays until nothing of that is left.

    python -m accio_agent.worker.contained CONTROL_FD AGENTS_FOLDER image:NAME REFERENCE…

The engine of containers detaches what it starts. This process adopts that: so a container's processes are below their
agent, as those of any template, and whoever kills what is below this process kills them. The template in the container
is told of the agent's end by its control socket, and this one ends after it.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from accio.errors import AccioError
from accio.sdk.environments import contained, containers, functions, images
from accio.sdk.environments.contained import ImageNeed, Inner
from accio_agent import linux
from accio_agent.protocol import control
from accio_agent.worker.template import ENGINES_SIGNALS

_CONTROL = 3
"""The first descriptor that engines hand on."""

_NOT_STARTED = frozenset({125, 126, 127})
"""Exit codes of engines that couldn't start the program; templates end with no such code."""


def main(arguments: Sequence[str]) -> None:
    """See the module."""
    fd, folder, *references = arguments
    os.setsid()
    for number in (signal.SIGINT, *ENGINES_SIGNALS):  # for the agent, which drains
        signal.signal(number, signal.SIG_IGN)
    linux.adopt_orphans()
    os.dup2(int(fd), _CONTROL)
    agent = socket.socket(fileno=_CONTROL)
    if int(fd) != _CONTROL:
        os.close(int(fd))
    signal.signal(signal.SIGCONT, lambda *_: _wake_up())
    with tempfile.TemporaryDirectory(prefix="accio-home-") as home:
        try:
            images.remove_ended(containers.label_of(Path(folder)))
            why = _run(Path(folder), Path(home), references)
        except (AccioError, OSError) as error:
            why = error.message if isinstance(error, AccioError) else str(error)
        if why:
            with suppress(OSError):
                agent.sendall(control.write(control.NotImported(why, disk_full=False)))
        _bury()


def _run(folder: Path, home: Path, references: Sequence[str]) -> str:
    """Run the template to its end; why it couldn't be started, or an empty text."""
    need, inner = functions.split(references)
    assert isinstance(need, ImageNeed), "the agent starts this for images alone"
    command, variables = contained.command(
        need,
        Inner(
            module="accio_agent.worker",
            arguments=[str(_CONTROL), *inner],
            folder=folder,
            home=home,
            label=containers.label_of(folder),
            variables=os.environ,
            reads=[Path(reference.rpartition(".py")[0]).parent for reference in inner],
            passes=True,
        ),
    )
    last = b""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=variables, pass_fds=[_CONTROL]
    ) as engine:
        assert engine.stderr is not None
        for line in engine.stderr:
            last = line
            with suppress(OSError, ValueError):  # nobody reads what the agent says
                sys.stderr.buffer.write(line)
                sys.stderr.buffer.flush()
    if engine.returncode not in _NOT_STARTED:
        return ""
    said = last.decode(errors="replace").strip() or f"exit code {engine.returncode}"
    return f"the image {need.image} can't be started by {Path(command[0]).name}: {said}"


def _wake_up() -> None:
    """Continue the template, if somebody has stopped it."""
    for keeper in linux.children(os.getpid()):
        for pid in linux.children(keeper):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGCONT)


def _bury() -> None:
    """Wait until all that the engine has started is gone."""
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
