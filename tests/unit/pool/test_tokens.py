"""Tokens of allocations get to their agents, and to nobody else: on no command line, and in no script of a job."""

import asyncio
import json
import os
import stat
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

from accio.domain.pools import AllocationKey, PoolSpec
from accio.domain.resources import Resources
from accio_pool.config import PoolConfig
from accio_pool.providers.batch import BatchProvider
from accio_pool.providers.gridengine import GridEngine
from accio_pool.providers.local import LocalProvider
from accio_pool.providers.pbs import Pbs
from accio_pool.providers.ports import Order
from accio_pool.providers.slurm import Slurm
from accio_pool.providers.ssh import SshProvider
from accio_pool.serving import NoToken, Serving, Wishes
from tests.unit.pool.test_serving import CLUSTER, POOL, FakeProvider

SECRET, OURS = "accio_a_of-the-allocation", "accio_p_of-the-pool"
KEY = AllocationKey(CLUSTER, "cpu", 7)
ORDER = Order(key=KEY, lasting=False, token=SECRET)
DUMP = "import json, os, sys; json.dump([dict(os.environ), sys.argv], open(os.environ['DUMP'], 'w'))"


def dumped(path: Path) -> tuple[dict[str, str], list[str]]:
    """Read what a process noted of its environment and its command line."""
    environment, arguments = json.loads(path.read_text())
    return environment, arguments


@pytest.fixture
def dump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where processes note their environment: that of a pool's own token, and of the test's commands first."""
    path = tmp_path / "dump"
    monkeypatch.setenv("DUMP", str(path))
    monkeypatch.setenv("ACCIO_TOKEN", OURS)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return path


def command(folder: Path, name: str, script: str) -> Path:
    """Put a command there."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def pool(folder: Path) -> PoolConfig:
    """Describe a pool whose agents note their environment and end."""
    script = folder / "noting.py"
    script.write_text(DUMP)
    spec = PoolSpec(name="cpu", provider="any", host=Resources(), walltime=600.0, maximum=2)
    return PoolConfig(spec=spec, command=f"{sys.executable} {script}", folder=str(folder / "out"), hosts=("h1",))


@pytest.mark.parametrize(
    ("dialect", "program", "answer"),
    [(Slurm(), "sbatch", "77"), (GridEngine(), "qsub", "77"), (Pbs(), "qsub", "77.server")],
)
def test_a_job_reads_its_token_from_a_file(
    tmp_path: Path, dump: Path, dialect: Slurm | GridEngine | Pbs, program: str, answer: str
) -> None:
    """A file for its owner alone; the submission, its environment and the script are without any token."""
    folder = tmp_path / "jobs"
    noted = f'echo "$@" > {tmp_path}/said; env > {tmp_path}/env; cat > {tmp_path}/job'
    command(tmp_path, program, f"{noted}\necho {answer}")
    provider = BatchProvider(pool(tmp_path), folder, dialect)
    assert asyncio.run(provider.submit(ORDER)) == answer
    (file,) = folder.glob("*.token")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    job = tmp_path / "job"
    for what in (tmp_path / "said", tmp_path / "env", job):
        assert SECRET not in what.read_text()
        assert OURS not in what.read_text()
    subprocess.run(["sh", str(job)], check=True)
    environment, arguments = dumped(dump)
    assert environment["ACCIO_ALLOCATION_TOKEN"] == SECRET
    assert "ACCIO_TOKEN" not in environment
    assert not any(SECRET in each for each in arguments)
    asyncio.run(provider.forget_tokens(CLUSTER, {7}))
    asyncio.run(provider.forget_tokens("other678", ()))
    assert file.exists()
    asyncio.run(provider.forget_tokens(CLUSTER, {8}))
    assert not file.exists()
    dump.unlink()
    assert subprocess.run(["sh", str(job)], check=False, capture_output=True).returncode == 1
    assert not dump.exists(), "without its token no agent is started with another one"


def test_a_local_agent_finds_its_token_in_its_environment(tmp_path: Path, dump: Path) -> None:
    """And not that of the pool."""
    provider = LocalProvider(pool(tmp_path), tmp_path / "out")
    asyncio.run(provider.submit(ORDER))
    (child,) = provider._children.values()
    assert child.wait() == 0
    environment, arguments = dumped(dump)
    assert (environment["ACCIO_ALLOCATION_TOKEN"], environment.get("ACCIO_TOKEN")) == (SECRET, None)
    assert not any(SECRET in each for each in arguments)


