"""A cluster in one process that really executes operators, whose source and whose input files are edited on disk.

The daemon's core and storage are the real ones, and so are the analysis of the operators' code, their execution and the
digests of datasets. An agent is restarted when the code has changed, as an agent must be.
"""

import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import orjson

from accio.content.reading import digest_dataset
from accio.content.signatures import SqliteSignatureCache
from accio.domain.axes import Axis
from accio.domain.jsontext import json_string
from accio.domain.operators import OperatorSpec
from accio.domain.resources import Resources
from accio.domain.series import Series
from accio.domain.states import NodeState
from accio.domain.sweeps import Sweep
from accio.domain.workflows import Workflow
from accio.sdk.digest import combine, full_hash
from accio.sdk.execution import Finished, Request
from accio.sdk.loading import load
from accio.sdk.run import Operator, run_operator
from accio_agent import clock
from accio_daemon.core.commands import AgentLost, PathsDigested, SubmitRun, Submitted
from accio_daemon.core.on_agents import identity_of
from accio_daemon.core.terms import Announced, CacheMode, Pin
from accio_daemon.core.world import Settings
from accio_daemon.storage.codes import NODE_STATE_OF
from tests import builders
from tests.fakes import FakeAgent, FakeClock
from tests.simulator.daemon import Daemon
from tests.simulator.disk import Disk
from tests.unit.sdk.packages import described, write

TWINS = ("Plus", "Minus")


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """The text of the operators' package, as its author leaves it after an edit."""

    factor: int = 2  # in a helper that is two calls away from Scale
    sign: str = "+"  # in the body of Shift
    comment: int = 0

    def files(self) -> dict[str, str]:
        """Return the files of the package."""
        return {
            "memotruth/__init__.py": "",
            "memotruth/helper.py": f"# {self.comment}\ndef factor():\n    return {self.factor}\n",
            "memotruth/middle.py": "from memotruth.helper import factor\n\ndef scaled(x):\n    return x * factor()\n",
            "memotruth/ops.py": f'''
from accio import Dataset, OperatorContext, operator
from memotruth.middle import scaled

# {self.comment}
@operator
def Scale(x: int) -> int:
    """Multiply."""
    return scaled(x)

@operator
def Shift(x: int, by: int) -> int:
    return x {self.sign} by

@operator(unstable=True)
def Noise(ctx: OperatorContext, x: int) -> int:
    return x + ctx.random.randrange(1_000_000)

@operator
def Size(data: Dataset) -> int:
    return sum(data.path.read_bytes())

@operator
def Plus(x: int) -> int:
    return x + 1

@operator
def Minus(x: int) -> int:
    return x - 1
''',
        }


@cache
def compiled(code: Code) -> tuple[tuple[OperatorSpec, ...], Mapping[str, Operator]]:
    """Write a version of the package to disk; analyse and import it, each anew.

    The digests of Plus and Minus are those of the file that both are in, as those of programs of one image are.
    """
    folder = Path(mkdtemp(prefix="memotruth-"))
    files = code.files()
    write(folder, files)
    specs = described(folder, "memotruth.ops")
    together = combine("", {"file": full_hash(files["memotruth/ops.py"])})
    specs |= {name: replace(specs[name], digest=together) for name in TWINS}
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        operators = load(["memotruth.ops"])
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.partition(".")[0] == "memotruth"]:
            del sys.modules[name]
    return tuple(specs.values()), operators


class _Silence:
    def log(self, text: str) -> None:
        """Forget it."""

    def progress(self, fraction: float) -> None:
        """Forget it."""

    def measured(self, name: str, series: Mapping[str, Series]) -> None:
        """Forget it."""


