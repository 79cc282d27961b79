"""Who sees everything and says what must never be: the oracles of the simulation."""

from collections import Counter, defaultdict
from collections.abc import Iterable

import orjson

from accio.domain.children import OWN
from accio.domain.precision import Until, measure
from accio.domain.states import Cause, NodeState
from accio_daemon.core.commands import SubmitRun
from accio_daemon.core.effects import ATTEMPT_LOST, Effects
from accio_daemon.core.outgoing import Assignment
from accio_daemon.core.terms import RunNo
from accio_daemon.core.world import World
from accio_daemon.storage.codes import NODE_STATE_OF, NODE_STATES
from accio_daemon.storage.writing.rendering import Batch as Rows
from tests.simulator.caps import CapsKept, NiceStandBehind, RestrictionsKept
from tests.simulator.disk import Disk
from tests.simulator.events import Loop
from tests.simulator.gathering import expected_of_sweep
from tests.simulator.truth import expected
from tests.simulator.windows import WindowsKept

MAX_LOSSES = 3
DECIDED_WITHIN = 0.002
LEASE = 15.0
_FIRST = "SELECT n.idx, r.outputs FROM nodes n LEFT JOIN results r ON r.id = n.result WHERE n.run_no = ? AND n.node = 0"


class Violation(AssertionError):
    """Something happened that must never happen."""


def require(holds: bool, message: str) -> None:
    """Raise a Violation unless it holds."""
    if not holds:
        raise Violation(message)


