"""Events of the logs that other processes read, by their names."""

STARTED = "agent started"
"""Of an agent, with `of`: how many operators it offers of each file and distribution, and `left_out`: why it
offers nothing of some; `accio up` shows both."""

CONNECTED = "connected"
"""Of an agent, once a daemon has taken it up; `accio up` waits for it."""

COMMITS_MISSING = "the database lacks what had been committed"
"""Of a daemon, with the `reason` and `what_now`; `accio up` shows it, and the next one."""

SEAL_UNREADABLE = "how far the database had come can't be read"
"""Of a daemon, with the `reason` and `what_now`."""

CODE_CHANGED = "the code of operators has changed on disk; they run as they were"
"""Of an agent, with `of`, where they come from; `accio up` shows it, as it does the following two."""

CODE_RELOADED = "the code of operators has changed on disk; they run as they are now"
"""Of an agent that reloads, with the names of the operators that have `changed`, were `added` and were `removed`."""

CODE_KEPT = "the code of operators has changed on disk, but can't be loaded; they run as they were"
"""Of an agent that reloads, with the `reason`."""
