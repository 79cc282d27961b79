"""What an agent is given by a batch system: processors, memory, cards, and a folder that hosts share."""

import errno
import fcntl
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from accio.domain.problems import ValueProblem
from accio.errors import FailedPrecondition
from accio_agent import linux
from accio_agent.agent.batch_job import find_job
from accio_agent.agent.deadline import deadline_at, end_of_job, parse_until
from accio_agent.agent.disk.claim import ABANDONED_AFTER_S, Claim
from accio_agent.agent.disk.state_folder import StateFolder, open_folder
from accio_agent.agent.options import Options
from accio_agent.agent.workers import devices, limits

MIB = 1 << 20
STEP = {"SLURM_JOB_ID": "7", "SLURM_CPUS_ON_NODE": "8", "SLURM_MEM_PER_NODE": "8000", "SLURM_NODEID": "2"}


@pytest.mark.parametrize(
    ("environment", "words", "cpus", "mib"),
    [
        ({"SLURM_JOB_ID": "7", "SLURM_CPUS_ON_NODE": "1", "SLURM_MEM_PER_NODE": "2000"}, "Slurm job 7", 1, 2000),
        ({"SLURM_JOB_ID": "7", "SLURM_CPUS_ON_NODE": "4", "SLURM_MEM_PER_CPU": "500"}, "Slurm job 7", 4, 2000),
        ({"SLURM_JOB_ID": "7", "SLURM_MEM_PER_NODE": "0"}, "Slurm job 7", 0, 0),
        ({**STEP, "SLURM_STEP_TASKS_PER_NODE": "4(x2),2"}, "Slurm job 7", 4, 4000),
        ({**STEP, "SLURM_STEP_TASKS_PER_NODE": "4(x3)", "SLURM_CPUS_PER_TASK": "1"}, "Slurm job 7", 1, 2000),
        ({"PBS_JOBID": "12.host", "NCPUS": "6"}, "PBS job 12.host", 6, 0),
        ({"PBS_JOBID": "12.host", "PBS_NUM_PPN": "3"}, "PBS job 12.host", 3, 0),
        ({"JOB_ID": "5", "SGE_ROOT": "/sge", "NSLOTS": "2", "SGE_TASK_ID": "undefined"}, "Grid Engine job 5", 2, 0),
        ({"JOB_ID": "5", "SGE_ROOT": "/sge", "NSLOTS": "2", "SGE_TASK_ID": "3"}, "Grid Engine job 5.3", 2, 0),
        ({"LSB_JOBID": "9", "LSB_MCPU_HOSTS": "other 8 here 3", "LSB_DJOB_NUMPROC": "11"}, "LSF job 9", 3, 0),
        ({"LSB_JOBID": "9", "LSB_DJOB_NUMPROC": "many"}, "LSF job 9", 0, 0),
    ],
)
def test_what_a_job_was_given(environment: dict[str, str], words: str, cpus: int, mib: int) -> None:
    """Each batch system's variables tell the job, its processors on this host and its memory."""
    found = find_job(environment, "here.example.org")
    assert found is not None
    assert (str(found), found.cpus, found.memory) == (words, cpus, mib * MIB)


def test_slots_of_this_host_alone(tmp_path: Path) -> None:
    """Of a Grid Engine job on several hosts, an agent offers the slots of its own."""
    (tmp_path / "hosts").write_text("first.example.org 4 q@first 0\nhere.example.org 2 q@here 0\n")
    variables = {
        "JOB_ID": "5",
        "SGE_ROOT": "/sge",
        "NSLOTS": "6",
        "NHOSTS": "2",
        "PE_HOSTFILE": str(tmp_path / "hosts"),
    }
    found = find_job(variables, "here")
    assert found is not None
    assert found.cpus == 2


def test_what_condor_gives(tmp_path: Path) -> None:
    """HTCondor tells of a slot in a file."""
    (tmp_path / "ad").write_text('Cpus = 2\nMemory = 1024\nName = "slot1"\n')
    found = find_job({"_CONDOR_MACHINE_AD": str(tmp_path / "ad"), "_CONDOR_SLOT": "slot1_2"}, "here")
    assert found is not None
    assert (str(found), found.cpus, found.memory) == ("HTCondor job slot1_2", 2, 1024 * MIB)


def test_no_job() -> None:
    """Without a batch system's variables there is no job; a JOB_ID alone is anybody's."""
    assert find_job({"JOB_ID": "5", "PATH": "/bin"}, "here") is None