class Bench:
    """One daemon, one agent at a time."""

    def __init__(self, folder: Path) -> None:
        """Start in an empty folder."""
        self.folder = folder
        self.disk = Disk()
        self.daemon = Daemon(self.disk, FakeClock(), Settings())
        self.executions = 0
        self._signatures = SqliteSignatureCache(folder / "signatures.db")
        self._agent: FakeAgent | None = None
        self._code = Code()
        self._runs = 0

    def close(self) -> None:
        """End."""
        self._signatures.close()
        self.disk.close()

    def use(self, code: Code) -> None:
        """Restart the agent with another text of the operators."""
        if self._agent is not None:
            if code == self._code:
                return
            assert self._agent.session is not None
            self.daemon.carry_out(AgentLost(session=self._agent.session, reason="restarted", clean=True))
        self._code = code
        specs, _ = compiled(code)
        agent = self._agent = FakeAgent(name="a1", resources=Resources(milli_cpus=2000), operators=specs)
        session = self.daemon.next_session()
        self.daemon.links.attach(session, agent)
        agent.no = self.daemon.carry_out(agent.hello(session))

    def run(
        self, workflow: Workflow, axes: tuple[Axis, ...], *, seed: int, cache: CacheMode
    ) -> list[tuple[int, int, str]]:
        """Submit, work until everything is done, give child, node and outputs of each node."""
        self._runs += 1
        definition = builders.definition(workflow, sweep=Sweep(axes, 1))
        answer: Submitted = self.daemon.carry_out(
            SubmitRun(
                id=builders.run_id(self._runs),
                definition=definition,
                workflow_no=self.disk.add_workflow(workflow),
                workflow=workflow,
                operators=self._pinned(workflow),
                owner_name="Ada",
                owner_email="",
                cache=cache,
                seed=seed,
            )
        )
        self._work()
        rows = self.disk.rows(
            "SELECT n.idx, n.node, n.state, r.outputs FROM nodes n LEFT JOIN results r ON r.id = n.result "
            "WHERE n.run_no = ? ORDER BY n.idx, n.node",
            answer.no,
        )
        assert rows
        assert all(NODE_STATE_OF[state] is NodeState.SUCCESS for _, _, state, _ in rows), rows
        return [(index, node, outputs) for index, node, _, outputs in rows]

    def _pinned(self, workflow: Workflow) -> tuple[Announced, ...]:
        specs = {spec.name: spec for spec in compiled(self._code)[0]}
        numbers = self.daemon.world.operators
        return tuple(
            Announced(no=numbers[(node.op, identity_of(specs[node.op]))], spec=specs[node.op])
            for node in workflow.graph
        )

    def _work(self) -> None:
        agent = self._agent
        assert agent is not None
        while agent.attempts or agent.digests:
            digests, agent.digests = agent.digests, []
            for request, texts in digests:
                pins = {text: self._digest(text) for text in texts}
                assert agent.session is not None
                self.daemon.carry_out(PathsDigested(session=agent.session, request=request, digests=pins))
            for attempt in list(agent.attempts):
                outputs = self._execute(agent.attempts[attempt].assignment)
                report = agent.end(builders.success(agent.next_seq, attempt, outputs))
                self.daemon.carry_out(agent.telling(report))

    def _digest(self, text: str) -> Pin:
        found = digest_dataset(Path(text), now_ns=clock.wall_ns(), cache=self._signatures)
        return Pin(digest=found.digest, size=found.manifest.size)

    def _execute(self, sent: Any) -> dict[str, str]:
        self.executions += 1
        names = {number: name for (name, _), number in self.daemon.world.operators.items()}
        operator = compiled(self._code)[1][names[sent.node_class.operator_no]]
        document = orjson.loads(sent.inputs)
        datasets = {document["data"]: Path(document["data"])} if "data" in document else {}
        request = Request(inputs=sent.inputs, folder=self.folder, datasets=datasets, seed=sent.seed)
        finished = run_operator(operator, request, _Silence())
        assert isinstance(finished, Finished), finished
        return dict(finished.outputs)


def integer_axis(name: str, *values: int) -> Axis:
    """Make an axis of integers."""
    return Axis(name, builders.INTEGER, tuple(str(value) for value in dict.fromkeys(values)))


def dataset_axis(name: str, path: Path) -> Axis:
    """Make an axis of one path."""
    return Axis(name, builders.DATASET, (json_string(str(path)),))
