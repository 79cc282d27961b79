"""What operators may do, and what comes of it: real worker processes under a real agent."""

import json
import os
import signal
from pathlib import Path

import pytest

from accio.v1 import agents_pb2
from tests.integration.agent.conftest import AgentProcess
from tests.integration.agent.fake_daemon import FakeDaemon

pytestmark = pytest.mark.usefixtures("agent")


async def run(daemon: FakeDaemon, no: int, operator: str, inputs: str = "{}", **fields: object) -> agents_pb2.Report:
    """Run one attempt in a class of its own."""
    class_fields = {name: fields.pop(name) for name in ("timeout_ms", "memory") if name in fields}
    daemon.assign(daemon.node_class(operator, 100 + no, **class_fields), [no], inputs, **fields)  # type: ignore[arg-type]  # fields by name
    return await daemon.report(no)


async def test_success(daemon: FakeDaemon) -> None:
    """An operator's outputs come back in canonical JSON, with what the execution cost."""
    report = await run(daemon, 1, "Add", '{"x":2}')
    assert report.success
    assert dict(report.outputs) == {"value": "3"}
    assert report.metrics.peak_memory > 1 << 20
    assert report.started_at_ms > 1_600_000_000_000
    assert report.ended_at_ms >= report.started_at_ms
    assert not report.HasField("failure")


async def test_context(daemon: FakeDaemon) -> None:
    """The seed fixes what is drawn, from the context and from the global generators; metrics and messages are kept."""
    first = await run(daemon, 1, "Draw", seed=7)
    second = await run(daemon, 2, "Draw", seed=7)
    third = await run(daemon, 3, "Draw", seed=8)
    assert first.outputs["value"] == second.outputs["value"] != third.outputs["value"]
    assert first.metrics.custom_json == '{"drawn":2.0}'
    assert await daemon.logs(1) == (b"", b"drawing\n", "")


async def test_global_random_state_depends_on_the_inputs_alone(daemon: FakeDaemon) -> None:
    """A stable operator that uses the global generator draws the same for equal inputs, whatever ran before it."""
    first = await run(daemon, 1, "Global", '{"name":"a"}')
    other = await run(daemon, 2, "Global", '{"name":"b"}')
    again = await run(daemon, 3, "Global", '{"name":"a"}')
    assert first.outputs["value"] == again.outputs["value"] != other.outputs["value"]


@pytest.mark.parametrize(
    ("operator", "inputs", "cause", "fields"),
    [
        ("Fail", '{"message":"too bad"}', "exception", {"exception": "ValueError"}),
        ("Exit", '{"code":3}', "exit code", {"exit_code": 3}),
        ("Exit", '{"code":4,"hard":true}', "exit code", {"exit_code": 4}),
        ("KillSelf", '{"number":9}', "signal", {"signal": 9}),
        ("KillSelf", '{"number":15}', "signal", {"signal": 15}),
        ("PrintAndDie", '{"text":"last words"}', "signal", {"signal": 11, "stdout_tail": "last words"}),
        ("Add", '{"x":"text"}', "bad input", {}),
        ("MakeFifo", "{}", "bad output", {}),
    ],
)
async def test_failures(daemon: FakeDaemon, operator: str, inputs: str, cause: str, fields: dict[str, object]) -> None:
    """Whatever way an operator ends, its attempt ends with one clear cause, and the next one is unharmed."""
    report = await run(daemon, 1, operator, inputs)
    assert not report.success
    assert report.failure.cause == cause
    assert report.failure.message
    for name, value in fields.items():
        assert getattr(report.failure, name) == value
    assert (await run(daemon, 2, "Add", '{"x":1}')).success


async def test_a_full_disk_is_no_fault_of_the_node(daemon: FakeDaemon) -> None:
    """The agent says that space was wanting, so that the node goes elsewhere."""
    report = await run(daemon, 1, "FillDisk")
    assert (report.failure.cause, report.disk_full) == ("staging", True)
    assert "no space is left where it writes: OSError: [Errno 28]" in report.failure.message
    assert "operators.py" in report.failure.traceback


async def test_failure_carries_traceback_and_last_lines(daemon: FakeDaemon) -> None:
    """A failure shows where it was raised, and what was printed last."""
    failure = (await run(daemon, 1, "Fail", '{"message":"too bad"}')).failure
    assert "operators.py" in failure.traceback
    assert "too bad" in failure.traceback
    assert failure.stderr_tail == "about to fail\n"