def test_an_agent_elsewhere_gets_its_token_by_sshs_input(tmp_path: Path, dump: Path) -> None:
    """Neither the command line of ssh nor that of the shell on the other side has it."""
    command(tmp_path, "ssh", f'echo "$@" >> {tmp_path}/said\nfor words; do :; done\nexec sh -c "$words"')
    command(tmp_path, "ps", "true")  # no agents are there
    os.mkfifo(dump)
    provider = SshProvider(pool(tmp_path), tmp_path)
    assert asyncio.run(provider.list(CLUSTER)).complete
    assert asyncio.run(provider.submit(ORDER)).startswith("h1:")
    environment, arguments = dumped(dump)
    assert (environment["ACCIO_ALLOCATION_TOKEN"], environment.get("ACCIO_TOKEN")) == (SECRET, None)
    said = (tmp_path / "said").read_text()
    assert SECRET not in said
    assert not any(SECRET in each for each in arguments)


class Handing(FakeProvider):
    """An engine to which tokens can be handed."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens: dict[int, str] = {}
        self.kept: list[set[int]] = []

    async def submit(self, order: Order) -> str:
        """Note the token."""
        self.tokens[order.key.number] = order.token
        return await super().submit(order)

    async def forget_tokens(self, cluster: str, keep: Collection[int]) -> None:
        """Note what is to be kept."""
        assert cluster == CLUSTER
        self.kept.append(set(keep))


async def make(number: int) -> str:
    """Make a token, but for what isn't wanted any more."""
    if number == 3:
        raise NoToken("allocation 3 is over")
    return f"token {number}"


async def test_each_submission_has_its_token() -> None:
    """One that gets none isn't submitted; what is kept of tokens is deleted once allocations are over."""
    engine = Handing()
    serving = Serving(POOL, engine, CLUSTER, lambda: 0.0, make)
    await serving.step(Wishes({2: False, 3: False}, frozenset({1})))
    assert engine.tokens == {2: "token 2"}
    await serving.step(Wishes({}, frozenset({2})))
    await serving.step(Wishes({}, frozenset({2})))
    assert engine.kept == [{1, 2, 3}], "nothing was over since"
    engine.jobs.clear()
    await serving.step(Wishes({}, frozenset()))
    assert engine.kept[1:] == [set()]


class Full(Handing):
    """An engine that knows how much room it has."""

    full = "no machine is free"

    def lacks_room(self, order: Order) -> str:
        """Say why there is none."""
        return self.full


async def test_what_there_is_no_room_for_gets_no_token() -> None:
    """It isn't submitted, the daemon hears why, and it is looked at again with the next list."""
    engine, made = Full(), list[int]()

    async def note(number: int) -> str:
        made.append(number)
        return await make(number)

    serving = Serving(POOL, engine, CLUSTER, lambda: 0.0, note)
    for _ in range(3):
        assert (await serving.step(Wishes({2: False}))).reasons == {2: "no machine is free"}
    assert (made, engine.submitted) == ([], [])
    engine.full = ""
    assert (await serving.step(Wishes({2: False}))).reasons == {}
    assert (made, engine.tokens) == ([2], {2: "token 2"})


async def test_the_token_of_what_was_refused_is_deleted() -> None:
    """Once the daemon doesn't want that allocation any more."""
    engine = Handing()
    serving = Serving(POOL, engine, CLUSTER, lambda: 0.0, make)
    await serving.step(Wishes({}, frozenset()))
    engine.refuses = "no such partition"
    await serving.step(Wishes({2: False}))
    await serving.step(Wishes({}))
    assert engine.kept[-1] == set()
    assert len(engine.kept) > 1


async def test_who_takes_no_tokens_gets_none() -> None:
    """A pool whose file says so, a daemon that makes none, and a provider that can't hand them over."""
    engine, plain = Handing(), FakeProvider()
    without = PoolConfig(spec=POOL.spec, tokens=False)
    for serving in (
        Serving(without, engine, CLUSTER, lambda: 0.0, make),
        Serving(POOL, engine, CLUSTER, lambda: 0.0),
        Serving(POOL, plain, CLUSTER, lambda: 0.0, make),
    ):
        await serving.step(Wishes({9: False}))
        engine.jobs.clear()
    assert engine.tokens == {9: ""}
    assert plain.submitted == [9]
