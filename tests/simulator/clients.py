"""Who asks the simulated daemon for something, again and again until the answer comes: runs, kills, retries."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from accio.domain.precision import Until
from accio.errors import ResourceExhausted
from accio_daemon.core.commands import DeleteRun, KillRun, RetryRun, SubmitRun, Submitted
from accio_daemon.core.terms import Announced, RunNo
from tests import builders
from tests.simulator.caps import is_nice, owner_of
from tests.simulator.gathering import with_join
from tests.simulator.judge import require
from tests.simulator.truth import OPERATORS

if TYPE_CHECKING:
    from tests.simulator.simulation import Simulation

RESERVED_WITHIN = 5.0
LONGEST_COMMIT = 3.0
"""Seconds that a commit takes at most. Somebody may stand behind two: one under way, one that was decided."""

# What a few values of 64 bits come to, or don't.
_UNTIL = Until(node="A", port="data", ci95=0.8, relative=True, least=2)
_MOST = 9

SHAPES: tuple[dict[str, list[str]], ...] = (
    {"A": []},
    {"A": [], "B": ["A"]},
    {"A": [], "B": [], "C": ["A", "B"]},
    {"A": [], "B": ["A"], "C": ["A"], "D": ["B", "C"]},
)


class Clients:
    """All clients of one story."""

    def __init__(self, story: "Simulation", numbers: dict[str, int]) -> None:
        """Know the operators by their *numbers* at the daemon."""
        self.busy = 0  # how many wait for an answer to something other than a submission
        self._story = story
        self._loop = story.loop
        self._disk = story.disk
        self._judge = story.judge
        self._off = story.off
        self._numbers = numbers
        self._next_id = 1

    def submit(self, key: str) -> None:
        """Submit a run, again and again until the answer arrives."""
        if key not in self._judge.commands:
            self._judge.commands[key] = self._submission(key)
        if key in self._judge.acked:
            return
        command = self._judge.commands[key]
        if "idempotency key" in self._off:
            command = replace(command, idempotency=None)
        number = self._next_id = self._next_id + 1
        known = self._disk.rows("SELECT run_no FROM submissions WHERE key = ?", key)
        if known and "idempotency key" not in self._off:  # the service looks there before it asks the core
            self._told(key, RunNo(known[0][0]))
        else:
            self._story.ask(
                replace(command, id=builders.run_id(number)), partial(self._answered_submit, key), self._refused_submit
            )
        self._loop.after(self._loop.between(1.0, 4.0), partial(self.submit, key))

    def _answered_submit(self, key: str, answer: Submitted) -> None:
        if self._story.faults and self._loop.chance(0.3):
            self._loop.note("a client lost its answer")
            return
        self._told(key, answer.no)

    def _refused_submit(self, error: BaseException) -> None:
        if isinstance(error, ResourceExhausted):
            self._loop.note("a request was refused for want of space")

    def _told(self, key: str, run: RunNo) -> None:
        first = key not in self._judge.acked
        self._judge.told(key, run)
        if first:
            self._plan_more(run, self._judge.commands[key])

    def _submission(self, key: str) -> SubmitRun:
        random = self._loop.random
        shape = random.choice(SHAPES)
        names = list(shape)
        ops = {random.choice(names): random.choice(("Random", "Flaky", "Secret", "Large", "Step", "Step"))}
        last = random.choice(names)
        if self._loop.chance(0.15):
            ops[last] = "Wrong"
        elif self._loop.chance(0.12):
            shape, ops = {"Poison": []}, {"Poison": "Poison"}
        workflow = builders.graph(shape, op=ops, swept=random.choice(((), ("A",), ("B",), ("A", "B"))), labels=None)
        if ops.get("Poison") is None and self._loop.chance(0.3):
            workflow = with_join(workflow, random.choice(names), partial=self._loop.chance(0.5))
        specs = {spec.name: spec for spec in OPERATORS}
        children = random.choice((1, 1, 2, 6, 12))
        sweep = builders.sweep_of(children)
        if children == 2 and "A" in shape:  # without another draw: what else happens stays what it was
            sweep = builders.sweep_of(children, repeat=_MOST).repeated_until(_UNTIL)
        return SubmitRun(
            id=builders.run_id(0),
            definition=builders.definition(workflow, sweep=sweep, nice=is_nice(key)),
            workflow_no=self._disk.add_workflow(workflow),
            workflow=workflow,
            operators=tuple(Announced(no=self._numbers[node.op], spec=specs[node.op]) for node in workflow.graph),
            owner_name=owner_of(key).name,
            owner_email="",
            seed=random.choice((1, 2, 3)),
            idempotency=("Ada", key, key.encode()),
        )

    def _plan_more(self, run: RunNo, command: SubmitRun) -> None:
        """Plan what else the client does with its run."""
        if not self._story.faults or command.workflow.graph[0].op == "Poison":
            return
        roll = self._loop.random.random()
        if roll < 0.12:
            self._judge.killed.add(run)
            self._insist(run, KillRun(run=run), f"kill {run}")
        elif roll < 0.2:
            self._judge.deleted.add(run)
            self._insist(run, DeleteRun(run=run), f"delete {run}")
        elif roll < 0.35:
            self._judge.retried.add(run)
            self._insist(run, RetryRun(run=run), f"retry {run}")

    def _insist(self, run: RunNo, command: KillRun | DeleteRun | RetryRun, what: str) -> None:
        """Ask until the answer arrives."""
        self.busy += 1
        done: list[bool] = []

        def answered(_: Any) -> None:
            if not done:
                done.append(True)
                self.busy -= 1

        def refused(error: BaseException) -> None:
            if isinstance(error, ResourceExhausted):
                self._loop.note("a request was refused for want of space")
            else:
                answered(None)

        began = self._story.restored

        def ask() -> None:
            if not done and began != self._story.restored:
                answered(None)  # its run is gone, or another one has its number
            if done:
                return
            self._story.ask(command, answered, refused)
            if not isinstance(command, RetryRun):
                self._expect_despite_full_disk(what, done)
            self._loop.after(self._loop.between(1.0, 4.0), ask)

        self._loop.after(self._loop.between(0.1, 12.0), ask)

    def _expect_despite_full_disk(self, what: str, done: list[bool]) -> None:
        """What frees space is stored in space that was set aside."""
        if not self._disk.has_reserve or self._loop.now < self._story.slow_until:
            return
        moment = self._disk.filled

        def check(patience: float) -> None:
            if self._disk.has_reserve and self._disk.filled == moment and not self._story.slow_until and not done:
                require(patience > 0, f"{what}: not stored, though space was set aside for it")
                self._story.in_this_life(patience, partial(check, 0.0))
            if done:
                self._loop.note("space that was set aside was used")

        self._story.in_this_life(RESERVED_WITHIN, partial(check, 3 * LONGEST_COMMIT - RESERVED_WITHIN))

    def free_space(self) -> None:
        """Somebody notices that the disk is full, and kills what fills it."""
        if not self._disk.is_full:
            return
        judge = self._judge
        runs = sorted(set(judge.acked.values()) - judge.killed - judge.deleted - judge.retried)
        if runs and self._story.faults and self._loop.chance(0.7):
            run = self._loop.random.choice(runs)
            judge.killed.add(run)
            self._insist(run, KillRun(run=run), f"kill {run}")
