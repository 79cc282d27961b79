"""`accio run`, `accio submit OPERATOR` and `accio_client.local` with real processes: from a function to its results."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest

import accio_client
from accio.domain.states import RunState
from accio.errors import FailedPrecondition
from accio.interpreter import python
from tests.acceptance.processes import eventually

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

MODEL = '''
import random


def simulate(alpha: float, seed: int, offset: int = 0) -> float:
    """Return something noisy."""
    if alpha > 1:
        raise ValueError("alpha is too large")
    return alpha * seed + offset + random.random() / 1000
'''
DRAW = """
from accio import OperatorContext, operator


@operator
def double(x: int) -> int:
    return 2 * x


@operator(unstable=True)
def draw(ctx: OperatorContext, x: int) -> float:
    return x + ctx.random.random()
"""
SCRIPT = """
import sys, accio_client
client = accio_client.local(operators=["model.py:simulate"], installed=False)
print(client.folder, flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True, kw_only=True)
class Done:
    exit: int
    out: str
    err: str


@dataclass(frozen=True)
class Desk:
    """A user's folder with a model, and an environment in which nothing runs yet."""

    folder: Path
    environment: Mapping[str, str]

    def accio(self, *arguments: str) -> Done:
        """Run a command to its end; it never shows a traceback."""
        done = subprocess.run(
            python("accio_client.cli.main", *arguments),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stdout + done.stderr
        return Done(exit=done.returncode, out=done.stdout, err=done.stderr)

    def processes(self) -> list[psutil.Process]:
        """Everything that runs with this environment."""
        mark = f"ACCIO_CONFIG_ROOT={self.environment['ACCIO_CONFIG_ROOT']}".encode()
        found = []
        for process in psutil.process_iter():
            try:
                if mark in Path(f"/proc/{process.pid}/environ").read_bytes():
                    found.append(process)
            except OSError:
                continue
        return found


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk; nothing that was started at it is left over."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ACCIO_")}
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "model.py").write_text(MODEL)
    own = {"ACCIO_DATA_DIR": str(tmp_path / "data"), "ACCIO_CONFIG_ROOT": str(tmp_path / "config")}
    for name in list(os.environ):
        if name.startswith("ACCIO_"):
            monkeypatch.delenv(name)
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(folder)
    made = Desk(folder, kept | own | {"PYTHONPATH": os.pathsep.join(sys.path)})
    try:
        yield made
        eventually(lambda: not made.processes(), what="the end of every process")
    finally:
        for process in made.processes():
            process.kill()


def test_points_of_a_sweep_are_zipped_listed_and_left_out(desk: Desk) -> None:
    """Values go together, stand in a file or meet a condition; the table has the rows that there are."""
    (desk.folder / "points.csv").write_text("alpha,offset\n0.5,100\n0.25,200\n0.5,300\n")
    done = desk.accio("run", "model.py:simulate", "seed=1,2,3", "-points=points.csv", "-where=alpha=0.5 or seed>=2")
    assert done.exit == 0, done.err
    head, *rows = [line.split("\t") for line in done.out.splitlines()]
    assert head[:3] == ["alpha", "offset", "seed"]
    left = (
        [(0.5, 100, seed) for seed in (1, 2, 3)] + [(0.25, 200, 2), (0.25, 200, 3)] + [(0.5, 300, n) for n in (1, 2, 3)]
    )
    assert [(float(row[0]), int(row[1]), int(row[2])) for row in rows] == left
    assert [float(row[3]) for row in rows] == [pytest.approx(a * seed + offset, abs=0.01) for a, offset, seed in left]
    refused = desk.accio("run", "model.py:simulate", "alpha=0.1,0.2", "seed=1,2,3", "-zip=alpha,seed")
    assert (refused.exit, refused.out) == (2, "")
    assert "need the same number of values, found: alpha has 2, seed has 3" in refused.err


def test_command_line_tools_are_chained_from_files_alone(desk: Desk) -> None:
    """A compressed file, two declarations and a workflow become a table; a sweep's equal nodes are executed once."""
    for path in (ROOT / "examples" / "reads").iterdir():
        shutil.copy(path, desk.folder)
    done = desk.accio(
        "run", "chain.json", "-operators=trim.json", "-operators=bases.json", "reads=reads.fastq.gz", "least=1,3,5"
    )
    assert done.exit == 0, done.err
    assert [line.split("\t") for line in done.out.splitlines()] == [
        ["least", "Bases/reads", "Bases/gc"],
        ["1", "3", "0.4286"],
        ["3", "2", "0.3333"],
        ["5", "1", "0.25"],
    ]
    again = desk.accio(
        "run", "chain.json", "-operators=trim.json", "-operators=bases.json", "reads=reads.fastq.gz", "least=3"
    )
    assert again.exit == 0, again.err
    assert ["Bases/gc:", "0.3333"] in [line.split() for line in again.out.splitlines()]


