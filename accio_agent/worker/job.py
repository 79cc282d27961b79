"""One attempt as a worker sees it, and what comes of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from pathlib import Path

from accio.domain.failures import Failure
from accio.domain.series import Series
from accio.late import dataclass
from accio_agent.protocol.doubts import Doubt


@dataclass(slots=True, kw_only=True)
class Job:
    """One attempt, as the worker sees it."""

    attempt: int
    operator: str
    inputs_json: str
    seed: int | None
    node: str
    number: int
    datasets: Mapping[str, str]  # dataset text to a path of this machine
    large: Mapping[str, str]  # port to the digest of its canonical JSON, which the store has
    folder: Path
    store: str  # folder of the store that has large inputs and takes outputs
    send: Callable[[bytes], None]  # writes a frame to the agent
    offer: Callable[[bytes], bool]  # puts a frame where the agent looks now and then; False if there is no room
    checkpoint: tuple[str, int] | None = None  # digest of what an earlier attempt saved, and which one


@dataclass(slots=True, kw_only=True)
class Done:
    """What came of it."""

    outputs: dict[str, str] | None = None  # canonical JSON by port; None if it failed
    failure: Failure | None = None
    large: Sequence[tuple[str, str, int]] = ()  # port, digest, size
    contents: Sequence[tuple[str, int]] = ()  # digest, size
    metrics_json: str = ""
    bytes_in: int = 0
    bytes_out: int = 0
    series: Mapping[str, Series] = field(default_factory=dict)
    disk_full: bool = False  # whether it failed for want of space here
    spent: str = ""  # why the worker must end after it
    doubts: Sequence[Doubt] = ()  # what it may have read that isn't what was announced

    @property
    def is_plain(self) -> bool:
        """Whether a success says nothing but its outputs, none of which is a dataset or kept as a blob."""
        return not (self.large or self.contents or self.metrics_json or self.series)
