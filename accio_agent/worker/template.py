"""The template process of one source of operators: imports it once, forks a worker for each lane, and buries them.

The agent starts it with exec (`python -m accio_agent.worker`) and keeps the other end of the control socket; what the
two say is in `accio_agent.protocol.control`.

**Nobody outlives the agent.** When the control socket ends, whatever the reason, the template kills every worker,
every process group and every descendant, and exits. Workers adopt the orphans among their descendants, and the
template adopts those of dead workers, so none gets away, neither by a double fork nor by a session of its own. If the
import leaves threads behind, a fork may be unsafe (`forking`): then workers are started with exec and import for
themselves.
"""

import gc
import os
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from accio.collector import Thresholds, look_as_usual
from accio.disk_space import FULL
from accio.errors import AccioError
from accio.interpreter import LENT, finding_modules_as_here, python
from accio_agent import clock, linux
from accio_agent.protocol import control
from accio_agent.protocol.control import FDS_PER_WORKER, PACKET
from accio_agent.worker.forking import may_fork
from accio_agent.worker.unsharing import Shared, find_shared, unshare

if TYPE_CHECKING:
    from accio.sdk.run import Operator
    from accio_agent.worker.freshness import Freshness
    from accio_agent.worker.restoring.foreign_modules import ForeignModules
    from accio_agent.worker.restoring.own_globals import OwnGlobals

WORKER = "--worker"
"""The first argument of a worker that is started with exec."""

ENGINES_SIGNALS = (signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU)
"""What batch systems send to every process of a job. It is for the agent: templates end with that, and so go on as long
as their agent drains; workers are as any program.
"""

SWEEP_S = 0.02
"""How long a look waits while orphans are dying."""

_Asked = list[tuple[control.Message, Sequence[int]]]


def leave_signals_to_agent() -> None:
    """Ignore what batch systems send, in a template."""
    for number in ENGINES_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


class Template:
    """The loop of the template process."""

    def __init__(self, control: socket.socket, references: Sequence[str], collected: Thresholds) -> None:
        self._control = control
        self._collected = collected
        self._references = references
        self._workers: dict[int, int] = {}  # pid to lane
        self._pids: dict[int, int] = {}  # lane to pid
        self._fork = True
        self._waiting: _Asked | None = []  # until what was imported is approved; then None
        self._began_ns = clock.wall_ns()
        self._preloaded: Preloaded | None = None
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self) -> None:
        """Serve until the agent is gone."""
        linux.adopt_orphans()
        linux.die_with_parent(signal.SIGKILL)  # while importing; later the end of the control socket tells
        if not self._load():
            return
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        # The end of the control socket tells that the agent is gone. Who is stopped doesn't see it, and is woken up.
        linux.die_with_parent(signal.SIGCONT)
        try:
            self._serve()
        finally:
            self._bury_all()

    def _load(self) -> bool:
        """Import the operators; False if that failed."""
        try:
            self._preloaded = preload(self._references, self._began_ns, self._collected)
        except BaseException as error:  # noqa: BLE001 - a module that is imported may raise anything, SystemExit too
            self._tell(control.NotImported(_explain(error), lacks_space(error)))
            return False
        self._fork = may_fork()
        self._tell(
            control.Imported()
        )  # now, as the agent looks whether that was what it offers before it asks for more
        if self._fork:
            from accio_agent.worker import executing, loop  # noqa: F401 - or each worker would, while its attempt waits
            from accio_agent.worker.restoring import leftovers  # noqa: F401 - as above

            self._preloaded = self._preloaded._replace(shared=find_shared())
        gc.collect()
        gc.freeze()  # what has been imported stays shared between the workers
        return True

    def _tell(self, message: control.Message) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):
            self._control.sendall(control.write(message))

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(self._wake_read, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in selector.select(SWEEP_S if self._strays() else None)]
                if self._wake_read in ready:
                    with suppress(BlockingIOError):
                        os.read(self._wake_read, PACKET)
                self._reap()
                if self._control in ready and not self._obey():
                    return

    def _obey(self) -> bool:
        """Carry out one message; False at the end of the connection."""
        try:
            data, fds, _, _ = socket.recv_fds(self._control, PACKET, FDS_PER_WORKER)
        except ConnectionResetError:
            return False
        if not data:
            return False
        match control.read(data):
            case control.Approve():
                waiting, self._waiting = self._waiting or (), None
                for asked in waiting:
                    self._carry_out(*asked)
            case message if self._waiting is not None:
                self._waiting.append((message, fds))
            case message:
                self._carry_out(message, fds)
        return True

    def _carry_out(self, message: control.Message, fds: Sequence[int]) -> None:
        match message:
            case control.Spawn(lane=lane, folder=folder):
                self._spawn(lane, folder, fds)
            case control.Kill(lane=lane, number=number):
                self._kill(lane, number)
            case _:
                raise ValueError(f"an agent sent what only templates say: {message}")

    # --- workers -----------------------------------------------------------------------------------------------------

    def _spawn(self, lane: int, folder: str, fds: Sequence[int]) -> None:
        pid = self._start_forked(folder, fds) if self._fork else self._start_anew(folder, fds)
        for fd in fds:
            os.close(fd)
        self._workers[pid] = lane
        self._pids[lane] = pid
        self._tell(control.Spawned(lane, pid))

    def _start_forked(self, folder: str, fds: Sequence[int]) -> int:
        parent = os.getpid()
        pid = os.fork()
        if pid != 0:
            return pid
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for fd in (self._control.detach(), self._wake_read, self._wake_write):
                os.close(fd)
            assert self._preloaded is not None, "operators were imported"
            become_worker(parent, folder, fds, self._preloaded)
            code = 0
        except BaseException as error:  # noqa: BLE001 - whatever it is, this process must not go on as a second template
            traceback.print_exc()  # to the pipe that the agent shows as the attempt's stderr
            code = control.NO_SPACE if lacks_space(error) else code
        finally:
            os._exit(code)

    def _start_anew(self, folder: str, fds: Sequence[int]) -> int:
        arguments = [str(os.getpid()), folder, *map(str, fds), str(self._began_ns), *self._references]
        command = python("accio_agent.worker", WORKER, *arguments)
        return os.posix_spawn(
            sys.executable,
            command,
            os.environ if LENT else finding_modules_as_here(os.environ),
            file_actions=[(os.POSIX_SPAWN_DUP2, fd, fd) for fd in fds],  # which also lets them pass exec
            setsigdef=[signal.SIGCHLD],
        )

    def _kill(self, lane: int, number: int) -> None:
        pid = self._pids.get(lane)
        if pid is None:
            return  # it has been buried: the number may belong to somebody else by now
        if number == signal.SIGKILL:
            linux.kill_all(linux.descendants(pid))
        linux.kill_group(pid, number)
        with suppress(ProcessLookupError):
            os.kill(pid, number)  # a worker that isn't the leader of its group yet

    # --- burials -----------------------------------------------------------------------------------------------------

    def _reap(self) -> None:
        """Collect the dead. The group of a dead worker is killed before its number can be given to anybody else."""
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None:
                return
            if found.si_pid in self._workers:
                linux.kill_group(found.si_pid, signal.SIGKILL)
            _, status = os.waitpid(found.si_pid, 0)
            lane = self._workers.pop(found.si_pid, None)
            if lane is not None:
                del self._pids[lane]
                self._tell(control.Exited(lane, status))

    def _strays(self) -> bool:
        """Kill the orphans that dead workers left; whether there were any."""
        strays = [pid for pid in linux.children(os.getpid()) if pid not in self._workers]
        for pid in strays:
            linux.kill_all(linux.descendants(pid))
        linux.kill_all(strays)
        return bool(strays)

    def _bury_all(self) -> None:
        """Kill everything below this process, again and again until nothing is left."""
        self._control.close()
        while True:
            everybody = list(linux.descendants(os.getpid()))
            for pid in self._workers:
                linux.kill_group(pid, signal.SIGKILL)
            linux.kill_all(everybody)
            try:
                while os.waitpid(-1, os.WNOHANG if everybody else 0)[0]:
                    pass
            except ChildProcessError:
                return
            if everybody:  # they are dying: wait for the first that does
                with suppress(ChildProcessError):
                    os.waitpid(-1, 0)