async def test_a_crash_fails_only_what_ran(daemon: FakeDaemon, tmp_path: Path) -> None:
    """Of the attempts that were handed to a worker ahead of time, a crash fails the one that ran; the rest run once."""
    ledger = tmp_path / "ledger"
    effects = daemon.node_class("Effect", 1)
    inputs = json.dumps({"ledger": str(ledger), "name": "effect"})
    daemon.assign(effects, [1], inputs)
    await daemon.report(1)
    daemon.assign(effects, [2], inputs)
    for no in range(3, 200):
        daemon.assign(effects, [no], inputs, reserved=False)
    daemon.assign(daemon.node_class("Exit", 2), range(200, 210), '{"code":1,"hard":true}')
    await daemon.until(lambda: len(daemon.reports) == 209)
    assert all(daemon.reports[no].success for no in range(1, 200))
    assert all(daemon.reports[no].failure.exit_code == 1 for no in range(200, 210))
    assert ledger.read_text().count("effect") == 199


@pytest.mark.parametrize("operator", ["Sleep", "Stubborn"])
async def test_time_out(daemon: FakeDaemon, operator: str) -> None:
    """An attempt that runs too long is killed, even if it ignores SIGTERM."""
    report = await run(daemon, 1, operator, '{"seconds":60.0}', timeout_ms=300)
    assert report.failure.cause == "time-out"
    assert "300 ms" in report.failure.message
    assert 300_000 <= report.metrics.wall_us < 50_000_000


async def test_stop(daemon: FakeDaemon) -> None:
    """A stopped attempt is reported as killed, whether it runs or waits."""
    sleepers = daemon.node_class("Sleep", 1)
    daemon.assign(sleepers, [1], '{"seconds":60.0}')
    daemon.assign(sleepers, [2, 3], '{"seconds":60.0}', reserved=False)
    daemon.send(agents_pb2.DaemonMessage(stop=agents_pb2.Stop(attempts=[3])))
    assert (await daemon.report(3)).failure.cause == "killed"
    daemon.send(agents_pb2.DaemonMessage(stop=agents_pb2.Stop(attempts=[1, 2])))
    assert (await daemon.report(1)).failure.cause == "killed"
    assert (await daemon.report(2)).failure.cause == "killed"


async def test_recall(daemon: FakeDaemon, tmp_path: Path) -> None:
    """What waits is given back; what runs is not."""
    gate = tmp_path / "gate"
    effects = daemon.node_class("Effect", 1)
    inputs = json.dumps({"ledger": str(tmp_path / "ledger"), "name": "effect", "gate": str(gate)})
    daemon.assign(effects, [1], inputs)
    daemon.assign(effects, [2], inputs, reserved=False)
    daemon.send(agents_pb2.DaemonMessage(recall=agents_pb2.Recall(attempts=[1, 2])))
    await daemon.until(lambda: bool(daemon.recalled))
    assert list(daemon.recalled[0].withdrawn) == [2]
    assert list(daemon.recalled[0].started) == [1]
    gate.touch()
    assert (await daemon.report(1)).success
    assert 2 not in daemon.reports


async def test_long_attempts_do_not_keep_short_ones_waiting(daemon: FakeDaemon, tmp_path: Path) -> None:
    """Attempts that were handed to a worker behind one that turns out long go to another worker."""
    gate = tmp_path / "gate"
    ledger = {"ledger": str(tmp_path / "ledger"), "name": "effect"}
    short, long = json.dumps(ledger), json.dumps({**ledger, "gate": str(gate)})
    effects = daemon.node_class("Effect", 1)
    for no in range(1, 30):
        daemon.assign(effects, [no], short)
        await daemon.report(no)
    daemon.assign(effects, [100, 101], short)
    daemon.assign(effects, [102], long, reserved=False)
    for no in range(103, 200):
        daemon.assign(effects, [no], short, reserved=False)
    await daemon.until(lambda: len(daemon.reports) == 29 + 99)
    assert 102 not in daemon.reports
    gate.touch()
    assert (await daemon.report(102)).success


async def test_memory_limit(daemon: FakeDaemon) -> None:
    """An attempt that needs more memory than its limit ends as out of memory; others go on."""
    report = await run(daemon, 1, "Eat", '{"mib":400}', memory=128 << 20)
    assert report.failure.cause == "out of memory"
    assert "128.0 MiB" in report.failure.message
    assert (await run(daemon, 2, "Eat", '{"mib":4}', memory=128 << 20)).success