def test_no_more_is_offered_than_was_given(tmp_path: Path) -> None:
    """What the job was given limits what the host has, and not the other way round."""
    small = find_job({"SLURM_JOB_ID": "7", "SLURM_CPUS_ON_NODE": "1", "SLURM_MEM_PER_NODE": "64"}, "here")
    large = find_job({"SLURM_JOB_ID": "7", "SLURM_CPUS_ON_NODE": "99999", "SLURM_MEM_PER_NODE": "999999999"}, "here")
    found = limits.detect(tmp_path, small)
    assert (found.milli_cpus, found.memory) == (1000, 64 * MIB)
    assert limits.detect(tmp_path, large).milli_cpus == limits.detect(tmp_path).milli_cpus
    assert limits.detect(tmp_path, large).memory == limits.detect(tmp_path).memory


@pytest.mark.parametrize(
    ("environment", "chosen", "variables"),
    [
        ({"CUDA_VISIBLE_DEVICES": "2,3"}, (1,), {"CUDA_VISIBLE_DEVICES": "3"}),
        ({"CUDA_VISIBLE_DEVICES": "GPU-1f,GPU-2e"}, (0, 1), {"CUDA_VISIBLE_DEVICES": "GPU-1f,GPU-2e"}),
        ({"CUDA_VISIBLE_DEVICES": "2,3"}, (), {"CUDA_VISIBLE_DEVICES": ""}),
        ({"ROCR_VISIBLE_DEVICES": "4,5"}, (0,), {"ROCR_VISIBLE_DEVICES": "4"}),
        (
            {"CUDA_VISIBLE_DEVICES": "6,7", "ZE_AFFINITY_MASK": "6,7"},
            (1,),
            {"CUDA_VISIBLE_DEVICES": "7", "ZE_AFFINITY_MASK": "7"},
        ),
    ],
)
def test_cards_keep_their_names(
    environment: dict[str, str], chosen: tuple[int, ...], variables: dict[str, str]
) -> None:
    """Nodes see the cards that the job was given, under the texts by which it was given them."""
    found = devices.named(environment)
    assert found is not None
    assert found.variables(chosen) == variables


@pytest.mark.parametrize(
    ("value", "count"), [("", 0), ("-1", 0), ("NoDevFiles", 0), ("1,-1,2", 1), ("3", 1), ("0, 1", 2)]
)
def test_cards_are_counted_up_to_the_first_that_is_none(value: str, count: int) -> None:
    """What follows a text that names no card isn't shown by CUDA either."""
    found = devices.named({"CUDA_VISIBLE_DEVICES": value})
    assert found is not None
    assert found.count == count


def test_fewer_cards_can_be_offered_but_not_more() -> None:
    """--gpus takes the first of those that are visible; where no variable says anything, it is believed."""
    assert devices.first(1, {"CUDA_VISIBLE_DEVICES": "2,3"}).variables((0,)) == {"CUDA_VISIBLE_DEVICES": "2"}
    assert devices.first(2, {}).variables((1,)) == {"CUDA_VISIBLE_DEVICES": "1"}
    with pytest.raises(ValueProblem, match=r"at most 2 GPUs, as CUDA_VISIBLE_DEVICES is '2,3', found 3"):
        devices.first(3, {"CUDA_VISIBLE_DEVICES": "2,3"})


def test_a_job_gives_its_host_back() -> None:
    """In a batch job an agent ends earlier than engines kill, and doesn't wait for ever for a daemon."""
    job = find_job({"PBS_JOBID": "1"}, "here")
    assert Options().patience(None).without_daemon is None
    assert Options().patience(job).without_daemon == 300
    assert Options().patience(job).grace < Options().patience(None).grace
    assert Options(grace_s=3, without_daemon_s=4).patience(job).grace == 3


