"""What Grid Engine and PBS are told, and what they print."""

import json
from pathlib import Path

import pytest

from accio.domain.pools import AllocationKey, PoolSpec
from accio.domain.resources import Resources
from accio_pool.config import PoolConfig
from accio_pool.providers.batch import BatchProvider
from accio_pool.providers.gridengine import GridEngine
from accio_pool.providers.pbs import Pbs
from accio_pool.providers.ports import Order
from accio_pool.runner import Output

KEY = AllocationKey("0123abcd", "cpu", 7)
SPEC = PoolSpec(
    name="cpu", provider="batch", host=Resources(milli_cpus=4000, memory=8 << 30), walltime=5400.0, maximum=9, keep=90.0
)


def preview(dialect: GridEngine | Pbs, **options: str) -> list[str]:
    pool = PoolConfig(spec=SPEC, options=options, command="/opt/accio agent")
    return BatchProvider(pool, Path("/out"), dialect).preview(Order(key=KEY, lasting=False)).splitlines()


def test_grid_engine_is_told_slots_memory_and_time() -> None:
    """Memory is per slot there; the agent is told its end, as a job can't find it out."""
    command, _, agent, _ = preview(GridEngine(), pe="smp", q="main.q")
    assert command == (
        "qsub -terse -r n -notify -V -S /bin/sh -j y -N accio-0123abcd-cpu-7 -o /out/accio-0123abcd-cpu-7.log "
        "-l h_rt=5400 -pe smp 4 -l h_vmem=2147483648 -q main.q <<'END'"
    )
    assert agent.endswith("--idle-timeout 90 --until 5400s")


def test_pbs_is_told_one_chunk() -> None:
    """A job's name may be short there: a variable holds the allocation's name."""
    command, _, agent, _ = preview(Pbs(), q="workq")
    assert command == (
        "qsub -r n -j oe -k oed -S /bin/sh -N accio-7 -V -v ACCIO_ALLOCATION=accio-0123abcd-cpu-7 "
        "-o /out/accio-0123abcd-cpu-7.log -l select=1:ncpus=4:mem=8192mb -l walltime=01:30:00 -q workq <<'END'"
    )
    assert agent.endswith("--until 5400s")


QSTAT = """<?xml version='1.0'?>
<job_info xmlns:xsd="http://www.w3.org/2001/XMLSchema">
  <queue_info>
    <job_list state="running"><JB_job_number>3</JB_job_number><JB_name>accio-0123abcd-cpu-1</JB_name>
      <JB_owner>me</JB_owner><state>r</state><queue_name>main.q@h1.site</queue_name><slots>1</slots></job_list>
    <job_list state="running"><JB_job_number>4</JB_job_number><JB_name>accio-0123abcd-cpu-2</JB_name>
      <state>dr</state><queue_name>main.q@h2</queue_name></job_list>
  </queue_info>
  <job_info>
    <job_list state="pending"><JB_job_number>5</JB_job_number><JB_name>accio-0123abcd-cpu-3</JB_name>
      <state>qw</state><queue_name></queue_name></job_list>
    <job_list state="pending"><JB_job_number>6</JB_job_number><JB_name>accio-0123abcd-cpu-4</JB_name>
      <state>Eqw</state><queue_name></queue_name></job_list>
    <job_list state="pending"><JB_job_number>7</JB_job_number><JB_name>mine</JB_name><state>qw</state></job_list>
  </job_info>
</job_info>
"""


def test_grid_engines_list_is_read() -> None:
    """Jobs run, are being deleted, wait, or wait in an error state; other jobs are none of ours."""
    found = {each.key.number: (each.job, each.begun, each.host, each.reason) for each in GridEngine().listed(QSTAT)}
    assert found == {
        1: ("3", True, "h1.site", ""),
        2: ("4", True, "h2", ""),
        3: ("5", False, "", ""),
        4: ("6", False, "", "state Eqw"),
    }
    with pytest.raises(ValueError, match="syntax"):
        GridEngine().listed("error: commlib error")


def test_pbss_list_is_read() -> None:
    """Variables are an object or a text, by version; jobs that have ended may still be listed."""
    variables = {"PBS_O_HOME": "/home", "ACCIO_ALLOCATION": "accio-0123abcd-cpu-1"}
    jobs = {
        "1.pbs": {"job_state": "R", "exec_host": "h1/0*4", "Variable_List": variables},
        "2.pbs": {
            "job_state": "Q",
            "comment": "Not Running: Insufficient amount of resource: ncpus",
            "Variable_List": "PBS_O_HOME=/home,ACCIO_ALLOCATION=accio-0123abcd-cpu-2",
        },
        "3.pbs": {"job_state": "F", "Exit_status": 271, "Variable_List": {"ACCIO_ALLOCATION": "accio-0123abcd-cpu-3"}},
        "4.pbs": {"job_state": "R", "Variable_List": {}},
    }
    found = {each.key.number: each for each in Pbs().listed(json.dumps({"Jobs": jobs}))}
    assert sorted(found) == [1, 2, 3]
    assert (found[1].begun, found[1].host, found[2].begun, found[2].reason[:11]) == (True, "h1", False, "Not Running")
    assert found[3].over == "exit status 271"
    assert Pbs().listed(json.dumps({"timestamp": 1})) == []
    with pytest.raises(ValueError, match="Expecting"):
        Pbs().listed("qstat: cannot connect to server")


@pytest.mark.parametrize(
    ("dialect", "said", "refused"),
    [
        (GridEngine(), "Unable to run job: unknown resource", True),
        (GridEngine(), "error: commlib error: got select error; unable to contact qmaster", False),
        (Pbs(), "qsub: Unknown queue", True),
        (Pbs(), "qsub: cannot connect to server (errno=111)", False),
        (Pbs(), "Killed", False),
    ],
)
def test_only_what_is_certain_is_a_refusal(dialect: GridEngine | Pbs, said: str, refused: bool) -> None:
    """A server that doesn't answer may have taken the job in."""
    assert dialect.is_refusal(Output(code=1, out="", err=said)) is refused


@pytest.mark.parametrize(
    ("dialect", "said", "job"),
    [(GridEngine(), "31\n", "31"), (GridEngine(), "", ""), (Pbs(), "31.server\n", "31.server"), (Pbs(), "what\n", "")],
)
def test_the_number_of_a_job_is_read(dialect: GridEngine | Pbs, said: str, job: str) -> None:
    """What a submission prints is read, and nothing else is taken for it."""
    assert dialect.submitted(said) == job


def test_ends_are_asked_for_gently_and_not() -> None:
    """Gently, the agent is warned or signalled; else the job is ended."""
    assert GridEngine().cancel("3", gently=True) == ["qdel", "3"]
    assert GridEngine().cancel("3", gently=False) == ["qdel", "-f", "3"]
    assert Pbs().cancel("3.pbs", gently=True) == ["qsig", "-s", "SIGTERM", "3.pbs"]
    assert Pbs().cancel("3.pbs", gently=False) == ["qdel", "3.pbs"]
