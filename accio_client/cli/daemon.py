"""The daemon: `accio up`, `daemon backup`."""

import os
import shlex
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Any

import click

from accio import own_folders, places
from accio.domain.sizes import size
from accio.errors import FailedPrecondition, Internal, Unavailable
from accio.events import (
    CODE_CHANGED,
    CODE_KEPT,
    CODE_RELOADED,
    COMMITS_MISSING,
    CONNECTED,
    SEAL_UNREADABLE,
    STARTED,
)
from accio.exits import INTERNAL, INTERRUPTED, NOT_ALLOWED, SUCCESS
from accio.interpreter import without_working_folder
from accio.sockets import socket_address, socket_path
from accio_client.cli.output import complain, out
from accio_client.cli.processes import Child, listening
from accio_client.cli.session import Session, accio_command
from accio_client.cli.web_child import open_web
from accio_client.documents import document

TELL_EVERY_S = 30.0
LOOK_EVERY_S = 0.25
LOOK_AGAIN_S = 0.5
"""How often it looks whether all is well, once it is."""
GRACE_S = 3


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
@click.option("--installed/--no-installed", default=True, help="Offer the operators of installed packages.")
@click.option(
    "--private/--no-private", default=False, help="Keep everything in a temporary folder, removed at the end."
)
@click.option("--parent", type=int, metavar="PID", help="End when this process, which started it, has ended.")
@click.option(
    "--reload/--no-reload", default=True, help="Offer edited operators as they are now; by default, unless --private."
)
@click.option("--web/--no-web", default=True, help="Serve the web interface, too; so by default.")
def up(
    session: Session,
    *,
    operators: tuple[str, ...],
    cpus: str | None,
    memory: str | None,
    installed: bool,
    private: bool,
    parent: int | None,
    reload: bool,
    web: bool,
) -> int:
    """Start a daemon and an agent on this machine, in the foreground, until Ctrl-C.

    ACCIO_DATA_DIR says where it and the agent keep what they have. The daemon listens at a socket in there, and at
    ACCIO_ADDR if that is set.
    """
    options = [f"--operators={each}" for each in operators]
    options += [f"--{name}={value}" for name, value in (("cpus", cpus), ("memory", memory)) if value is not None]
    options += [] if installed else ["--no-installed"]
    lasting = not private and parent is None  # else what is edited would leave the run behind for which it was started
    options += ["--reload"] if reload and lasting else []
    children: list[Child] = []
    with _data(private=private):
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _stop)
        try:
            return _serve(session, children, options, parent, web=web and lasting)
        except Stopped as stopped:
            session.say("\nstopping ...")
            return stopped.code
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):  # a second Ctrl-C ends at once, and the kernel the children
                signal.signal(number, signal.SIG_DFL)
            for child in reversed(children):
                child.stop()


@contextmanager
def _data(*, private: bool) -> Iterator[None]:
    """Use the data folder as it is, or a temporary one, which nobody finds by ACCIO_ADDR."""
    if not private:
        yield
        return
    folder = tempfile.mkdtemp(prefix="accio-")
    os.environ["ACCIO_DATA_DIR"] = folder
    os.environ.pop("ACCIO_ADDR", None)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _serve(session: Session, children: list[Child], options: Sequence[str], parent: int | None, *, web: bool) -> int:
    """Start the two, say so, and go on until one of them or the parent has ended."""
    address, inside = _addresses(session.addr or os.environ.get("ACCIO_ADDR", ""))
    for each in dict.fromkeys((address, inside)):
        if listens(each):
            raise FailedPrecondition(
                f"something listens at {each} already. If it is a daemon, there is nothing to start "
                "(`accio agent --operators FILE` beside it offers more operators); "
                "else let ACCIO_ADDR (for a socket: ACCIO_DATA_DIR) name another address"
            )
    beside = None
    try:
        _start(children, address, inside, options)
        _await_agent(session, children[-1], children, inside, parent=parent)
        beside = open_web(session, inside) if web else None
        _tell(session, address, inside, None if beside is None else beside.link, *children)
        while True:
            _look(children, LOOK_AGAIN_S if beside is None else 0, parent)
            _tell_of_edits(session, children[-1])
            if beside is not None and beside.ended(LOOK_AGAIN_S):
                session.say(f"the {beside.name} ended {beside.ending}; runs go on. Its log: {beside.log}")
                beside = None
    except ChildEnded as ended:
        code = ended.child.process.returncode
        complain(
            f"accio: the {ended.child.name} ended {ended.child.ending}; its last words:\n{ended.child.last_words()}"
        )
        return code if SUCCESS < code <= NOT_ALLOWED else INTERNAL
    finally:
        if beside is not None:
            beside.stop()


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


def listens(address: str) -> bool:
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
    """Start both at once, first the agent, which takes longer: it tries until the daemon is there."""
    data = places.data_folder()
    logs = data / "logs"
    own_folders.take(data)
    logs.mkdir(exist_ok=True, mode=0o700)
    places.write_token(data / places.TOKEN)  # else the agent may look for it before the daemon has written it
    environment = without_working_folder(os.environ) | {"ACCIO_ADDR": address}
    agent = ["accio_agent", f"--daemon={inside}", f"--grace={GRACE_S}", *options]
    children.append(Child("agent", agent, logs / "agent.log", environment))
    children.insert(0, Child("daemon", ["accio_daemon"], logs / "daemon.log", environment))


