"""How an attempt ended, in the agent's own words; `messages` turns it into a Report of the contract."""

from dataclasses import dataclass, field

from accio.domain.failures import Failure


@dataclass(slots=True, kw_only=True)
class Outcome:
    """Outputs or a failure, and what it cost. Not frozen, as thousands a second are made; nobody changes one."""

    outputs: dict[str, str] | None = None  # canonical JSON by port; None if it failed
    failure: Failure | None = None
    large: tuple[tuple[str, str, int], ...] = ()  # port, digest and size of each output that is kept as a blob
    contents: tuple[tuple[str, int], ...] = ()  # digest and size of each dataset among the outputs
    wall_us: int = 0
    user_us: int = 0
    system_us: int = 0
    peak_memory: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    metrics_json: str = ""
    started_ms: int = 0  # epoch
    ended_ms: int = 0  # epoch
    log_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a worker needs to execute one attempt. Opaque to the core."""

    inputs_json: str
    seed: int | None = None
    node: str = ""  # "RUN/NODE"
    number: int = 1
    contents: tuple[tuple[str, str], ...] = ()  # dataset text, pinned digest
    large: tuple[tuple[str, str, int], ...] = ()  # port, digest and size of each input that is kept as a blob
    gpus: tuple[int, ...] = field(default=())
