"""What an execution leaves behind in a warm worker, and the next one must not find."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from accio.v1 import agents_pb2
from tests.integration.agent.conftest import AgentProcess
from tests.integration.agent.fake_daemon import FakeDaemon
from tests.integration.agent.leaving_operators import CHANGES
from tests.integration.agent.pairing_operators import PAIRS

UNSEEN = '''
import ctypes

from accio import operator

@operator(version="1")
def Unseen(x: int) -> str:
    """Return a variable of the environment as C sees it, and set it there."""
    c = ctypes.CDLL(None)
    c.getenv.restype = ctypes.c_char_p
    found = str(c.getenv(b"LEFT"))
    c.setenv(b"LEFT", str(x).encode(), 1)
    return found
'''

TORCH = '''
"""A global generator that is seeded as that of PyTorch is."""
import os, random
_state = random.Random(os.urandom(8))

def manual_seed(seed):
    _state.seed(seed)

def drawn():
    return _state.random()
'''

SETTLING = '''
"""Changes the process while it is imported, as packages do."""
import sys
sys.setrecursionlimit(4321)
VALUE = 1
'''

KEEPING = """
import os
KEPT = {}
KEPT["at"] = os.sep
NUMBER = len(KEPT)
"""


@pytest.fixture
async def agent(daemon: FakeDaemon, tmp_path: Path) -> AsyncIterator[AgentProcess]:
    """An agent with the operators of this test."""
    folder = tmp_path / "operators"
    folder.mkdir()
    named = ["--operators", str(tmp_path / "unseen.py")]
    for module in ("leaving_operators.py", "following_operators.py", "pairing_operators.py"):
        (folder / module).write_text(Path(__file__).with_name(module).read_text())
        named += ["--operators", str(folder / module)]
    (folder / "torch.py").write_text(TORCH)
    (folder / "settling.py").write_text(SETTLING)
    (folder / "keeping.py").write_text(KEEPING)
    (tmp_path / "unseen.py").write_text(UNSEEN)
    running = AgentProcess(tmp_path, daemon.address, *named, "--cpus", "1")
    try:
        await daemon.connected()  # it imports pandas and Matplotlib, and reads what they consist of
        yield running
    finally:
        await running.stop()
        await daemon.stop()


class Runs:
    """Runs attempts one after the other, all in one class for each operator."""

    def __init__(self, daemon: FakeDaemon) -> None:
        self._daemon = daemon
        self._classes: dict[str, agents_pb2.NodeClass] = {}
        self._no = 0

    async def report(self, operator: str, seed: int | None = None, **inputs: object) -> agents_pb2.Report:
        self._no += 1
        if operator not in self._classes:
            self._classes[operator] = self._daemon.node_class(operator, 100 + self._no)
        more = {} if seed is None else {"seed": seed}
        self._daemon.assign(self._classes[operator], [self._no], json.dumps(inputs), **more)  # type: ignore[arg-type]  # by name
        return await self._daemon.report(self._no)

    async def value(self, operator: str, seed: int | None = None, **inputs: object) -> Any:
        report = await self.report(operator, seed, **inputs)
        assert report.success, report.failure
        return json.loads(report.outputs["value"])

    async def out(self) -> bytes:
        """What the last one wrote to stdout."""
        return (await self._daemon.logs(self._no))[0]

    async def log(self) -> bytes:
        """What the last one wrote to stderr."""
        return (await self._daemon.logs(self._no))[1]


@pytest.fixture
def runs(daemon: FakeDaemon, agent: AgentProcess) -> Runs:
    del agent
    return Runs(daemon)


@pytest.mark.timeout(600)  # dozens of workers, one after the other
async def test_whatever_is_changed_the_next_execution_finds_as_it_was(runs: Runs) -> None:
    """An execution finds interpreter, process, other packages and its own globals as the first one did."""
    expected = json.loads(await runs.value("Found"))
    wrong: dict[str, object] = {}
    for what in CHANGES:
        await runs.report("Leave", what=what)
        found = json.loads(await runs.value("Found"))
        if found != expected:
            wrong[what] = {name: (found[name], value) for name, value in expected.items() if found[name] != value}
    assert wrong == {}


@pytest.mark.timeout(600)  # as above
async def test_what_one_leaves_another_does_not_see(runs: Runs) -> None:
    """What an execution sets of streams, pipes, threads and other packages isn't set for the next one."""
    wrong = {}
    for what in PAIRS:
        expected = await runs.value("LookAt", what=what), await runs.out()
        await runs.report("LeaveOf", what=what)
        found = await runs.value("LookAt", what=what), await runs.out()
        if found != expected:
            wrong[what] = expected, found
    assert wrong == {}


