"""What doesn't look right about a pool, as far as it can be seen from here: told before any host is asked for.

Some of it is wrong for certain. Some of it may be right on the hosts, which see other files than this machine.
"""

import os
import shlex
import shutil
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from accio.domain.names import suggest
from accio.late import dataclass
from accio_pool.config import PoolConfig

_BATCH = ("slurm", "sge", "pbs")
_USES = {
    "local": frozenset[str](),
    **dict.fromkeys(_BATCH, frozenset({"options", "directives", "leave_out", "before"})),
    "ssh": frozenset({"hosts", "directives", "before"}),
    "kubernetes": frozenset({"options", "directives", "before", "pod"}),
}
"""Which keys that are for some engines alone each of our providers looks at; those of packages may look at all."""
_SOME_USE = ("options", "directives", "leave_out", "before", "hosts", "pod")
_OWN_OF_EACH_HOST = ("/tmp", "/var/tmp", "/dev/shm", "/run")  # noqa: S108 - folders that aren't shared
_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a key that doesn't look right; *certain* if no host could make it right."""

    key: str
    message: str
    certain: bool = True


def findings(pool: PoolConfig, submission: Sequence[str]) -> list[Finding]:
    """Return what doesn't look right; *submission* are the words of the engine's command, if there is one."""
    looks: list[Callable[[], Iterator[Finding]]] = [lambda: _unused(pool), lambda: _left_out(pool, submission)]
    if pool.spec.provider in _BATCH:
        looks += [lambda: _walltime(pool), lambda: _folder(pool)]
    if pool.spec.provider in (*_BATCH, "local"):
        looks += [lambda: _join(pool), lambda: _command(pool), lambda: _operators(pool)]
    return [found for look in looks for found in look()]


def _unused(pool: PoolConfig) -> Iterator[Finding]:
    provider = pool.spec.provider
    used = _USES.get(provider, frozenset(_SOME_USE))
    for key in _SOME_USE:
        if getattr(pool, key) and key not in used:
            of = ", ".join(name for name, keys in _USES.items() if key in keys)
            yield Finding(key, f"expected none with the provider {provider}, which doesn't look at it: it is for {of}")


def _left_out(pool: PoolConfig, submission: Sequence[str]) -> Iterator[Finding]:
    if pool.spec.provider not in _BATCH:
        return
    options = {word.partition("=")[0] for word in submission if word.startswith("-")}
    known = options | {"--array", "-t", "-J", "--mem", "--gpus-per-node", "--exclude"}
    for word in pool.leave_out:
        if word not in known:
            meant = suggest(word, known)
            hint = f"; did you mean {meant}?" if meant else ""
            yield Finding("leave_out", f"expected options that would be submitted, found {word!r}, which isn't{hint}")


def _walltime(pool: PoolConfig) -> Iterator[Finding]:
    walltime = pool.spec.walltime
    if walltime is not None and walltime < _MINUTE:
        yield Finding(
            "walltime",
            f"expected a minute at least, found {walltime:g} s; numbers without a unit are milliseconds: "
            'say "4h" or "30m"',
        )


def _folder(pool: PoolConfig) -> Iterator[Finding]:
    if not pool.folder:
        return
    folder = Path(pool.folder).expanduser()
    if any(folder.is_relative_to(each) for each in _OWN_OF_EACH_HOST):
        yield Finding(
            "folder",
            f"expected one that this machine and all hosts share, found {pool.folder}, which each has for itself: jobs "
            "wouldn't find their tokens there; leave it out, or name one on the shared file system",
            certain=False,
        )
    above = next(each for each in (folder, *folder.parents) if each.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        yield Finding(
            "folder", f"expected one that can be written, found {pool.folder}: {above} can't be; name another"
        )
    elif above == Path("/"):
        yield Finding(
            "folder", f"there is no {folder.parts[1]} at /: is {pool.folder} spelt as hosts see it?", certain=False
        )


def _join(pool: PoolConfig) -> Iterator[Finding]:
    if not pool.join:
        return
    file = Path(pool.join).expanduser()
    if not file.exists():
        yield Finding(
            "join",
            f"expected a join file that hosts see, found nothing at {pool.join} on this machine; "
            f"`accio daemon join-file --no-token {pool.join}` makes it, on the daemon's machine",
            certain=False,
        )
    elif file.stat().st_mode & 0o077:
        yield Finding(
            "join", f"expected a file for its owner alone, found {pool.join}, which others can read: chmod 600 it"
        )


def _command(pool: PoolConfig) -> Iterator[Finding]:
    program = (shlex.split(pool.command) or [""])[0] if pool.command else ""
    if not program or (not program.startswith("/") and pool.before):  # which may make it known
        return
    if shutil.which(program) is None:
        yield Finding(
            "command",
            f"expected a program that hosts can start, found no {program} on this machine; name it by the path that "
            "hosts see",
            certain=False,
        )


def _operators(pool: PoolConfig) -> Iterator[Finding]:
    words = [word for option in pool.agent for word in option.split("=", 1)]
    for option, value in pairwise(words):
        if option.lstrip("-") == "operators" and value.startswith(("/", "~")) and not Path(value).expanduser().exists():
            yield Finding(
                "agent",
                f"expected operators in a file that hosts see, found nothing at {value} on this machine",
                certain=False,
            )
