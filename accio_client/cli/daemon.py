"""The daemon: `accio up`, `daemon backup`."""

import ctypes
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from types import FrameType

import click

from accio import own_folders, places
from accio.errors import FailedPrecondition, Unauthenticated, Unavailable
from accio.events import CODE_CHANGED
from accio.exits import INTERNAL, INTERRUPTED, SUCCESS
from accio.interpreter import python, without_working_folder
from accio.sockets import socket_address, socket_path
from accio_client.cli.output import complain, out
from accio_client.cli.session import Session, accio_command
from accio_client.cli.text import printable_lines, size
from accio_client.documents import document

TELL_EVERY_S = 30.0
LOOK_EVERY_S = 0.03
GRACE_S = 3
STOP_WITHIN_S = 15.0
MOST_NEWS = 1 << 20
"""How much of a log is looked through at a time."""
_PR_SET_PDEATHSIG = 1


class Child:
    """A process that ends with this one; what it says goes to a log file."""

    def __init__(self, name: str, arguments: Sequence[str], log: Path, environment: dict[str, str]) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as file:
            self._begin = self._read = file.tell()
            self.process = subprocess.Popen(
                python(*arguments),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=environment,
                start_new_session=True,  # Ctrl-C reaches this process only, which stops the two in order
                preexec_fn=_end_with(os.getpid()),
            )

    def ended(self, within_s: float) -> bool:
        """Return whether the process has ended, after waiting for that for a moment."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(within_s)
        return self.process.poll() is not None

    def stop(self) -> None:
        """Ask it to end, and make it."""
        if self.process.poll() is None:
            self.process.terminate()
            if not self.ended(STOP_WITHIN_S):
                self.process.kill()
                self.process.wait()

    def warnings(self, event: str) -> Iterator[Mapping[str, object]]:
        """Yield what it has said of an event since the last call."""
        with self.log.open("rb") as file:
            file.seek(self._read)
            said = file.read(MOST_NEWS)
        whole = said if len(said) == MOST_NEWS else said[: said.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            with suppress(ValueError):
                if event.encode() in line and (found := json.loads(line))["event"] == event:
                    yield found

    def last_words(self) -> str:
        """Return the end of what it said since it was started."""
        with self.log.open("rb") as file:
            file.seek(self._begin)
            lines = file.read()[-4000:].decode(errors="replace").strip().split("\n")
        return printable_lines("\n".join(f"  {line}" for line in lines[-10:]))


def _end_with(parent: int) -> Callable[[], None]:
    """Return what a child does before it becomes its program: ask the kernel to end it when its parent ends."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)  # the parent ended before the kernel knew

    return ask


