"""Whether operators can't have changed the process: their code names nothing by which that could be done.

Looking at everything after each execution costs tens of microseconds, which is much beside an operator that does next
to nothing. Most of those use a few modules that only compute. Runs in worker processes.
"""

import sys
from collections.abc import Set

from accio_agent.worker.restoring.computing_modules import COMPUTING

_HARMLESS = COMPUTING | {
    "accio", "builtins", "collections.abc", "contextlib", "os", "os.path", "pathlib", "posixpath", "random",
    "statistics", "types", "typing.re", "uuid",
}  # fmt: skip
"""What these change besides is looked at and put back after each execution: files, environment, random generators."""

_POWERS = frozenset(
    {
        "__builtins__", "__dict__", "__globals__", "__import__", "__loader__", "__spec__", "chroot", "compile", "dup2",
        "eval", "exec", "fork", "forkpty", "initgroups", "nice", "plock", "posix_spawn", "putenv", "register",
        "sched_setaffinity", "sched_setparam", "sched_setscheduler", "setegid", "seteuid", "setgid", "setgroups",
        "setns", "setpriority", "setregid", "setresgid", "setresuid", "setreuid", "setuid", "sys", "tzset",
        "unsetenv", "unshare",
    }
)  # fmt: skip
"""Words of the modules above, and of the interpreter, that lead further."""


def is_plain(words: Set[str], modules: Set[str]) -> bool:
    """Return whether code that uses these words, and names these of the loaded modules, can but compute.

    A word that is the name of a module of the standard library counts also where that isn't loaded yet: those that are
    built into the interpreter come without notice.
    """
    return (
        words.isdisjoint(_POWERS)
        and (words & sys.stdlib_module_names) <= _HARMLESS
        and all(name in _HARMLESS or name.startswith(("accio.", "accio_agent.")) for name in modules)
    )