async def test_surroundings_are_restored(daemon: FakeDaemon) -> None:
    """Folder, environment, umask, signal handlers and streams are as ever, whatever the node before did."""
    await run(daemon, 1, "Litter")
    await run(daemon, 2, "Spoil")
    report = await run(daemon, 3, "Surroundings", node="run3/The-Node", number=2)
    found = json.loads(report.outputs["value"])
    found.pop("pid")
    assert found == {
        "cwd": "True",
        "entries": "[]",
        "spoiled": "",
        "umask": "0o22",
        "term": "True",
        "run": "run3",
        "node": "The-Node",
        "attempt": "3",
        "attempt_no": "2",
        "key": "run3/The-Node",
        "child": "run3",
        "token": "",
        "hash": "0",
        "tz": "UTC",
        "threads": "1",
    }
    assert await daemon.logs(3) == (b"here\n", b"", "")


async def test_workers_stay_warm_unless_something_is_left_behind(daemon: FakeDaemon) -> None:
    """One process runs node after node; a leftover thread or process, or isolation, gives the next a new one."""
    pids = [json.loads((await run(daemon, no, "Pid")).outputs["value"]) for no in (1, 2)]
    assert pids[0] == pids[1]
    thread = json.loads((await run(daemon, 3, "LeaveThread")).outputs["value"])
    process = json.loads((await run(daemon, 4, "LeaveProcess")).outputs["value"])
    alone = [json.loads((await run(daemon, no, "IsolatedPid")).outputs["value"]) for no in (5, 6)]
    last = json.loads((await run(daemon, 7, "Pid")).outputs["value"])
    assert len({pids[0], thread}) == 1
    assert len({thread, process, *alone, last}) == 5


@pytest.mark.parametrize(
    ("operator", "inputs"),
    [("Scribble", '{"form":"noise"}'), ("Scribble", '{"form":"frames"}'), ("ScribbleOnPages", "{}")],
)
async def test_stray_writes_harm_nobody_else(daemon: FakeDaemon, operator: str, inputs: str) -> None:
    """An operator that writes into its worker's own files or memory fails alone; agent and other nodes go on."""
    daemon.assign(daemon.node_class("Sleep", 1), [1], '{"seconds":2.0}')
    await run(daemon, 2, operator, inputs)
    assert (await daemon.report(1)).success
    assert (await run(daemon, 3, "Add", '{"x":2}')).success


async def test_a_stopped_template_is_woken_up(daemon: FakeDaemon, agent: AgentProcess) -> None:
    """An operator that stops its parent process disables neither time-outs nor the end of the agent."""
    report = await run(daemon, 1, "StopParent", '{"seconds":60.0}', timeout_ms=500)
    assert report.failure.cause == "time-out"
    assert (await run(daemon, 2, "StopParent", '{"seconds":0.0}')).success
    assert await agent.stop() == 0


async def test_workers_of_a_stopped_template_die_with_the_agent(daemon: FakeDaemon, agent: AgentProcess) -> None:
    """Nobody outlives an agent that is killed while a template is stopped."""
    pid = json.loads((await run(daemon, 1, "StopParent", '{"seconds":0.0}')).outputs["value"])
    assert is_alive(pid)
    agent.kill()
    await gone(daemon, [pid])


async def test_nothing_outlives_a_killed_attempt(daemon: FakeDaemon, tmp_path: Path) -> None:
    """With an attempt that is stopped die its children, those in other sessions and those of dead parents too."""
    marker = tmp_path / "pids"
    daemon.assign(daemon.node_class("Escape", 1), [1], json.dumps({"marker": str(marker)}))
    pids = await processes_in(daemon, marker)
    daemon.send(agents_pb2.DaemonMessage(stop=agents_pb2.Stop(attempts=[1])))
    await daemon.report(1)
    await gone(daemon, pids)


async def test_nothing_outlives_a_killed_agent(daemon: FakeDaemon, agent: AgentProcess, tmp_path: Path) -> None:
    """After SIGKILL of the agent, no process that it or its operators started is left."""
    marker = tmp_path / "pids"
    daemon.assign(daemon.node_class("Escape", 1), [1], json.dumps({"marker": str(marker)}))
    pids = await processes_in(daemon, marker)
    pids += descendants(agent.process.pid)
    agent.process.send_signal(signal.SIGKILL)
    await gone(daemon, pids)


async def test_nothing_outlives_a_killed_template(daemon: FakeDaemon, agent: AgentProcess, tmp_path: Path) -> None:
    """What operators had started dies with a template that can't bury it any more; the agent goes on."""
    marker = tmp_path / "pids"
    daemon.assign(daemon.node_class("Escape", 1), [1], json.dumps({"marker": str(marker)}))
    pids = await processes_in(daemon, marker)
    (template,) = [pid for pid in children(agent.process.pid) if set(pids) <= set(descendants(pid))]
    os.kill(template, signal.SIGKILL)
    assert (await daemon.report(1)).failure.cause == "signal"
    await gone(daemon, pids)
    assert agent.process.poll() is None