def test_the_example_of_a_study_finds_good_settings(desk: Desk) -> None:
    """One command runs it, tables its trials and says which was best: what the table says, too."""
    for path in (ROOT / "examples" / "study").glob("*.*"):
        shutil.copy(path, desk.folder)
    done = desk.accio("run", "study.json", "--operators=fit.py")
    assert done.exit == 0, done.err
    head, *rows = [line.split("\t") for line in done.out.splitlines()]
    assert head == ["degree", "strength", "Fit/error", "Fit/size"]
    assert len(rows) == 40
    errors = sorted(float(row[2]) for row in rows)
    (best,) = [row for row in rows if float(row[2]) == errors[0]]
    assert errors[0] < 0.25 < errors[-1]
    (told,) = [line for line in done.err.splitlines() if line.startswith("best: ")]
    assert f"Fit/error = {errors[0]:.6g} with degree={best[0]} strength={float(best[1])!r}" in told


def test_a_function_becomes_the_table_of_a_sweep(desk: Desk) -> None:
    """One command runs an undecorated function over values and repetitions, and prints statistics; nothing goes on."""
    done = desk.accio("run", "model.py:simulate", "alpha=0.1,0.5", "seed=1..3", "-repeat=2")
    assert done.exit == 0, done.err
    head, *rows = [line.split("\t") for line in done.out.splitlines()]
    assert head[:4] == ["alpha", "seed", "simulate/value.n", "simulate/value.mean"]
    assert [(row[0], row[1], row[2]) for row in rows] == [
        (alpha, seed, "2") for alpha in ("0.1", "0.5") for seed in ("1", "2", "3")
    ]
    for alpha, seed, _, mean, sd, *_ in rows:
        assert 0 <= float(mean) - float(alpha) * int(seed) < 0.001
        assert float(sd) > 0
    assert "gives these results again" in done.err  # it may draw: an undecorated function says nothing of that


def test_a_seed_is_told_where_it_changes_something(desk: Desk) -> None:
    """An operator that is given a seed gives the same again with the one that is told; a stable one is given none."""
    (desk.folder / "draw.py").write_text(DRAW)
    stable = desk.accio("run", "draw.py:double", "x=1,2")
    assert stable.exit == 0, stable.err
    assert "-seed=" not in stable.err
    first = desk.accio("run", "draw.py:draw", "x=1")
    (told,) = [line.split()[0] for line in first.err.splitlines() if line.startswith("-seed=")]
    again = desk.accio("run", "draw.py:draw", "x=1", told, "-no-cache")
    assert again.out == first.out
    assert again.exit == 0, again.err


def test_mistakes_are_told_before_anything_is_started(desk: Desk) -> None:
    """A wrong function or file starts nothing; wrong parameters and failures have their exit codes."""
    done = desk.accio("run", "model.py:simulat", "alpha=1")
    assert (done.exit, "did you mean simulate" in done.err, "starting" in done.err) == (1, True, False)
    done = desk.accio("run", "nothing.py:f")
    assert (done.exit, done.err) == (1, "accio: nothing.py: no such file\n")
    (desk.folder / "bare.py").write_text("def bare(x):\n    return x\n")
    told = desk.accio("run", "bare.py:bare", "x=1").err.splitlines()
    assert told[0] == "accio: bare.py:bare: input 'x' has no type hint; write for example x: float"
    assert told[1].startswith("bare.py:bare: its return type isn't declared; write for example -> float")
    assert not (desk.folder.parent / "data").exists()
    done = desk.accio("run", "model.py", "alhpa=1", "seed=1", "-private")
    assert (done.exit, "did you mean alpha" in done.err) == (2, True)
    done = desk.accio("run", "model.py", "alpha=2", "seed=1", "-private", "-json")
    assert done.exit == 3
    assert orjson.loads(done.out)["run"]["state"] == "failed"
    assert "alpha is too large" in done.err
    assert 'in simulate\n      raise ValueError("alpha is too large")\n' in done.err
    assert "accio up" not in done.err  # nothing is kept
    done = desk.accio("run", "model.py:simulate", "alpha=2", "seed=1")
    assert "accio up -operators=model.py:simulate" in done.err  # who asked for details now would find nobody
    assert "describe node" not in done.err