async def test_each_execution_shows_its_warnings(runs: Runs) -> None:
    """A warning is in the log of every execution that causes it."""
    for _ in range(3):
        await runs.report("Warn", text="it did not converge")
        assert b"RuntimeWarning: it did not converge" in await runs.log()


async def test_a_module_that_is_imported_late_finds_its_generator_seeded(runs: Runs) -> None:
    """The seed fixes what a global generator draws that is imported within the execution, there and afterwards."""
    first, second, other = [await runs.value("Late", seed=seed) for seed in (7, 7, 8)]
    assert first == second != other


async def test_a_killed_execution_leaves_open_files_where_they_were(runs: Runs) -> None:
    """What an execution that is killed has read of a file, which its module had opened, the next one reads again."""
    expected = await runs.value("ReadOn", die=False)
    assert not (await runs.report("ReadOn", die=True)).success
    assert await runs.value("ReadOn", die=False) == expected


async def test_caches_of_functools_keep_a_worker(runs: Runs) -> None:
    """What functools remembers doesn't cost the worker."""
    assert await runs.value("Remember", x=1) == await runs.value("Remember", x=2)


async def test_what_was_drawn_is_in_no_cache(runs: Runs) -> None:
    """What a cache of functools has of a global generator isn't there for the next execution, whose seed is another."""
    first, second, other = [await runs.value("DrawCached", seed=seed) for seed in (7, 7, 8)]
    assert first == second != other


async def test_after_code_that_nobody_can_look_into_comes_another_worker(runs: Runs) -> None:
    """Operators whose package uses `ctypes` never share a process: what they set in C can't be found."""
    assert [await runs.value("Unseen", x=x) for x in (1, 2)] == ["None", "None"]


@pytest.mark.timeout(600)  # several workers, one after the other
async def test_what_an_import_changes_another_operator_does_not_see(runs: Runs) -> None:
    """A module of one's own that is imported late, and changes others, is imported by each execution for itself."""
    expected = await runs.value("Found")
    first, second = [await runs.value("ImportLate", name=name) for name in ("a", "b")]
    assert first[:2] == second[:2] == ["4321", "1"]
    assert first[2] != second[2]
    assert await runs.value("Found") == expected


async def test_a_module_that_only_defines_something_keeps_a_worker(runs: Runs) -> None:
    """A module of one's own that is imported late, and keeps to itself, is there for the next execution."""
    first, second = [await runs.value("ImportPlain", name=name) for name in ("a", "b")]
    assert first == second


async def test_a_module_that_was_given_to_one_execution_is_not_there_for_the_next(runs: Runs) -> None:
    """What an execution imports from its working folder is imported anew by the next, from its own."""
    assert [await runs.value("ImportGiven", value=value) for value in (1, 2)] == [1, 2]


async def test_code_that_can_but_compute_between_others(runs: Runs) -> None:
    """What isn't set up for code that can only compute is there for the next that can look at it, in one worker."""
    first = await runs.value("LookAround", x=1)
    assert await runs.value("Twice", x=4) == 8
    assert await runs.out() == b"twice 4"
    away = await runs.value("GoAway", x=0o077)
    report = await runs.report("Refuse", x=4)
    assert report.failure.message == "ValueError: 4 is refused"
    assert "ValueError: 4 is refused" in report.failure.traceback
    assert await runs.value("Twice", x=5) == 10
    assert await runs.out() == b"twice 5"
    second = await runs.value("LookAround", x=1)
    assert [first[0], second[0]] == ["1", "6"]
    assert first[1:] == second[1:]
    assert away == first[3]
