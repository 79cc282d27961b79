"""What an agent finds out about its machine and its folder."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from accio import control_groups
from accio.errors import (
    AccioError,
    BadRequest,
    FailedPrecondition,
    Internal,
    InvalidDefinition,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)
from accio.exits import exit_code
from accio.v1 import agents_pb2
from accio.wire.report_columns import reports_in
from accio.wire.reports import numbered, reports_of
from accio_agent import linux
from accio_agent.agent.disk.state_folder import StateFolder, open_folder
from accio_agent.agent.link.outbound import Outbound
from accio_agent.agent.workers import limits
from accio_agent.agent.workers.outcomes import of_death


def test_detected_resources(tmp_path: Path) -> None:
    """No more than the machine has is offered."""
    found = limits.detect(tmp_path)
    assert 0 < found.milli_cpus <= 1000 * (os.cpu_count() or 1)
    assert 0 < found.memory <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert found.disk > 0


@pytest.mark.parametrize(("visible", "count"), [("", 0), ("0,2", 2), ("-1", 0)])
def test_gpus_that_are_visible(monkeypatch: pytest.MonkeyPatch, visible: str, count: int) -> None:
    """CUDA_VISIBLE_DEVICES tells which GPUs there are."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert limits.find_devices().count == count


def test_identity_stays_and_starts_are_counted(tmp_path: Path) -> None:
    """The agent's id is that of its folder; each start has a greater number."""
    first = StateFolder(tmp_path / "a", "a")
    first.close()
    second = StateFolder(tmp_path / "a", "a")
    assert second.agent_id == first.agent_id
    assert (first.incarnation, second.incarnation) == (1, 2)
    assert StateFolder(tmp_path / "b", "b").agent_id != first.agent_id


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe\x00garbage\x1b[31m", b"9" * 40, "\u0663".encode(), b"-7"])
@pytest.mark.parametrize("name", ["identity", "starts", "lives"])
def test_a_damaged_file_is_made_anew(tmp_path: Path, name: str, damage: bytes) -> None:
    """Whatever is in a small file of the folder, the agent starts, with numbers and names that messages can hold."""
    StateFolder(tmp_path / "a", "a").close()
    (tmp_path / "a" / name).write_bytes(damage)
    found = StateFolder(tmp_path / "a", "a")
    found.close()
    assert 0 < found.incarnation < 2**56
    assert all(
        each.replace("-", "").isalnum() and each.isascii() for each in (found.agent_id, found.life, *found.predecessors)
    )
    again = StateFolder(tmp_path / "a", "a")
    again.close()
    assert (again.agent_id, again.incarnation) == (found.agent_id, found.incarnation + 1)


@pytest.mark.parametrize("name", ["identity", "starts", "lives"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    """With what the system said of it; once it is mended, the folder is free."""
    folder = tmp_path / "a"
    StateFolder(folder, "a").close()
    (folder / name).unlink()
    (folder / name).mkdir()
    with pytest.raises(FailedPrecondition, match=f"Is a directory: .*{name}; mend that, or name another with --state"):
        StateFolder(folder, "a")
    (folder / name).rmdir()
    StateFolder(folder, "a").close()


@pytest.mark.parametrize(
    ("name", "told"), [("journal", "Is a directory"), ("signatures.db", "Is a directory"), ("logs", "File exists")]
)
def test_an_agent_that_cannot_use_its_folder_says_so(tmp_path: Path, name: str, told: str) -> None:
    """With what is in the way, and no traceback."""
    folder = tmp_path / "a"
    folder.mkdir(mode=0o700)
    if name == "logs":
        (folder / name).write_text("none")
    else:
        (folder / name).mkdir()
    words = ["--daemon", "127.0.0.1:1", "--state-dir", str(folder), "--no-installed"]
    environment = {**os.environ, "ACCIO_TOKEN": "none", "ACCIO_DATA_DIR": str(tmp_path / "data")}
    ended = subprocess.run(
        [sys.executable, "-m", "accio_agent", *words], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == exit_code(FailedPrecondition(""))
    assert f"can't use the agent's folder {folder}: {told}: {folder / name}; mend that" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_life_names_those_before_and_a_copy_is_elsewhere(tmp_path: Path) -> None:
    """Each start has a token of its own and tells the earlier ones; a copy of the folder is told by its place."""
    lives: list[StateFolder] = []
    for _ in range(3):
        found = StateFolder(tmp_path / "a", "a")
        found.close()
        assert found.predecessors == tuple(reversed([each.life for each in lives]))
        lives.append(found)
    assert len({each.life for each in lives}) == 3
    assert len({each.place for each in lives}) == 1
    shutil.copytree(tmp_path / "a", tmp_path / "copy")
    copy = StateFolder(tmp_path / "copy", "a")
    assert copy.agent_id == lives[0].agent_id
    assert copy.place != lives[0].place


def test_names_are_taken_by_locks(tmp_path: Path) -> None:
    """Agents without a name get the first free number of their host; a number is free again when its agent ends."""
    first, second = (open_folder(tmp_path, None, None) for _ in range(2))
    assert first.name.endswith("-1")
    assert second.name.endswith("-2")
    first.close()
    assert open_folder(tmp_path, None, None).name == first.name
    with pytest.raises(AccioError, match=f"used by process {os.getpid()}"):
        open_folder(tmp_path, second.name, None)


def test_descendants() -> None:
    """Children of children are found."""
    script = "import subprocess; subprocess.run(['sleep', '60'])"
    child = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
    while len(found := list(linux.descendants(os.getpid()))) < 2:
        os.sched_yield()
    assert child.pid in found
    assert linux.resident_memory(child.pid) > 0
    linux.kill_group(child.pid, signal.SIGKILL)
    child.wait()
    assert linux.resident_memory(child.pid) == 0


@pytest.mark.parametrize(
    ("status", "cause", "mentions"),
    [
        (signal.SIGSEGV, "signal", "SIGSEGV"),
        (3 << 8, "exit code", "exit code 3"),
        (0, "exit code", "exit code 0"),
        (None, "signal", "lost"),
    ],
)
def test_deaths_have_a_cause(status: int | None, cause: str, mentions: str) -> None:
    """The end of a process is told by signal or exit code."""
    failure = of_death(status, out_of_memory="").failure
    assert failure.cause.value == cause
    assert mentions in failure.message
    assert of_death(status, out_of_memory="too much").failure.cause.value == "out of memory"


@pytest.mark.parametrize(
    ("kind", "code"),
    [(BadRequest, 1), (Unavailable, 4), (Internal, 5), (Unauthenticated, 6), (PermissionDenied, 6)],
)
def test_exit_codes(kind: type[AccioError], code: int) -> None:
    """Each error has the exit code of the command line's table."""
    assert exit_code(kind("why")) == code
    assert exit_code(InvalidDefinition([])) == 2


async def test_reports_go_in_groups() -> None:
    """What waits is sent together, up to a limit; other messages go first."""
    outbound = Outbound()
    outbound.open()
    for seq in range(200):
        outbound.put_reports([numbered(seq, b"")])
    outbound.put(agents_pb2.AgentMessage(heartbeat=agents_pb2.Heartbeat(seq=1)))
    first, second, third = [agents_pb2.AgentMessage.FromString(await outbound.next()) for _ in range(3)]
    assert first.heartbeat.seq == 1
    assert [report.seq for report in second.reports.reports] == list(range(128))
    assert [report.seq for report in third.reports.reports] == list(range(128, 200))


@pytest.mark.parametrize("columns", [True, False])
async def test_plain_reports_go_in_columns(columns: bool) -> None:
    """In the order in which they ended, whatever stands between them; an older daemon gets each as a report."""
    plain = [(no, 5, 1, 2, 3, 4, 6, 9_000, no % 2, b'{"value":"%d"}' % no) for no in range(150)]
    outbound = Outbound()
    outbound.open(columns=columns)
    outbound.put_reports([*enumerate(plain[:130]), numbered(130, b""), *enumerate(plain[130:], start=131)])
    sent = [agents_pb2.AgentMessage.FromString(await outbound.next()) for _ in range(4 if columns else 2)]
    groups = [[each.seq for each in message.reports.reports] or [*message.reports.columns.seq] for message in sent]
    assert [no for group in groups for no in group] == list(range(151))
    assert [len(group) for group in groups] == ([128, 2, 1, 20] if columns else [128, 23])
    found = [
        each
        for message in sent
        for each in reports_of(message.reports)
        + (reports_in(message.reports.columns) if message.reports.HasField("columns") else [])
    ]
    del found[130]
    assert [each.outputs for each in found] == [{"value": str(no)} for no in range(150)]
    assert {(each.metrics, each.started_ms, each.ended_ms) for each in found} == {
        ((5, 1, 2, 3, 4, 6, ""), 9_000, 9_000)
    }
    assert [(each.attempt, each.log_bytes) for each in found] == [(no, no % 2) for no in range(150)]


def test_processors_go_to_busy_lanes() -> None:
    """Lanes that reserved whole processors get those that are used least; small machines and demands stay free."""
    processors = limits.Processors(range(4))
    assert processors.take(1, 1000) == [0]
    assert processors.take(2, 2500) == [1, 2]
    assert processors.take(1, 1000) == [0]
    assert processors.take(3, 1000) == [3]
    processors.release(2)
    assert processors.take(4, 2000) == [1, 2]
    assert processors.take(5, 999) == []
    assert processors.take(6, 4000) == []
    assert limits.Processors(range(2)).take(1, 1000) == []


def test_limits_of_all_control_groups_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The least limit of a control group and those that it lies in is what the agent offers, in both versions."""
    for controller, files in {
        "memory": {"batch/memory.limit_in_bytes": str(1 << 28), "batch/task/memory.limit_in_bytes": str(1 << 62)},
        "cpu": {"batch/cpu.cfs_quota_us": "50000", "batch/task/cpu.cfs_quota_us": "-1"},
        "": {"job/memory.max": str(1 << 27), "job/step/memory.max": "max", "job/cpu.max": "25000 100000"},
    }.items():
        for name, text in files.items():
            file = tmp_path / controller / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            (file.parent / "cpu.cfs_period_us").write_text("100000")
    groups = {"memory": tmp_path / "memory/batch/task", "cpu": tmp_path / "cpu/batch/task"}
    monkeypatch.setattr(control_groups, "ROOT", tmp_path)
    monkeypatch.setattr(limits, "own_group", groups.get)
    found = limits.detect(tmp_path)
    assert (found.memory, found.milli_cpus) == (1 << 28, 500)
    monkeypatch.setattr(limits, "own_group", {"": tmp_path / "job/step"}.get)
    found = limits.detect(tmp_path)
    assert (found.memory, found.milli_cpus) == (1 << 27, 250)


def test_memory_that_processes_share_counts_once() -> None:
    """A forked child that shares its parent's memory adds nothing to it; with a limit out of reach nobody asks."""
    script = (
        "import os, sys\ndata = bytearray(b'1') * (64 << 20)\nchild = os.fork()\n"
        "if child: print(flush=True)\nsys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        guard = limits.MemoryGuard("test")
        honest, rough = guard.used(1, parent.pid, limit=1), guard.used(1, parent.pid, limit=1 << 40)
        assert parent.stdin is not None
        parent.stdin.close()
    assert rough > 128 << 20
    assert 64 << 20 < honest < 100 << 20
