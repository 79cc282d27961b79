"""Slurm's commands and what they print, as Slurm 22.05 has it."""

from pathlib import Path

import pytest

from accio.domain.pools import AllocationKey, PoolSpec
from accio.domain.resources import Resources
from accio_pool.config import PoolConfig
from accio_pool.providers.batch import BatchProvider
from accio_pool.providers.ports import Order
from accio_pool.providers.slurm import Slurm
from accio_pool.runner import Output

KEY = AllocationKey("0123abcd", "cpu", 7)
SPEC = PoolSpec(
    name="cpu",
    provider="slurm",
    host=Resources(milli_cpus=3500, memory=(2 << 30) + 1, gpus=2),
    walltime=14_430.0,
    maximum=9,
    keep=90.0,
)
POOL = PoolConfig(
    spec=SPEC,
    options={"partition": "batch"},
    directives=("--constraint=rome",),
    leave_out=("--mem",),
    before=("module load python",),
    agent=("--operators", "my ops.py"),
    join="/shared/accio.join",
    command="/opt/accio agent",
)


def preview(pool: PoolConfig, *, lasting: bool = False) -> str:
    return BatchProvider(pool, Path("/out"), Slurm()).preview(Order(key=KEY, lasting=lasting))


def test_a_job_is_submitted_by_what_the_file_says() -> None:
    """Name, size, walltime, warning, options and directives; what is to be left out isn't there."""
    command, *script = preview(POOL).splitlines()
    assert command == (
        "sbatch --parsable --no-requeue --job-name=accio-0123abcd-cpu-7 --comment=accio-0123abcd-cpu-7 "
        "--output=/out/accio-0123abcd-cpu-7.log --nodes=1 --ntasks=1 --cpus-per-task=4 --time=240 "
        "--gpus-per-node=2 --partition=batch --constraint=rome <<'END'"
    )
    assert script == [
        "#!/bin/sh",
        "module load python",
        "exec /opt/accio agent --allocation accio-0123abcd-cpu-7 --cpus 3.5 --memory 2147483649 "
        "--join /shared/accio.join --idle-timeout 90 --operators 'my ops.py'",
        "END",
    ]


def test_a_host_that_is_kept_does_not_end_when_it_is_idle() -> None:
    """The agent of a lasting allocation has no time-out for idleness."""
    assert "--idle-timeout" not in preview(POOL, lasting=True)


def test_the_list_is_read() -> None:
    """States are waiting, begun or over; other people's jobs are none; states that nobody knows are not over."""
    said = "\n".join(
        [
            "31|PENDING||accio-0123abcd-cpu-1|N/A|ReqNodeNotAvail, Reserved for maintenance",
            "32|RUNNING|n1|accio-0123abcd-cpu-2|N/A|None",
            "33|TIMEOUT|n1|accio-0123abcd-cpu-3|N/A|TimeLimit",
            "34|COMPLETED|n1|accio-0123abcd-cpu-4|N/A|None",
            "35|HATCHING|n1|accio-0123abcd-cpu-5|N/A|None",
            "36|RUNNING|n1|somebody's job|N/A|None",
            "37_0|RUNNING|n1|accio-0123abcd-cpu-6|0|None",
            "37_1|PENDING||accio-0123abcd-cpu-6|1|Resources",
            "",
        ]
    )
    found = {each.key.number: each for each in Slurm().listed(said)}
    assert (found[1].begun, found[1].reason) == (False, "ReqNodeNotAvail, Reserved for maintenance")
    assert (found[2].begun, found[2].host, found[2].over) == (True, "n1", "")
    assert (found[3].over, found[4].over) == ("TIMEOUT (TimeLimit)", "COMPLETED")
    assert (found[5].begun, found[5].over) == (True, "")
    assert sorted(found) == [1, 2, 3, 4, 5, 6, 7]
    assert [(found[each].job, found[each].begun) for each in (6, 7)] == [("37_0", True), ("37_1", False)]
    with pytest.raises(ValueError, match="six fields"):
        Slurm().listed("slurm_load_jobs error")


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ("sbatch: error: Batch job submission failed: Invalid partition name specified", True),
        ("sbatch: error: QOSMaxSubmitJobPerUserLimit", True),
        ("sbatch: error: Batch job submission failed: Socket timed out on send/recv operation", False),
        ("sbatch: error: Unable to contact slurm controller (connect failure)", False),
        ("Killed", False),
    ],
)
def test_only_what_is_certain_is_a_refusal(said: str, refused: bool) -> None:
    """A controller that doesn't answer may have taken the job in."""
    assert Slurm().is_refusal(Output(code=1, out="", err=said)) is refused


@pytest.mark.parametrize(("said", "job"), [("31\n", "31"), ("31;cluster\n", "31"), ("", ""), ("Submitted 31", "")])
def test_the_number_of_a_job_is_read(said: str, job: str) -> None:
    """What a submission prints is a number, perhaps with the name of a cluster."""
    assert Slurm().submitted(said) == job


def test_hosts_that_are_to_be_left_out_are_told() -> None:
    """Slurm gets the hosts that an allocation shouldn't be given, and tells those of jobs that are over."""
    provider = BatchProvider(POOL, Path("/out"), Slurm())
    assert "--exclude=n1,n2 " in provider.preview(Order(key=KEY, lasting=False, exclude=("n1", "n2")))
