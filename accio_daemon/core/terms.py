"""What everything in the core is told in: numbers, moments, pins, operator versions, results. Nothing here changes."""

from collections.abc import Mapping
from typing import NamedTuple, NewType

from accio.domain.cache_mode import CacheMode as CacheMode
from accio.domain.datatypes import DataType
from accio.domain.ids import AttemptNo as AttemptNo
from accio.domain.operators import OperatorSpec
from accio.domain.precision import Measured
from accio.late import dataclass

RunNo = NewType("RunNo", int)
AgentNo = NewType("AgentNo", int)
SessionNo = NewType("SessionNo", int)
ExecutionNo = NewType("ExecutionNo", int)


class Place(NamedTuple):
    """Where a node stands in the queue: first come, then enumeration order."""

    sequence: int
    child: int
    node: int


class Result:
    """A success: its outputs, in the form that successors, the memo and the database share. Never changed once made."""

    __slots__ = ("blobs", "id", "outputs")

    def __init__(
        self, *, id: ExecutionNo, outputs: Mapping[str, str], blobs: Mapping[str, tuple[str, int]] | None = None
    ) -> None:
        self.id = id
        self.outputs = outputs  # canonical JSON by port
        self.blobs = blobs or None  # ports kept as blobs: digest, size

    def __repr__(self) -> str:
        return f"Result({self.id}, {dict(self.outputs)})"


@dataclass(frozen=True, slots=True)
class Gather:
    """What a node gathers: an output of all children of a sweep, by the place of its node in the graph."""

    node: int
    port: str
    type: DataType  # that of the values together: a list, or a dataset, which is a folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What was gathered: canonical text, or the blob that holds it if that is long."""

    text: str | None = None
    blob: tuple[str, int] | None = None  # digest and size
    count: int  # of the children whose values are in it


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What was decided last about a point that is repeated until precise."""

    repetitions: int  # that may begin, or all that there are if it has ended
    ended: bool  # whether it gets no more
    measured: Measured  # what it was decided by


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """A moment: wall clock for people, monotonic clock for every decision."""

    wall_ms: int
    mono: float  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """The content that a dataset text of a run stands for."""

    digest: str  # "blake3:HEX"
    size: int  # bytes
    name: str = ""  # of a file that came out of a node, for an artifact's text; a path says it itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What an attempt of a node saved for the next one."""

    digest: str  # "blake3:HEX" of a folder
    size: int  # bytes
    number: int  # of the attempt among those of its node, from 1
    saved_ms: int  # epoch, by the agent's clock
    attempt: AttemptNo  # the same attempt by its number in the database
    basis: bytes  # what it was computed from: operator, inputs and seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """An operator version under the number that the database gave it."""

    no: int
    spec: OperatorSpec
