"""Whether operators can't have changed the process: their code names nothing by which that could be done.

Looking at everything after each execution costs tens of microseconds, which is much beside an operator that does next
to nothing. Most of those use a few modules that only compute. Runs in worker processes.
"""

import sys
from collections.abc import Set

_COMPUTING = frozenset(
    {
        "abc", "accio", "base64", "bisect", "builtins", "cmath", "collections", "collections.abc", "contextlib",
        "copy", "dataclasses", "datetime", "enum", "functools", "hashlib", "heapq", "itertools", "json", "math",
        "numbers",
        "operator", "os", "os.path", "pathlib", "posixpath", "random", "re", "statistics", "string", "struct",
        "textwrap", "time", "types", "typing", "typing.re", "uuid", "zlib",
    }
)  # fmt: skip
_POWERS = frozenset(
    {
        "__builtins__", "__dict__", "__globals__", "__import__", "__loader__", "__spec__", "chroot", "compile", "dup2",
        "eval", "exec", "fork", "forkpty", "initgroups", "nice", "plock", "posix_spawn", "putenv", "sched_setaffinity",
        "sched_setparam", "sched_setscheduler", "setegid", "seteuid", "setgid", "setgroups", "setns", "setpriority",
        "setregid", "setresgid", "setresuid", "setreuid", "setuid", "sys", "tzset", "unsetenv", "unshare",
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
        and (words & sys.stdlib_module_names) <= _COMPUTING
        and all(name in _COMPUTING or name.startswith(("accio.", "accio_agent.")) for name in modules)
    )
