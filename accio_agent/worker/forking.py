"""Whether workers may be forked off a template that has imported its operators: runs in templates.

A fork copies one thread. What the others held, a lock above all, stays as it is in the copy for ever, unless whoever
started them provides for forks. Some libraries do: OpenBLAS ends its threads before each fork and starts them again
when it next computes, jemalloc (within Arrow) takes its own locks around it.
"""

import os
import threading

from accio_agent import linux

_PREPARED_FOR_FORKS = {"jemalloc_bg_thd"}
"""Names of threads that outlast forks in the parent, and whose library provides for its copy (pthread_atfork)."""


def may_fork() -> bool:
    """Return whether nothing but threads whose libraries provide for forks runs beside the caller.

    Which ones end before a fork, a fork shows: its child exits at once.
    """
    if threading.active_count() > 1:
        return False
    if linux.thread_count() == 1:
        return True
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return len([name for name in linux.thread_names() if name not in _PREPARED_FOR_FORKS]) == 1
