"""RUN, RUN/NODE and RUN/NODE/PORT on the command line."""

import click


def run_and_node(words: tuple[str, ...], usage: str) -> tuple[str, str | None]:
    """Return the run and perhaps the node that `RUN`, `RUN/NODE` or `RUN NODE` name."""
    parts = [part for word in words for part in word.split("/", 1)]
    if not 1 <= len(parts) <= 2 or not all(parts):
        raise click.UsageError(f"expected {usage}, found {' '.join(words)!r}")
    return parts[0], parts[1] if len(parts) == 2 else None


def artifact(word: str) -> tuple[str, str, str]:
    """Return the run, node and port that `RUN/NODE/PORT` (perhaps after `accio:`) names."""
    parts = word.removeprefix("accio:").split("/")
    if len(parts) != 3 or not all(parts):
        raise click.UsageError(f"expected RUN/NODE/PORT, found {word!r}")
    return parts[0], parts[1], parts[2]