def test_files_are_run(desk: Desk) -> None:
    """A run file finds its workflow beside it; a workflow file is stored, and takes parameters."""
    graph = [{"op": "simulate", "inputs": {"alpha": {"param": "alpha"}, "seed": 3}}]
    workflow = {"id": "both", "params": [{"name": "alpha", "kind": "double"}], "graph": graph}
    (desk.folder / "both.json").write_bytes(orjson.dumps(workflow))
    (desk.folder / "sweep.json").write_bytes(
        orjson.dumps({"workflow": "both", "params": {"alpha": {"values": [0, 1]}}})
    )
    done = desk.accio("run", "sweep.json", "-operators=model.py:simulate", "-private")
    assert [line.split("\t")[0] for line in done.out.splitlines()] == ["alpha", "0.0", "1.0"], done.err
    done = desk.accio("run", "both.json", "alpha=0.5", "-operators=model.py:simulate", "-private")
    assert done.out.startswith("simulate/value: 1.5"), done.err


def test_what_a_sweep_gathers_is_told(desk: Desk) -> None:
    """The outputs of a node that gathers are no column of the table: they are told beside it, and part of the JSON."""
    (desk.folder / "total.py").write_text("def total(values: list[float]) -> int:\n    return len(values)\n")
    graph = [
        {"op": "simulate", "inputs": {"alpha": {"param": "alpha"}, "seed": 3}},
        {"op": "total", "inputs": {"values": {"gather": "simulate/value"}}},
    ]
    workflow = {"id": "gathered", "params": [{"name": "alpha", "kind": "double"}], "graph": graph}
    (desk.folder / "gathered.json").write_bytes(orjson.dumps(workflow))
    command = ("run", "gathered.json", "alpha=0,1", "-operators=model.py:simulate", "-operators=total.py:total")
    done = desk.accio(*command, "-private")
    assert (done.exit, "total/value: 2" in done.err.splitlines()) == (0, True), done.err
    assert "total" not in done.out
    found = orjson.loads(desk.accio(*command, "-private", "-json").out)
    assert (len(found["rows"]), found["outputs"]) == (2, {"total/value": 2})


def test_a_daemon_that_is_there_is_used(desk: Desk) -> None:
    """With a daemon, `run` starts an agent only, and leaves the run there; `submit` takes operators."""
    with accio_client.local(
        desk.environment["ACCIO_DATA_DIR"], operators=["model.py:simulate"], installed=False
    ) as client:
        (agent,) = client.list_agents()
        done = desk.accio("run", "model.py:simulate", "alpha=0.5", "seed=1,2")
        assert (done.exit, "using the daemon at" in done.err) == (0, True), done.err
        assert [each.name for each in client.list_agents()] == [agent.name]
        done = desk.accio("submit", "simulate", "alpha=0.5", "seed=1,2", "-wait")
        assert done.exit == 0, done.err
        done = desk.accio("submit", "model.py:simulate", "alpha=0.5", "seed=1..4", "-wait")
        assert done.exit == 0, done.err
        assert [run.children for run in client.list_runs().runs] == [4, 2, 2]
        (desk.folder / "other.py").write_text("def another(x: int) -> int:\n    return x\n")
        done = desk.accio("submit", "other.py:another", "x=1")
        assert (done.exit, "accio agent -operators=other.py:another" in done.err) == (1, True), done.err


def test_a_retry_says_which_code_it_runs(desk: Desk) -> None:
    """After an edit a run keeps the code that it was submitted with, and is told how to get the new one."""
    data, model = desk.environment["ACCIO_DATA_DIR"], desk.folder / "model.py"
    with accio_client.local(data, operators=["model.py:simulate"], installed=False):
        done = desk.accio("submit", "simulate", "alpha=2,3", "seed=1", "-wait")
        assert done.exit == 3, done.err
    model.write_text(model.read_text().replace("alpha > 1", "alpha > 9"))
    with accio_client.local(data, operators=["model.py:simulate"], installed=False):
        done = desk.accio("retry", "last")
        assert "the code of simulate has changed since the run was submitted" in done.err
        assert done.err.rstrip().endswith("-operators=latest`")
        assert desk.accio("kill", "last").exit == 0
        done = desk.accio("retry", "last", "-operators=latest", "-wait")
        assert "has changed" not in done.err
        assert (done.exit, done.out.split()[-1]) == (0, "success"), done.err
        assert desk.accio("retry", "last", "-wait", "-where=alpha=7").out == "", "nothing was retried, nothing followed"


