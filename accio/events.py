"""Events of the logs that other processes read, by their names."""

CODE_CHANGED = "the code of operators has changed on disk; they run as they were"
"""Of an agent, with `of`, where they come from; `accio up` shows it."""
