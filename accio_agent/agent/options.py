"""What an agent was told on its command line."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line said; None stands for what is found out."""

    daemon: str | None = None
    operators: tuple[str, ...] = ()
    name: str | None = None
    state_dir: Path | None = None
    milli_cpus: int | None = None
    memory: int | None = None
    disk: int | None = None
    gpus: int | None = None
    custom: tuple[tuple[str, int], ...] = ()
    grace_s: float = 30.0
    installed: bool = True
    metrics: str = ""  # HOST:PORT; empty for nowhere
