"""Events of the logs that other processes read, by their names."""

CONNECTED = "connected"
"""Of an agent, once a daemon has taken it up; `accio up` waits for it."""

CODE_CHANGED = "the code of operators has changed on disk; they run as they were"
"""Of an agent, with `of`, where they come from; `accio up` shows it."""
