"""Several allocations are asked for at once, where an engine takes arrays of jobs."""

import asyncio
import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from accio.domain.pools import AllocationKey
from accio_pool.providers.batch import BatchProvider
from accio_pool.providers.gridengine import GridEngine
from accio_pool.providers.pbs import Pbs
from accio_pool.providers.ports import Order, Refused, Unsure
from accio_pool.providers.slurm import Slurm
from accio_pool.serving import Serving, Wishes
from tests.unit.pool.test_serving import CLUSTER, POOL, FakeProvider
from tests.unit.pool.test_tokens import KEY, ORDER, command, dump, dumped, pool

__all__ = ["dump"]  # a fixture

ORDERS = [replace(ORDER, key=KEY.after(count), token=f"secret {7 + count}") for count in range(3)]
LIMITS = {
    "scontrol": "MaxArraySize            = 1001",
    "qconf": "max_aj_tasks                 75000",
    "qstat": '{"Server": {"pbs": {"server_state": "Active", "max_array_size": 500}}}',
}


@pytest.mark.parametrize(
    ("dialect", "program", "members", "variable", "asked", "most", "answer", "job"),
    [
        (Slurm(), "sbatch", "--array=0-2", "SLURM_ARRAY_TASK_ID=1", "scontrol", 1001, "31", "31"),
        (GridEngine(), "qsub", "-t 1-3", "SGE_TASK_ID=2", "qconf", 75000, "31.1-3:1", "31"),
        (Pbs(), "qsub", "-J 0-2", "PBS_ARRAY_INDEX=1", "qstat", 500, "31[].pbs", "31[].pbs"),
    ],
)
def test_jobs_of_an_array_find_their_allocations(
    tmp_path: Path,
    dump: Path,
    dialect: Slurm | GridEngine | Pbs,
    program: str,
    members: str,
    variable: str,
    asked: str,
    most: int,
    answer: str,
    job: str,
) -> None:
    """One submission, in which each job has its own allocation, token and output by its place."""
    folder = tmp_path / "jobs of mine"
    command(tmp_path, asked, f"echo '{LIMITS[asked]}'")
    command(tmp_path, program, f'echo "$@" >> {tmp_path}/said; cat > {tmp_path}/job; echo {answer}')
    provider = BatchProvider(replace(pool(tmp_path), before=("echo loaded",)), folder, dialect)
    assert asyncio.run(provider.most_at_once()) == most
    assert asyncio.run(provider.submit_several(ORDERS)) == job
    (said,) = (tmp_path / "said").read_text().splitlines()
    assert f"{members} " in said
    assert str(KEY) in said
    assert (" -r n " in said) == isinstance(dialect, GridEngine), "PBS has no arrays that aren't run again"
    assert sorted(path.stem for path in folder.glob("*.token")) == [str(each.key) for each in ORDERS]
    name, value = variable.split("=")
    subprocess.run(["sh", str(tmp_path / "job")], check=True, env={**os.environ, name: value})
    environment, arguments = dumped(dump)
    assert environment["ACCIO_ALLOCATION_TOKEN"] == "secret 8"
    assert arguments[arguments.index("--allocation") + 1] == str(ORDERS[1].key)
    assert (folder / f"{ORDERS[1].key}.log").read_text() == "loaded\n"


def test_grid_engine_lists_each_job_of_an_array() -> None:
    """By its place, which is what it is ended by, too."""
    listed = "".join(
        f"<job_list><JB_job_number>31</JB_job_number><JB_name>{KEY}</JB_name><state>{state}</state>"
        f"<queue_name>{queue}</queue_name><tasks>{place}</tasks></job_list>"
        for place, state, queue in ((1, "r", "main.q@h1"), (2, "qw", ""))
    )
    found = GridEngine().listed(f"<job_info>{listed}</job_info>")
    assert [(each.key.number, each.job, each.begun) for each in found] == [(7, "31.1", True), (8, "31.2", False)]