def _look(children: Sequence[Child], within_s: float, parent: int | None = None) -> None:
    """Raise ChildEnded if one has ended, after a moment, Stopped if *parent* isn't the parent of this process now."""
    if parent is not None and os.getppid() != parent:
        raise Stopped(SUCCESS)
    for child in children:
        if child.ended(within_s / len(children)):
            raise ChildEnded(child)


def _await_agent(
    session: Session,
    agent: Child,
    children: Sequence[Child],
    address: str,
    tell_every_s: float = TELL_EVERY_S,
    parent: int | None = None,
) -> None:
    """Wait until the agent says that the daemon has taken it up, however long its operators take to be imported.

    The daemon would say so, too, but to load what asks it takes half as long as it takes to start a daemon. So it is
    asked only where the agent says nothing for long: what is said on a full disk is in no log.
    """
    tell_at = monotonic() + tell_every_s
    with listening(agent, children) as listen:
        while agent.said(CONNECTED) is None:
            listen(LOOK_EVERY_S)
            _look(children, 0, parent)
            if monotonic() >= tell_at:
                tell_at += tell_every_s
                if _has_agent(address):
                    return
                session.say(
                    "still waiting for the agent: it imports its operators, or can't reach the daemon; its log: "
                    f"{agent.log}"
                )


def _has_agent(address: str) -> bool:
    """Return whether a daemon answers and an agent is connected to it."""
    from accio_client.sync import Client

    try:
        with Client(address) as client:
            return any(agent.state == "connected" for agent in client.list_agents())
    except Unavailable:
        return False


def _tell(session: Session, address: str, inside: str, link: str | None, daemon: Child, agent: Child) -> None:
    data = places.data_folder()
    content = {"schema": "accio/v1", "address": address, "data": str(data), "web": link}
    session.answer(content, [address], lambda: out(f"accio is up at {address}; everything is kept in {data}"))
    sys.stdout.flush()
    for found in daemon.news((COMMITS_MISSING, SEAL_UNREADABLE)):
        session.say(f"WARNING: {found['reason']}; {found['what_now']}")
    if (started := agent.said(STARTED)) is not None:
        session.say(told_of_offers(started["of"]))
        for why in (*started["left_out"], *started.get("doubts", ())):
            session.say(why)
    if os.environ.get("ACCIO_DATA_DIR"):
        session.say(f"in another terminal: export ACCIO_DATA_DIR={shlex.quote(str(data))}")
    elif places.daemon_address({**os.environ, "ACCIO_ADDR": ""}) != inside:  # clusters.json names another
        session.say(f"in another terminal: export ACCIO_ADDR={shlex.quote(address)}")
    if link is not None:
        session.say(f"in a browser (this link logs in once, within 10 minutes): {link}")
    session.say("then: accio push WORKFLOW.json; accio submit RUN.json --wait; accio export RUN")
    session.say("Ctrl-C stops both; runs go on when they are up again")


def told_of_offers(of: Mapping[str, int]) -> str:
    """Return in a line what the agent offers: how many operators of each file and installed distribution."""
    if not of:
        return "the agent offers no operators: install a package that has some, or start it with --operators FILE"
    total = sum(of.values())
    sources = [f"{n} of {Path(each).name if Path(each).is_absolute() else each}" for each, n in of.items()]
    return f"the agent offers {total} operator{'s' * (total != 1)}: {', '.join(sources)}"


def _tell_of_edits(session: Session, agent: Child) -> None:
    """Show whoever edits code what the agent runs of it."""
    for found in agent.news((CODE_CHANGED, CODE_KEPT, CODE_RELOADED)):
        session.say(f"{found.get('of')}: {told_of_edit(found)}")


def told_of_edit(found: Mapping[str, Any]) -> str:
    """Return in a line what an edit has led to."""
    if found["event"] == CODE_CHANGED:
        return f"{CODE_CHANGED}; stop accio up and start it again to run them as they are now"
    if found["event"] == CODE_KEPT:
        return f"{CODE_KEPT} until that is mended: {' '.join(str(found.get('reason')).split())}"
    news = [
        f"{', '.join(names)} {what if len(names) == 1 else several}"
        for key, what, several in (
            ("changed", "runs as it is now", "run as they are now"),
            ("added", "is new", "are new"),
            ("removed", "is offered no more", "are offered no more"),
        )
        if (names := found.get(key))
    ]
    if not news:
        return "edited; nothing changes for its operators"
    differs = found.get("changed") or found.get("removed")
    end = ". What runs ends as it began; runs that wait for earlier code say so" if differs else ""
    return f"reloaded: {'; '.join(news)}{end}"


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped(INTERRUPTED if number == signal.SIGINT else SUCCESS)


@accio_command
@click.argument("file")
def backup(session: Session, file: str) -> None:
    """Copy the database of the running daemon to FILE on its machine, consistently and while it is in use.

    A name alone goes into the folder backups in its data folder; others must be allowed (accio daemon --backups).
    """
    with session.client() as client:
        found = client.backup(str(Path(file).absolute()) if os.sep in file else file)
    content = document({"path": found.path, "bytes": found.bytes, "problems": list(found.problems)})
    session.answer(content, [found.path], lambda: out(f"{found.path} ({size(found.bytes)})"))
    if found.problems:
        raise Internal(
            f"the copy was made, but the database is damaged: {'; '.join(found.problems)}. Keep earlier backups: "
            "`accio daemon check` says more once the daemon is stopped, `accio daemon restore FILE` goes back to one"
        )