async def processes_in(daemon: FakeDaemon, marker: Path) -> list[int]:
    """Wait for the three processes of Escape; heartbeats wake the wait."""

    def found() -> list[int]:
        return [int(text) for text in marker.read_text().split()] if marker.exists() else []

    await daemon.until(lambda: len(found()) == 3)
    return found()


async def gone(daemon: FakeDaemon, pids: list[int]) -> None:
    await daemon.until(lambda: not any(is_alive(pid) for pid in pids))


def peak_memory(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # gone before the file was opened, or while it was read
        return False


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(text) for task in tasks for text in (task / "children").read_text().split()]


def descendants(pid: int) -> list[int]:
    return [each for child in children(pid) for each in (child, *descendants(child))]


async def test_logs_belong_to_their_attempts(daemon: FakeDaemon) -> None:
    """Of many short attempts that print, each has exactly its own lines, both streams apart."""
    printers = daemon.node_class("Print", 1)
    daemon.assign(printers, [1, 2], '{"out":"first"}')
    for no in range(3, 150):
        text = json.dumps({"out": f"out {no}\n  indented\n\n", "err": f"err {no}"})
        daemon.assign(printers, [no], text, reserved=False)
    await daemon.until(lambda: len(daemon.reports) == 149)
    for no in (3, 70, 149):
        assert await daemon.logs(no) == (f"out {no}\n  indented\n\n".encode(), f"err {no}".encode(), "")
        assert daemon.reports[no].log_bytes == len(f"out {no}\n  indented\n\nerr {no}")
    assert await daemon.logs(1) == (b"first", b"", "")


async def test_strange_output(daemon: FakeDaemon) -> None:
    """Bytes that aren't UTF-8, a line of a megabyte, output without a line end: all are kept as they are."""
    await run(daemon, 1, "PrintBytes", '{"hexadecimal":"ff00fe0a"}')
    await run(daemon, 2, "Print", json.dumps({"out": "x" * (1 << 20)}))
    await run(daemon, 3, "Add", '{"x":1}')
    assert await daemon.logs(1) == (bytes.fromhex("ff00fe0a"), b"", "")
    out, err, note = await daemon.logs(2)
    assert out == b"x" * (1 << 20)
    assert (err, note) == (b"", "")
    assert daemon.reports[3].log_bytes == 0


async def test_a_flood_of_output_is_cut(daemon: FakeDaemon, agent: AgentProcess) -> None:
    """What is printed beyond 64 MiB is left out, with a note; others run meanwhile, and memory stays bounded."""
    daemon.assign(daemon.node_class("Print", 1), [1], json.dumps({"out": "x" * 65535 + "\n", "times": 3000}))
    assert (await run(daemon, 2, "Add", '{"x":1}')).success
    report = await daemon.report(1)
    assert report.success
    assert report.log_bytes == 64 << 20
    answer = agents_pb2.LogRequest(request=1, attempt=1, offset=(64 << 20) - 10)
    daemon.send(agents_pb2.DaemonMessage(log=answer))
    await daemon.until(lambda: any(message.logs.request == 1 for message in daemon.others))
    found = daemon.others[-1].logs
    assert found.end
    assert found.note == "the log was cut after 67,108,864 bytes; 129,499,136 bytes were left out"
    assert peak_memory(agent.process.pid) < 300 << 20


async def test_logs_can_be_followed(daemon: FakeDaemon) -> None:
    """What a running attempt has printed can be read before it ends."""
    daemon.assign(daemon.node_class("Stubborn", 2), [2], '{"seconds":60.0}')
    daemon.assign(daemon.node_class("Escape", 1), [1], '{"marker":"/dev/null"}')
    daemon.send(agents_pb2.DaemonMessage(log=agents_pb2.LogRequest(request=9, attempt=1, offset=0)))
    await daemon.until(lambda: any(message.logs.request == 9 for message in daemon.others))
    assert not daemon.others[-1].logs.end
    daemon.send(agents_pb2.DaemonMessage(stop=agents_pb2.Stop(attempts=[1, 2])))
    await daemon.report(1)


async def test_exit_while_idle(daemon: FakeDaemon, agent: AgentProcess) -> None:
    """A worker that somebody kills while it is idle is replaced in silence."""
    pid = json.loads((await run(daemon, 1, "Pid")).outputs["value"])
    os.kill(pid, signal.SIGKILL)
    report = await run(daemon, 2, "Pid")
    assert report.success
    assert json.loads(report.outputs["value"]) != pid
    assert agent.process.poll() is None
