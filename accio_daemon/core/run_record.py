"""What a run is and how far it is, as one frozen record: what a restart, a view and a submission all know of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from accio.domain.children import OPEN, OWN, Counts, implied_state, is_within, total
from accio.domain.ids import RunId
from accio.domain.states import NodeState, RunState
from accio.domain.sweeps import Sweep
from accio_daemon.core.terms import CacheMode, RunNo


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A single run or a parent. Its progress is that of one that was just submitted, unless given."""

    no: RunNo
    id: RunId
    single: bool
    sweep: Sweep
    seed: int
    cache: CacheMode
    nice: bool = False
    state: RunState = RunState.SCHEDULED
    closed: int = OPEN
    cursor: int = 0
    removed: tuple[tuple[int, int], ...] = ()
    running: int = 0
    success: int = 0
    failed: int = 0
    killed: int = 0
    nodes_ended: Mapping[NodeState, int] = field(default_factory=dict)
    created_ms: int
    started_ms: int | None = None
    ended_ms: int | None = None

    @property
    def implied(self) -> RunState:
        """The state of a child that has no row."""
        return implied_state(self.closed)

    @property
    def present(self) -> int:
        """How many children there are, without deleted ones; with those that a study has yet to ask for."""
        return self.sweep.budget - total(self.removed)

    def has(self, index: int) -> bool:
        """Return whether there is such a child."""
        return 0 <= index < self.sweep.size and not is_within(self.removed, index)

    def name_of(self, index: int) -> str:
        """Return the id of a child, or of the run itself for its own nodes."""
        return self.id if self.single or index == OWN else f"{self.id}.{index}"

    @property
    def counts(self) -> Counts:
        """How many children there are in each state."""
        return Counts(
            present=self.present,
            closed=self.closed,
            running=self.running,
            success=self.success,
            failed=self.failed,
            killed=self.killed,
        )