class Stopped(Exception):
    """A signal asked this process to end."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


class ChildEnded(Exception):
    """One of the two has ended by itself."""

    def __init__(self, child: Child) -> None:
        super().__init__()
        self.child = child


@accio_command
@click.option("--operators", multiple=True, metavar="MODULE|FILE", help="Offer these operators, too.")
@click.option("--cpus", metavar="N", help="Processors to offer; all by default.")
@click.option("--memory", metavar="SIZE", help="Memory to offer, such as 8GiB; all by default.")
def up(session: Session, *, operators: tuple[str, ...], cpus: str | None, memory: str | None) -> int:
    """Start a daemon and an agent on this machine, in the foreground, until Ctrl-C.

    ACCIO_DATA_DIR says where it and the agent keep what they have. The daemon listens at a socket in there, and at
    ACCIO_ADDR if that is set.
    """
    address, inside = _addresses(session.addr or os.environ.get("ACCIO_ADDR", ""))
    for each in dict.fromkeys((address, inside)):
        if _listens(each):
            raise FailedPrecondition(
                f"something listens at {each} already. If it is a daemon, there is nothing to start; "
                "else let ACCIO_ADDR (for a socket: ACCIO_DATA_DIR) name another address"
            )
    options = [f"--operators={each}" for each in operators]
    options += [f"--{name}={value}" for name, value in (("cpus", cpus), ("memory", memory)) if value is not None]
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    children: list[Child] = []
    try:
        _start(children, address, inside, options)
        _await_agent(session, children, inside)
        _tell(session, address, inside)
        while True:
            _look(children, 1.0)
            _tell_of_edits(session, children[-1])
    except Stopped as stopped:
        session.say("\nstopping ...")
        return stopped.code
    except ChildEnded as ended:
        code = ended.child.process.returncode
        complain(f"accio: the {ended.child.name} ended {_how(code)}; its last words:\n{ended.child.last_words()}")
        return code if SUCCESS < code <= INTERNAL + 1 else INTERNAL
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)  # the second Ctrl-C ends at once, and the kernel ends the children
        for child in reversed(children):
            child.stop()


def _addresses(given: str) -> tuple[str, str]:
    """Return where the daemon is to listen, and where its neighbours find it: at the data folder's socket, if it can
    have one.
    """
    if not given:
        inside = socket_address(places.data_folder())
        return inside, inside
    address = places.parse_address(given)
    try:
        return address, socket_address(places.data_folder())
    except FailedPrecondition:  # the path is too long
        return address, address


def _listens(address: str) -> bool:
    """Return whether anything accepts connections there."""
    path = socket_path(address)
    if path is not None:
        return path.exists() and _accepts(path)
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        return probe.connect_ex(str(path)) == 0


def _start(children: list[Child], address: str, inside: str, options: Sequence[str]) -> None:
    """Start both at once: the agent tries until the daemon is there."""
    data = places.data_folder()
    logs = data / "logs"
    own_folders.take(data)
    logs.mkdir(exist_ok=True, mode=0o700)
    places.write_token(data / places.TOKEN)  # else the agent may look for it before the daemon has written it
    environment = without_working_folder(os.environ) | {"ACCIO_ADDR": address}
    children.append(Child("daemon", ["accio_daemon"], logs / "daemon.log", environment))
    agent = ["accio_agent", f"--daemon={inside}", f"--grace={GRACE_S}", *options]
    children.append(Child("agent", agent, logs / "agent.log", environment))


def _look(children: Sequence[Child], within_s: float) -> None:
    """Raise ChildEnded if one has ended, after a moment."""
    for child in children:
        if child.ended(within_s / len(children)):
            raise ChildEnded(child)


def _await_agent(session: Session, children: Sequence[Child], address: str, tell_every_s: float = TELL_EVERY_S) -> None:
    """Wait until the daemon answers and an agent is connected to it, however long its operators take to be imported."""
    while not _listens(address):  # gRPC is loaded only then: the machine has enough to do
        _look(children, LOOK_EVERY_S)
    from accio_client.sync import Client

    tell_at = monotonic() + tell_every_s
    while True:
        _look(children, LOOK_EVERY_S)
        if monotonic() >= tell_at:
            tell_at += tell_every_s
            log = f"; its log: {children[-1].log}" if children else ""
            session.say(f"still waiting for the agent: it imports its operators, or can't reach the daemon{log}")
        try:
            with Client(address) as client:
                if any(agent.state == "connected" for agent in client.list_agents()):
                    return
        except (Unavailable, Unauthenticated):  # it is about to listen, or to write its token
            continue


def _tell(session: Session, address: str, inside: str) -> None:
    data = places.data_folder()
    content = {"schema": "accio/v1", "address": address, "data": str(data)}
    session.answer(content, [address], lambda: out(f"accio is up at {address}; everything is kept in {data}"))
    sys.stdout.flush()
    if os.environ.get("ACCIO_DATA_DIR"):
        session.say(f"in another terminal: export ACCIO_DATA_DIR={shlex.quote(str(data))}")
    elif places.daemon_address({**os.environ, "ACCIO_ADDR": ""}) != inside:  # clusters.json names another
        session.say(f"in another terminal: export ACCIO_ADDR={shlex.quote(address)}")
    session.say("then: accio push WORKFLOW.json; accio submit RUN.json --wait; accio export RUN")
    session.say("Ctrl-C stops both; runs go on when they are up again")


def _tell_of_edits(session: Session, agent: Child) -> None:
    """Warn whoever edits code that the agent doesn't run it."""
    for found in agent.warnings(CODE_CHANGED):
        session.say(f"{found.get('of')}: {CODE_CHANGED}; stop accio up and start it again to run them as they are now")


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped(INTERRUPTED if number == signal.SIGINT else SUCCESS)


def _how(code: int) -> str:
    return f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"


@accio_command
@click.argument("file")
def backup(session: Session, file: str) -> None:
    """Copy the database of the running daemon to FILE on its machine, consistently and while it is in use.

    A name alone goes into the folder backups in its data folder; others must be allowed (accio daemon --backups).
    """
    with session.client() as client:
        found = client.backup(str(Path(file).absolute()) if os.sep in file else file)
    content = document({"path": found.path, "bytes": found.bytes})
    session.answer(content, [found.path], lambda: out(f"{found.path} ({size(found.bytes)})"))