class Preloaded(NamedTuple):
    """What a template hands down to its workers."""

    operators: "Mapping[str, Operator]"
    freshness: "Freshness"
    own: "OwnGlobals"
    foreign: "ForeignModules"
    shared: Shared = Shared()


def preload(references: Sequence[str], since_ns: int, collected: Thresholds, *, anew: bool = False) -> Preloaded:
    """Import operators, and note what else they will read, and what they may change.

    The collector goes on with the thresholds *collected* then, unless operators have set others.
    """
    from accio.sdk.loading import load_all

    loaded = load_all(references)
    files = {each.name: each.files() for each in loaded}
    sources = [each.source for each in loaded if each.roots]
    from accio_agent.worker.freshness import Freshness
    from accio_agent.worker.restoring import process_state  # noqa: F401 - now: it asks whether operators import `resource`
    from accio_agent.worker.restoring.foreign_modules import ForeignModules
    from accio_agent.worker.restoring.own_code import OwnCode
    from accio_agent.worker.restoring.own_globals import OwnGlobals
    from accio_agent.worker.restoring.own_places import own_places

    code = OwnCode(sources, own_places(sources))
    preloaded = Preloaded(
        operators={each.name: each.operator for each in loaded},
        freshness=Freshness(files, sources=sources, since_ns=since_ns, anew=anew),
        own=OwnGlobals(code),
        foreign=ForeignModules(code),
    )
    look_as_usual(collected)
    return preloaded


def become_worker(parent: int, folder: str, fds: Sequence[int], preloaded: Preloaded) -> None:
    """Turn this process into a worker and work until the end."""
    from accio_agent.worker import executing, loop
    from accio_agent.worker.restoring.leftovers import Leftovers

    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in ENGINES_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    linux.adopt_orphans()
    linux.die_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        return  # the template died before the last line took effect
    connection_fd, page_fd, out, err = fds
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (out, 1), (err, 2)):
        os.dup2(source, target)
    for fd in (null, out, err):
        os.close(fd)
    os.set_inheritable(connection_fd, False)
    os.set_inheritable(page_fd, False)
    unshare(preloaded.shared)
    executor = executing.Executor(preloaded.operators, preloaded.freshness)
    look_after = partial(Leftovers, preloaded.own, preloaded.foreign, note_import=preloaded.freshness.imported)
    loop.serve(socket.socket(fileno=connection_fd), page_fd, executor, Path(folder), look_after)


def lacks_space(error: BaseException) -> bool:
    """Return whether what failed did so as the disk is full, at its root or on the way."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in FULL:
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _explain(error: BaseException) -> str:
    """Return why an import failed."""
    if isinstance(error, AccioError):
        return error.message
    return f"{type(error).__name__}: {error}"