def claim_of_another_host(folder: Path) -> Path:
    """What an agent on another host has left in a folder."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / "claim"
    found = {"token": "t", "host": "elsewhere", "boot": "another", "process": 7, "job": "Slurm job 12"}
    path.write_bytes(orjson.dumps(found))
    return path


def test_a_folder_that_another_host_uses_is_refused(tmp_path: Path) -> None:
    """A lock that isn't passed on to other hosts isn't all: the claim names who has the folder, and what to do."""
    path = claim_of_another_host(tmp_path / "a")
    with pytest.raises(FailedPrecondition, match=r"process 7 on the host elsewhere \(Slurm job 12\).*--state-dir"):
        StateFolder(tmp_path / "a", "a")
    path.unlink()
    StateFolder(tmp_path / "a", "a").close()
    assert not path.exists()


def test_a_folder_that_cannot_be_locked_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system without locks another folder is asked for."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(FailedPrecondition, match=r"can't lock the agent's folder .* name one on a local disk"):
        StateFolder(tmp_path / "a1", "a1")


def test_a_number_that_another_host_uses_is_passed_over(tmp_path: Path) -> None:
    """An agent without a name takes the next number if an agent elsewhere has the first one."""
    first = open_folder(tmp_path, None, None)
    first.close()
    claim_of_another_host(first.path)
    assert open_folder(tmp_path, None, None).name.endswith("-2")


def test_a_folder_can_be_had_once_its_host_is_silent(tmp_path: Path) -> None:
    """A claim that hasn't been renewed for long counts no more, by the clock of the file system."""
    path = claim_of_another_host(tmp_path / "a")
    old = path.stat().st_mtime - ABANDONED_AFTER_S - 1
    os.utime(path, (old, old))
    folder = StateFolder(tmp_path / "a", "a")
    folder.claim.renew()
    assert sorted(each.name for each in folder.path.glob("claim*")) == ["claim"]


def test_a_claim_of_a_killed_agent_on_this_host_counts_for_nothing(tmp_path: Path) -> None:
    """Where the lock works it decides: an agent that is started again after kill -9 needn't wait."""
    path = claim_of_another_host(tmp_path / "a")
    path.write_bytes(orjson.dumps({"token": "t", "boot": linux.boot_id(), "process": 7}))
    StateFolder(tmp_path / "a", "a").close()


def test_who_lost_a_folder_notices(tmp_path: Path) -> None:
    """An agent that was taken for dead learns with its next renewal that another one has its folder."""
    claim = Claim(tmp_path)
    claim_of_another_host(tmp_path)
    with pytest.raises(FailedPrecondition, match="elsewhere"):
        claim.renew()
    claim.release()
    assert (tmp_path / "claim").exists()


NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("2026-11-28T14:00:00+00:00", NOW.replace(hour=14)),
        ("3h30m", NOW.replace(hour=15, minute=30)),
        ("90s", NOW.replace(minute=1, second=30)),
    ],
)
def test_when_a_host_ends(text: str, end: datetime) -> None:
    """The end is a time, or how long the host is there."""
    assert parse_until(text, NOW) == end


@pytest.mark.parametrize("text", ["", "soon", "-4h", "0s", "2026-13-01"])
def test_ends_that_make_no_sense(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(ValueProblem, match="expected a time"):
        parse_until(text, NOW)


def test_an_agent_ends_before_its_host() -> None:
    """It takes no more some time before the end and gives back what runs a little before it, also on short hosts."""
    for hours, drains_before_s, gives_back_before_s in ((4.0, 288, 15), (0.5, 60, 15), (1 / 60, 15, 7.5)):
        found = deadline_at(NOW + timedelta(hours=hours), NOW)
        assert found.lasts == pytest.approx(hours * 3600 - gives_back_before_s)
        assert found.gives_back_at - found.drains_at == pytest.approx(drains_before_s - gives_back_before_s)
        assert not found.is_over


def test_a_timer_that_rings_a_little_early_rings_for_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event loop counts whole milliseconds: what it ended at the deadline ended because of it."""
    found = deadline_at(NOW + timedelta(hours=1), NOW)
    for early_s, is_over in ((0.001, True), (1.0, False)):
        monkeypatch.setattr("accio_agent.agent.deadline.time.monotonic", lambda at=found.gives_back_at - early_s: at)
        assert found.is_over is is_over


def test_slurm_tells_when_a_job_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a Slurm job is in a variable, or said by squeue; a job without a limit has none."""
    job = find_job({"SLURM_JOB_ID": "7"}, "here")
    told = end_of_job(job, {"SLURM_JOB_END_TIME": str(int(NOW.timestamp()))})
    assert told == NOW
    squeue = tmp_path / "squeue"
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for said, ends in (("2026-11-28T12:00:00", True), ("NONE", False)):
        squeue.write_text(f"#!/bin/sh\necho {said}\n")
        squeue.chmod(0o755)
        assert (end_of_job(job, {}) is not None) == ends
    assert end_of_job(None, {"SLURM_JOB_END_TIME": "1"}) is None