def test_an_operator_with_new_inputs_has_a_new_workflow(desk: Desk) -> None:
    """The workflow of an operator by itself follows its inputs; a workflow that is somebody's own is left alone."""
    with accio_client.local(operators=["model.py:simulate"], installed=False) as client:
        first = client.push_operator("simulate")
        again = client.push_operator("simulate")
        assert (first.created, again.created) == (True, False)
        assert [(each.name, each.kind) for each in first.workflow.params] == [
            ("alpha", "double"),
            ("seed", "integer"),
            ("offset", "integer"),
        ]
        client.push({"id": "simulate", "graph": [{"op": "simulate", "inputs": {"alpha": 1.0, "seed": 1}}]})
        with pytest.raises(FailedPrecondition, match="expected no workflow 'simulate'"):
            client.push_operator("simulate")


def test_a_default_that_no_definition_can_name_counts(desk: Desk) -> None:
    """Infinity is a default of functions, though no workflow may have it as a value: whoever says nothing has it."""
    (desk.folder / "bounded.py").write_text(
        "import math\n\n\ndef bounded(x: float, most: float = math.inf, of: list[float] = [1.0, math.nan]) -> float:\n"
        "    return min(x, most) + len(of)\n"
    )
    for given, value in (((), "9.5"), (("most=2", "of=[]"), "2.0")):
        done = desk.accio("run", "bounded.py", "x=7.5", *given, "-private")
        assert (done.exit, done.out.splitlines()[-1]) == (0, f"bounded/value: {value}"), done.err
    refused = desk.accio("run", "bounded.py", "x=7.5", "most=inf", "-private")
    assert refused.exit != 0
    assert "parameter 'most': expected double (a finite number)" in refused.err


def test_a_private_cluster_ends_with_its_client(desk: Desk) -> None:
    """Closing the client ends daemon and agent and removes their folder; what can't be started says why."""
    with accio_client.local(operators=["model.py:simulate"], installed=False) as client:
        folder = client.folder
        assert folder.is_dir()
        run = client.submit(
            {"workflow": client.push_operator("simulate").workflow.id, "params": {"alpha": 1, "seed": 1}}
        )
        assert client.wait(run.run.id).state is RunState.SUCCESS
    assert not folder.exists()
    eventually(lambda: not desk.processes(), what="the end of every process")
    with pytest.raises(FailedPrecondition, match="did you mean simulate"):
        accio_client.local(operators=["model.py:simulat"], installed=False)


def test_a_private_cluster_in_an_event_loop(desk: Desk) -> None:
    """`local_async` is the same for asynchronous code, and keeps a folder that it was given."""

    async def use(folder: Path) -> Any:
        async with accio_client.local_async(folder, operators=["model.py:simulate"], installed=False) as client:
            await client.push_operator("simulate")
            submitted = await client.submit({"workflow": "simulate", "params": {"alpha": 1, "seed": 1}})
            return (await client.wait(submitted.run.id)).state

    folder = desk.folder / "kept"
    assert asyncio.run(use(folder)) is RunState.SUCCESS
    assert (folder / "token").is_file()


def test_a_private_cluster_that_is_given_up_is_not_waited_for(desk: Desk) -> None:
    """Whoever cancels its start goes on, though its operators would never be there, and nothing of it is left."""
    (desk.folder / "endless.py").write_text("import threading\n\nthreading.Event().wait()\n")

    async def give_up() -> None:
        async with asyncio.TaskGroup() as group:
            starting = group.create_task(accio_client.local_async(operators=["endless.py"]).__aenter__())
            await asyncio.to_thread(eventually, desk.processes, what="a process of it")
            starting.cancel()
        assert starting.cancelled()

    asyncio.run(give_up())
    eventually(lambda: not desk.processes(), what="the end of every process")


def test_a_private_cluster_ends_with_a_killed_script(desk: Desk) -> None:
    """Nothing of it outlives kill -9 of the script, its temporary folder included."""
    (desk.folder / "script.py").write_text(SCRIPT)
    script = subprocess.Popen(
        [sys.executable, "script.py"],
        env=desk.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert script.stdout is not None
    assert script.stdin is not None
    with script.stdin, script.stdout:
        folder = Path(script.stdout.readline().strip())
        assert folder.is_dir()
        script.send_signal(signal.SIGKILL)
        script.wait()
        eventually(lambda: not desk.processes(), what="the end of every process")
    eventually(lambda: not folder.exists(), what="the end of the folder")