class Judge:
    """Sees attempts begin and end, batches commit, and what clients were told."""

    def __init__(self, loop: Loop, disk: Disk) -> None:
        """Look at one disk."""
        self._loop = loop
        self._disk = disk
        self._begun: Counter[int] = Counter()
        self._finished: set[int] = set()
        self._died: set[int] = set()
        self._saved: set[int] = set()
        self._given_back: set[int] = set()
        self._ended_hosts: set[str] = set()
        self._copied: set[str] = set()  # agents; what one says that takes the other's place isn't what that one did
        self._lost: set[int] = set()
        self._deaths: Counter[str] = Counter()
        self._accepted: dict[tuple[int, int, int], int] = {}
        self._heard: dict[str, float] = defaultdict(lambda: -1e9)
        self._node: dict[int, str] = {}
        self._started = 0.0  # the daemon
        self._current: dict[int, str] = {}  # attempts that the daemon waited for lately, with their agents
        self._before_full: list[Effects] = []  # what had been decided when the disk was found full
        self._silence: dict[int, float] = {}  # of the agent of an attempt when the daemon gave that up
        self._caps, self._restrictions, self._nice = CapsKept(), RestrictionsKept(), NiceStandBehind()
        self._windows = WindowsKept()
        self.history = "history 1"
        self.restored = 0
        self.announced = 0  # windows of agents
        self.lent = 0  # how often an agent's folder served another daemon
        self.acked: dict[str, RunNo] = {}
        self.commands: dict[str, SubmitRun] = {}
        self.retried: set[int] = set()
        self.killed: set[int] = set()
        self.deleted: set[int] = set()

    # --- agents (Witness) -------------------------------------------------------------------------------------------

    def began(self, agent: str, sent: Assignment) -> None:
        """An attempt begins: once at most."""
        self._begun[sent.attempt] += 1
        self._node[sent.attempt] = sent.node
        require(self._begun[sent.attempt] == 1, f"attempt {sent.attempt} of {sent.node} began twice on {agent}")
        if sent.checkpoint is not None:
            saved = sent.checkpoint.attempt
            require(saved in self._saved and saved < sent.attempt, f"{sent.node} goes on from what {saved} didn't save")
            self._loop.note("a node went on from a checkpoint")

    def finished(self, agent: str, attempt: int) -> None:
        """An attempt's report is on the agent's disk."""
        self._finished.add(attempt)

    def died(self, agent: str, attempt: int, *, counts: bool) -> None:
        """An attempt died with its agent; it counts unless the end of the host may have been the cause.

        Nor if there are two of the agent: the other one may have taken its place, and doesn't know of the death.
        """
        self._died.add(attempt)
        if not counts or agent in self._copied:
            return
        self._deaths[self._node.get(attempt, "of another history")] += 1

    def acknowledged(self, attempt: int) -> None:
        """An agent may forget a report: what it led to must be durable."""
        open_still = self._disk.rows("SELECT 1 FROM executions WHERE attempt = ?", attempt)
        require(not open_still, f"the report of attempt {attempt} was acknowledged, and the database waits for it")

    def saved(self, attempt: int) -> None:
        """An attempt saved a checkpoint."""
        self._saved.add(attempt)

    def heard(self, agent: str) -> None:
        """The daemon heard an agent. It decides a moment later: until then what it heard before counts."""
        now = self._loop.now
        self._loop.after(2 * DECIDED_WITHIN, lambda: self._heard.__setitem__(agent, max(now, self._heard[agent])))

    # --- the daemon -------------------------------------------------------------------------------------------------

    def daemon_starts(self) -> None:
        """The daemon begins another life: what the one before decided, and didn't commit, never was."""
        self._started = self._loop.now
        self._current, self._silence, self._before_full = {}, {}, []
        self._caps, self._restrictions, self._nice = CapsKept(), RestrictionsKept(), NiceStandBehind()
        self._windows = WindowsKept()

    def before_commit(self, fx: Effects, rows: Rows, world: World) -> None:
        """A batch is about to be written: results are those of current attempts, losses are real."""
        if self._disk.lives_on_reserve and self._disk.is_full and not any(fx is each for each in self._before_full):
            require(not fx.results and not fx.submitted, "new work is written to the space that was set aside")
        for row in fx.results:
            current = self._disk.rows("SELECT attempt FROM executions WHERE id = ?", row.id)
            gone = not current and row.owner[0] in self.deleted  # its rows went with its run; the memo keeps the result
            require(
                gone or current == [(row.attempt,)], f"result of attempt {row.attempt} accepted, current is {current}"
            )
            require(row.attempt in self._finished, f"a result of attempt {row.attempt}, which never finished")
        for key, node in fx.nodes.items():
            if node is not None and node.state is NodeState.SUCCESS and node.result is not None:
                before = self._accepted.setdefault(key, node.result)
                require(before == node.result, f"node {key} had result {before}, then {node.result}")
        self._check_given_up(rows, {row.attempt for row in fx.results} | {row.id for row in fx.attempts}, world)

    def found_disk_full(self, decided: list[Effects]) -> None:
        """The disk is full, and what was set aside is given up: what was *decided* before may be written there, too."""
        self._before_full = decided

    def decided(self, fx: Effects, world: World) -> None:
        """Something was decided: losses are real, at the moment when they are decided; caps are kept."""
        require(not (problem := self._caps.violation(world)), problem)
        if self._caps.keep_waiting(world):
            self._loop.note("a cap kept nodes waiting")
        require(not (problem := self._restrictions.violation(world)), problem)
        if self._restrictions.keep_waiting(world):
            self._loop.note("agents of others kept nodes waiting")
        require(not (problem := self._nice.violation(world)), problem)
        if self._nice.keep_waiting(world):
            self._loop.note("nice nodes waited behind others")
        require(not (problem := self._windows.violation(world)), problem)
        if self._windows.keep_waiting(world):
            self._loop.note("a window kept nodes waiting")
        for no, name in self._current.items():
            if no not in world.by_attempt:
                self._silence[no] = self._silent_for(name)
        self._current = {no: each.agent.name for no, each in world.by_attempt.items() if each.agent is not None}
        for attempt in fx.attempts:
            if attempt.state == ATTEMPT_LOST and attempt.id not in self._lost:
                self._lost.add(attempt.id)
                self._check_loss(attempt.id, world.agents[attempt.agent_no].name, str(attempt.failure))

    def gave_back(self, reports: Iterable[tuple[int, object]]) -> None:
        """An agent said goodbye: what it hadn't handed over may be executed again."""
        self._given_back.update(attempt for attempt, _ in reports)

    def host_ended(self, agent: str) -> None:
        """An agent said that its host's time is over: what it had may be cut off at once."""
        self._ended_hosts.add(agent)

    def copied(self, agent: str) -> None:
        """There are two of an agent: while the one is silent, the other may take its place, without its work."""
        self._copied.add(agent)

    def _check_given_up(self, rows: Rows, told: set[int], world: World) -> None:
        """Work whose report is on the disk of an agent that is there, or not yet lost, isn't given up."""
        after: dict[int, int | None] = {row[0]: row[7] for row in rows.tables["executions"]}
        after |= {row[0]: row[5] for row in rows.tables["plain_executions"]}
        after |= {row[0]: None for row in rows.tables["ended_executions"]}
        for number, current in after.items():
            query = "SELECT attempt, agent_no, stopping, run_no, idx, node FROM executions WHERE id = ?"
            found = self._disk.rows(query, number)
            if not found:
                continue
            ((attempt, agent_no, stopping, *owner),) = found
            excused = attempt in told or attempt in self._given_back or stopping or agent_no not in world.agents
            excused = excused or _is_unwanted(rows, *owner)
            if excused or current == attempt or attempt not in self._finished:
                continue
            if world.agents[agent_no].name in self._copied:
                continue
            silence = self._silence.get(attempt)  # the agent may be back when what was decided is committed
            if silence is None:
                silence = self._silent_for(world.agents[agent_no].name)
            require(silence >= LEASE, f"attempt {attempt} has finished, and was given up")

    def _silent_for(self, agent: str) -> float:
        """Return how long the daemon heard nothing of an agent."""
        return self._loop.now - max(self._heard[agent], self._started)

    def _check_loss(self, attempt: int, agent: str, why: str) -> None:
        if "restarted under it" in why:
            knew = attempt not in self._finished or agent in self._copied
            require(knew, f"attempt {attempt} finished, and was counted as lost: {why}")
            self._loop.note("an agent came back without what it had begun")
            return
        silence = self._silent_for(agent)
        if str(Cause.WALLTIME) in why and agent in self._ended_hosts:
            self._loop.note("the end of a host cut work off")
            return
        require(silence >= LEASE - 0.001, f"{agent} was lost after {silence:.1f} s of silence: {why}")
        self._loop.note("a lease ended")

    def sends(self, sent: Assignment, world: World) -> None:
        """Work leaves the daemon: it is durable, and still meant."""
        execution = world.by_attempt.get(sent.attempt)
        require(execution is not None, f"attempt {sent.attempt} was sent, and isn't current any more")
        stored = self._disk.rows("SELECT 1 FROM executions WHERE attempt = ?", sent.attempt)
        require(bool(stored), f"attempt {sent.attempt} was sent before it was durable")

    def told(self, key: str, run: RunNo) -> None:
        """A client learns of its run: it is there, and there is one."""
        require(self.acked.setdefault(key, run) == run, f"submission {key} made runs {self.acked[key]} and {run}")
        require(run in self.deleted or self._exists(run), f"run {run} was acknowledged and isn't there")

    def _exists(self, run: int) -> bool:
        return bool(self._disk.rows("SELECT 1 FROM runs WHERE no = ?", run))

    # --- the end ----------------------------------------------------------------------------------------------------

    def at_the_end(self) -> None:
        """Everything that was acknowledged is there, once, and came to what it must."""
        ids = Counter(key for (key,) in self._disk.rows("SELECT key FROM submissions"))
        require(all(count == 1 for count in ids.values()), f"submissions with several runs: {ids}")
        runs = self._disk.rows("SELECT no, id FROM runs")
        require(
            len(runs) + len(self.deleted & set(self.acked.values())) <= len(self.acked) + len(self.deleted),
            f"{len(runs)} runs of {len(self.acked)} submissions",
        )
        for key, run in self.acked.items():
            if run in self.deleted:
                continue
            require(self._exists(run), f"acknowledged run {run} is gone")
            self._check_run(run, self.commands[key])
        outlived = self._disk.rows(
            "SELECT n.run_no, n.idx, n.node FROM checkpoints JOIN nodes n USING (run_no, idx, node) WHERE n.state = ?",
            NODE_STATES[NodeState.SUCCESS],
        )
        require(not outlived, f"checkpoints outlived the success of their nodes: {outlived}")
        for node, deaths in self._deaths.items():
            # The death that was under way at a backup, or before an agent served another daemon, counts no loss: the
            # agent comes back with empty hands.
            limit = (MAX_LOSSES + 1) * (1 + len(self.retried)) + self.restored + self.lent
            limit += self.announced  # and a death during a window, once each
            require(deaths <= limit or not self.poisonous(node), f"{node} took {deaths} agents along")

    def poisonous(self, node: str) -> bool:
        """Return whether a node kills its agents (others may die with theirs, uncounted after a goodbye)."""
        return node.endswith("/Poison")

    def _check_run(self, run: int, command: SubmitRun) -> None:
        sweep = command.definition.sweep
        removed = run in self.deleted
        differs = sweep.until is not None  # what it gathers lacks what was spared
        spared = self._spared(run)
        if sweep.until is not None and not {run} & (self.killed | self.deleted | self.retried):
            self._check_points(run, command, sweep.until)
        for index in range(sweep.size):
            if index in spared:
                continue
            wanted = expected(command, index)
            rows = self._rows(run, index)
            if run in self.killed and not rows:
                differs = True
                continue
            rows = {no: row for no, row in rows.items() if no < len(wanted)}
            require(len(rows) == len(wanted) or removed, f"run {run}.{index} has nodes {rows}")
            excused = run in self.killed
            for no, (state, text) in enumerate(wanted):
                found, outputs, cause = rows[no]
                excused = self._check_node(f"{run}.{index}/{no}", (state, text), (found, outputs, cause), excused)
                differs = differs or excused or found is not state
        self._check_own(run, command, differs)

    def _rows(self, run: int, index: int) -> dict[int, tuple[NodeState, str | None, str | None]]:
        """Read the nodes of a child, or of the sweep itself."""
        return {
            no: (NODE_STATE_OF[state], outputs, cause)
            for no, state, outputs, cause in self._disk.rows(
                "SELECT n.node, n.state, r.outputs, n.cause FROM nodes n LEFT JOIN results r ON r.id = n.result "
                "WHERE n.run_no = ? AND n.idx = ?",
                run,
                index,
            )
        }

    def _check_own(self, run: int, command: SubmitRun, differs: bool) -> None:
        """Compare the node that gathers; what *differs* among the children may show there."""
        own = expected_of_sweep(command)
        if own is None:
            return
        place, state, text = own
        single = command.definition.sweep.is_single
        rows = self._rows(run, 0 if single else OWN)
        if single:  # its nodes are all in one place
            rows = {no: row for no, row in rows.items() if no == place}
        if differs and not rows:
            return
        require(rows.keys() == {place}, f"run {run} itself has nodes {rows}")
        found, outputs, cause = rows[place]
        if not differs:
            self._check_node(f"{run}/{place}", (state, text), (found, outputs, cause), False)

    def _spared(self, run: int) -> set[int]:
        ((removed,),) = self._disk.rows("SELECT removed FROM runs WHERE no = ?", run)
        return {index for first, last in orjson.loads(removed) for index in range(first, last + 1)}

    def _check_points(self, run: int, command: SubmitRun, until: Until) -> None:
        """Each point has the repetitions that its own results, as they are stored, ask for."""
        sweep = command.definition.sweep
        found: dict[int, float] = {}
        rows = dict(self._disk.rows(_FIRST, run))
        for index, outputs in rows.items():
            if outputs is not None:
                found[index] = float(orjson.loads(orjson.loads(outputs)[until.port]))
        for point in range(sweep.points):
            begun: int | None = until.least
            while begun is not None:
                members = range(point * sweep.repeat, point * sweep.repeat + begun)
                following = until.next(begun, sweep.repeat, measure([found[i] for i in members if i in found]))
                self._loop.note("a point was repeated more often" if following else "a point was precise, or had all")
                if following is None:
                    there = [i for i in range(members.start, members.start + sweep.repeat) if i in rows]
                    require(there == list(members), f"run {run}, point {point}: {there}, expected {list(members)}")
                begun = following

    def _check_node(
        self,
        name: str,
        wanted: tuple[NodeState, str | None],
        row: tuple[NodeState, str | None, str | None],
        excused: bool,
    ) -> bool:
        """Compare one node; return whether its successors may differ."""
        state, text = wanted
        found, outputs, cause = row
        if found is NodeState.SUCCESS:
            require(outputs is not None and str(text)[1:-1] in outputs, f"{name}: {outputs}, expected {text}")
            require(state is NodeState.SUCCESS, f"{name} succeeded, expected {state}")
            return excused
        if found in (NodeState.LOST, NodeState.FAILED) and Cause.LOST_AGENT.value in str(cause):
            self._loop.note("a node was lost")  # failed: it shared the execution
            return True
        if excused and found in (NodeState.KILLED, NodeState.CANCELLED):
            return True
        require(found is state, f"{name} is {found}, expected {state}: {cause}")
        return excused


def _is_unwanted(rows: Rows, run: int, index: int, node: int) -> bool:
    """Whether the same batch deletes a node, or ends it without a result, so that nobody wants its execution."""
    ended = {tuple(row[:3]) for row in rows.tables["nodes"] if NODE_STATE_OF[row[3]] is not NodeState.SUCCESS}
    return run in rows.removed_runs or (run, index) in rows.removed_instances or (run, index, node) in ended
