"""An agent that root starts and that works as another user (`--user`): operators can't get at its secrets then.

The agent reads its token as root, and gives up root's rights for all else: its real and effective user are the other
one, and whatever it starts is that user's by the rules of exec. Root stays its saved user alone, which is what keeps
programs of the same user from tracing it and from reading its memory (ptrace(2)), and what lets it read the token
again when it has been exchanged.
"""

import os
import pwd
import subprocess
from collections.abc import Callable
from functools import partial

from accio import places, sockets
from accio.errors import FailedPrecondition
from accio.interpreter import python
from accio.late import dataclass
from accio_agent import linux
from accio_agent.agent.workers.environment import worker_environment

_ROOT = 0
_ROOTS_FOLDERS = ("ACCIO_DATA_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR")
"""Variables that name folders of root's, where the other user has no business."""


@dataclass(frozen=True, slots=True)
class SystemUser:
    """A user of this machine."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


def work_as(name: str, address: str) -> Callable[[], str | None]:
    """Become the user *name* for the rest of this process; return what reads the token for the daemon at *address*.

    Call it before there are threads. FailedPrecondition if that can't be done, or if an agent of that user's couldn't
    work.
    """
    if os.geteuid() != _ROOT:
        raise FailedPrecondition(
            f"--user {name} needs root, and this agent is {sockets.user_name(os.geteuid())}'s: start it as root, "
            f"or as that user and without --user: sudo -u {name} accio agent"
        )
    user = find_user(name)
    if sockets.socket_path(address) is not None:
        raise FailedPrecondition(
            f"--user {name}: the daemon listens at {address}, a socket for its own user alone; start it with --listen "
            "HOST:PORT, write a join file (accio daemon join-file), and give that to the agent (--join)"
        )
    find_token = partial(places.find_token, dict(os.environ))
    _become(user)
    _require_python(user)
    return lambda: _with_files_of_root(find_token)


def find_user(name: str) -> SystemUser:
    """Find a user of this machine; FailedPrecondition if there is none of this name, or it is root."""
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        raise FailedPrecondition(f"--user: this machine has no user {name!r}") from None
    if found.pw_uid == _ROOT:
        raise FailedPrecondition(f"--user {name}: operators must not run as root; name another user, or leave it out")
    groups = tuple(os.getgrouplist(found.pw_name, found.pw_gid))
    return SystemUser(name=found.pw_name, uid=found.pw_uid, gid=found.pw_gid, groups=groups, home=found.pw_dir)


def _become(user: SystemUser) -> None:
    os.setgroups(user.groups)
    os.setresgid(user.gid, user.gid, user.gid)
    os.setresuid(user.uid, user.uid, _ROOT)
    linux.refuse_tracing()
    for name in _ROOTS_FOLDERS:
        os.environ.pop(name, None)
    os.environ |= {"HOME": user.home, "USER": user.name, "LOGNAME": user.name}


def _require_python(user: SystemUser) -> None:
    """Raise FailedPrecondition unless the user can run what workers are."""
    command = python("accio_agent.worker.template")  # as a program it does nothing
    try:
        done = subprocess.run(
            command, env=worker_environment(1), stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        problem = done.stderr.decode(errors="replace").strip().rpartition("\n")[2] if done.returncode else ""
    except OSError as error:
        problem = f"{error.strerror}: {command[0]}"
    if problem:
        raise FailedPrecondition(
            f"--user {user.name}: this user can't run Accio's workers ({problem}); install Accio where everybody can "
            "read it, such as below /opt"
        )


def _with_files_of_root(read: Callable[[], str | None]) -> str | None:
    """Read with root's rights to files, which the calling thread alone has meanwhile."""
    own = linux.access_files_as(_ROOT)
    try:
        return read()
    finally:
        linux.access_files_as(own)