def test_pbs_lists_each_job_of_an_array() -> None:
    """By its place, which is what it is ended by, too; the array itself is no job."""
    variables = {"ACCIO_ALLOCATION": str(KEY)}
    states = {"31[].pbs": "B", "31[0].pbs": "X", "31[1].pbs": "R", "31[2].pbs": "Q", "32.pbs": "Q"}
    jobs = {job: {"job_state": state, "Variable_List": variables} for job, state in states.items()}
    found = {
        each.job: (each.key.number, each.begun, bool(each.over)) for each in Pbs().listed(json.dumps({"Jobs": jobs}))
    }
    assert found == {
        "31[0].pbs": (7, False, True),
        "31[1].pbs": (8, True, False),
        "31[2].pbs": (9, False, False),
        "32.pbs": (7, False, False),
    }


@pytest.mark.parametrize(
    ("dialect", "said", "most"),
    [
        (Slurm(), "MaxArraySize            = 0", 1),
        (Slurm(), "slurm_load_ctl_conf error", 1),
        (GridEngine(), "max_aj_tasks   0", 1000),
        (GridEngine(), "", 1),
        (Pbs(), '{"Server": {"pbs": {"server_state": "Active"}}}', 10_000),
        (Pbs(), '{"Server": {}}', 1),
        (Pbs(), "qstat: cannot connect to server", 1),
    ],
)
def test_limits_of_arrays_are_read(dialect: Slurm | GridEngine | Pbs, said: str, most: int) -> None:
    """None at all, or any number; one at a time where nothing is told."""
    assert dialect.array is not None
    assert dialect.array.most(said) == most


def test_arrays_can_be_left_out(tmp_path: Path) -> None:
    """Where a site doesn't want them."""
    for dialect, option in ((Slurm(), "--array"), (GridEngine(), "-t"), (Pbs(), "-J")):
        without = replace(pool(tmp_path), leave_out=(option,))
        assert asyncio.run(BatchProvider(without, tmp_path, dialect).most_at_once()) == 1


class Several(FakeProvider):
    """An engine that takes three jobs at once."""

    def __init__(self) -> None:
        super().__init__()
        self.arrays: list[list[int]] = []
        self.refuses_arrays = False

    async def most_at_once(self) -> int:
        """Return three."""
        return 3

    async def submit_several(self, orders: Sequence[Order]) -> str:
        """Begin an array."""
        numbers = [order.key.number for order in orders]
        self.arrays.append(numbers)
        if self.refuses_arrays:
            raise Refused("too many jobs")
        if self.loses_answers:
            raise Unsure("timed out")
        self.jobs |= {number: f"array {number}" for number in numbers}
        return "array"


async def test_equal_orders_are_submitted_together() -> None:
    """Those whose numbers follow each other and whose agents are alike, as many as the engine takes."""
    engine = Several()
    serving = Serving(POOL, engine, CLUSTER, lambda: 0.0)
    told = await serving.step(Wishes({1: False, 2: False, 3: False, 4: False, 6: False, 7: False, 8: True}))
    jobs = {each.key.number: each.job for each in told.listing.found}
    own = {4: "job 4", 8: "job 8"}
    assert jobs == {**dict.fromkeys((1, 2, 3, 6, 7), ""), **own}, "the list tells those of an array"
    assert (engine.arrays, engine.submitted) == ([[1, 2, 3], [6, 7]], [4, 8])


async def test_where_an_array_is_refused_each_is_asked_for_itself() -> None:
    """A limit may leave room for some of them; the engine's words are those for each."""
    engine = Several()
    engine.refuses_arrays = True
    told = await Serving(POOL, engine, CLUSTER, lambda: 0.0).step(Wishes({1: False, 2: False}))
    assert (engine.arrays, engine.submitted, told.refused) == ([[1, 2]], [1, 2], {})


async def test_an_unsure_array_is_waited_for() -> None:
    """None of its jobs is submitted again while the whole may have been taken."""
    engine = Several()
    engine.loses_answers = True
    serving = Serving(POOL, engine, CLUSTER, lambda: 0.0)
    for _ in range(2):
        await serving.step(Wishes({1: False, 2: False}))
    assert (engine.arrays, engine.submitted) == ([[1, 2]], [])


def test_keys_follow_each_other() -> None:
    """The name of an array and a place give an allocation."""
    assert AllocationKey("0123abcd", "cpu", 7).after(2) == AllocationKey("0123abcd", "cpu", 9)
