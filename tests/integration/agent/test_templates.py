"""Templates: operators that are programs, that leave threads at import, that change, and templates that die."""

import gc
import json
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from accio.collector import RARELY
from accio.sdk.catalogue import discover
from accio.v1 import agents_pb2
from accio_agent.agent.running import start_templates
from tests.integration.agent.conftest import AgentProcess
from tests.integration.agent.fake_daemon import FakeDaemon

THREADED = '''
"""An operator whose import leaves a thread behind."""
import os, threading, time
from accio.sdk.declare import operator

threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()

@operator(version="1")
def Threaded(seconds: float = 0.0) -> int:
    time.sleep(seconds)
    return os.getppid()
'''

READING = '''
"""Operators that read from disk while they work."""
from pathlib import Path
from accio.sdk.declare import operator

@operator
def Late() -> int:
    from late import VALUE
    return VALUE

@operator(files=["table.txt"])
def Table() -> int:
    return int((Path(__file__).parent / "table.txt").read_text())

@operator
def Plain() -> int:
    return 0
'''

COLLECTED = '''
"""An operator that tells how often the collector of cycles looks."""
import gc, json
from accio.sdk.declare import operator

at_import = gc.get_threshold()

@operator(version="1")
def Collected(n: int) -> str:
    return json.dumps([at_import, gc.get_threshold()])
'''

GATED = '''
"""An operator whose second import, a template's, waits before it goes on."""
import time
from pathlib import Path
from accio.sdk.declare import operator

here = Path(__file__).parent
if (here / "described").exists():
    (here / "waits").touch()
    while not (here / "gate").exists():
        time.sleep(0.01)
(here / "described").touch()

from gated_helper import VALUE

@operator(version="1")
def Gated() -> int:
    (here / "ran").touch()
    return VALUE
'''

SCRIPT = """#!/bin/sh
echo "to stdout $ACCIO_NODE"
read -r document < "$ACCIO_INPUTS"
case "$document" in
    *fail*) echo "it failed" >&2; exit 3 ;;
    *hang*) echo $$ > "$MARKER"; sleep 300; exit 0 ;;
esac
echo '{"text": "done"}' > "$ACCIO_OUTPUTS"
"""


@pytest.fixture
async def agent(daemon: FakeDaemon, tmp_path: Path) -> AsyncIterator[AgentProcess]:
    """An agent with operators of several sources."""
    (tmp_path / "threaded.py").write_text(THREADED)
    script = tmp_path / "script.sh"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    declaration = {
        "name": "Script",
        "command": ["script.sh"],
        "files": ["script.sh"],
        "environment": {"MARKER": str(tmp_path / "marker")},
        "inputs": [{"name": "what", "type": "string"}],
        "outputs": [{"name": "text", "type": "string"}],
    }
    (tmp_path / "script.json").write_text(json.dumps(declaration))
    sources = [str(tmp_path / name) for name in ("threaded.py", "script.json")]
    running = AgentProcess(tmp_path, daemon.address, *(word for each in sources for word in ("--operators", each)))
    try:
        await daemon.connected()
        yield running
    finally:
        running.kill()


async def run(daemon: FakeDaemon, no: int, operator: str, inputs: str, timeout_ms: int = 0) -> agents_pb2.Report:
    daemon.assign(daemon.node_class(operator, 100 + no, timeout_ms=timeout_ms), [no], inputs)
    return await daemon.report(no)


def _given_back(daemon: FakeDaemon, hello: agents_pb2.Hello) -> set[int]:
    """Return what was withdrawn in a session, or isn't held any more as it opens."""
    assigned = set(range(1, 10)) - {each.attempt for each in hello.held}
    return assigned | {no for each in daemon.recalled for no in each.withdrawn}


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


@pytest.mark.usefixtures("agent")
async def test_programs(daemon: FakeDaemon, tmp_path: Path) -> None:
    """A program's outputs, exit code and output are taken; one that hangs is killed with all that it started."""
    done = await run(daemon, 1, "Script", '{"what":"work"}')
    assert dict(done.outputs) == {"text": '"done"'}
    assert await daemon.logs(1) == (b"to stdout Node\n", b"", "")
    failed = await run(daemon, 2, "Script", '{"what":"fail"}')
    assert (failed.failure.cause, failed.failure.exit_code) == ("exit code", 3)
    assert failed.failure.stderr_tail == "it failed\n"
    hung = await run(daemon, 3, "Script", '{"what":"hang"}', timeout_ms=5000)
    assert hung.failure.cause == "time-out"
    pid = int((tmp_path / "marker").read_text())
    await daemon.until(lambda: not Path(f"/proc/{pid}").exists())


async def test_operators_are_collected_as_by_python(daemon: FakeDaemon, tmp_path: Path) -> None:
    """The collector of cycles looks rarely while operators are imported, and as ever while they are executed."""
    (tmp_path / "collected.py").write_text(COLLECTED, encoding="utf-8")
    running = AgentProcess(tmp_path, daemon.address, "--operators", str(tmp_path / "collected.py"))
    try:
        await daemon.connected()
        report = await run(daemon, 1, "Collected", '{"n":1}')
    finally:
        running.kill()
    at_import, executed = json.loads(json.loads(report.outputs["value"]))
    assert at_import[0] == RARELY
    assert executed == list(gc.get_threshold())


@pytest.mark.usefixtures("agent")
async def test_workers_are_executed_anew_where_a_fork_would_be_unsafe(daemon: FakeDaemon) -> None:
    """Operators whose import leaves a thread run all the same, stay warm, and can be stopped."""
    first = await run(daemon, 1, "Threaded", "{}")
    second = await run(daemon, 2, "Threaded", "{}")
    assert first.success
    assert first.outputs["value"] == second.outputs["value"]
    assert (await run(daemon, 3, "Threaded", '{"seconds":60.0}', timeout_ms=300)).failure.cause == "time-out"


async def test_a_template_that_dies_is_replaced(daemon: FakeDaemon, agent: AgentProcess, tmp_path: Path) -> None:
    """With a template die its workers; what they ran fails, what waited runs under the next one."""
    pid = json.loads((await run(daemon, 1, "Pid", "{}")).outputs["value"])
    effects = daemon.node_class("Effect", 1)
    inputs = json.dumps({"ledger": str(tmp_path / "ledger"), "name": "effect", "seconds": 60.0})
    daemon.assign(effects, [2], inputs)
    daemon.assign(effects, [3], inputs.replace("60.0", "0.0"), reserved=False)
    await daemon.until(lambda: (tmp_path / "ledger").exists())
    os.kill(parent(pid), signal.SIGKILL)
    assert (await daemon.report(2)).failure.cause == "signal"
    assert (await daemon.report(3)).success
    assert agent.process.poll() is None


async def test_operators_that_changed_are_not_run(daemon: FakeDaemon, agent: AgentProcess, tmp_path: Path) -> None:
    """A template isn't started again from other files than those that were announced: what it was to do is given back,
    and its operators are withheld until the edit is undone; other operators go on.
    """
    template = json.loads((await run(daemon, 1, "Threaded", "{}")).outputs["value"])
    (tmp_path / "threaded.py").write_text(THREADED.replace("getppid()", "getpid()"))
    assert (await run(daemon, 2, "Threaded", "{}")).outputs["value"] == str(template)
    os.kill(template, signal.SIGKILL)
    await daemon.until(lambda: not Path(f"/proc/{template}").exists())
    daemon.assign(daemon.node_class("Threaded", 103), [3, 4, 5, 6], "{}")
    withheld = await daemon.connected(2)
    assert any(message.stale.loading for message in daemon.others), "who submits meanwhile waits for this session"
    assert "Threaded" not in [each.name for each in withheld.operators]
    assert [*withheld.left_out] == [
        "Threaded: the code was edited before it was loaded as announced; undo the edit, or start the agent again"
    ]
    await daemon.until(lambda: _given_back(daemon, withheld) >= {3, 4, 5, 6})
    assert (await run(daemon, 7, "Pid", "{}")).success
    (tmp_path / "threaded.py").write_text(THREADED)
    undone = await daemon.connected(3)
    assert "Threaded" in [each.name for each in undone.operators]
    assert [*undone.left_out] == []
    assert (await run(daemon, 8, "Threaded", "{}")).success
    assert not daemon.reports.keys() & {3, 4, 5, 6}
    assert agent.process.poll() is None


@pytest.mark.parametrize("edited", ["VALUE = 2\n", "VALUE = (\n"], ids=["edited", "half-written"])
async def test_nothing_is_run_of_what_changed_while_it_was_imported(
    daemon: FakeDaemon, tmp_path: Path, edited: str
) -> None:
    """An edit between the announcement and the import of a template: its work is given back, and has never run. With
    the edit undone it runs.
    """
    (tmp_path / "gated.py").write_text(GATED)
    (tmp_path / "gated_helper.py").write_text("VALUE = 1\n")
    running = AgentProcess(tmp_path, daemon.address, "--operators", str(tmp_path / "gated.py"))
    try:
        await daemon.connected()
        await daemon.until(lambda: (tmp_path / "waits").exists())
        daemon.assign(daemon.node_class("Gated", 101), [1, 2, 3, 4], "{}")
        (tmp_path / "gated_helper.py").write_text(edited)
        (tmp_path / "gate").touch()
        withheld = await daemon.connected(2)
        assert "Gated" not in [each.name for each in withheld.operators]
        await daemon.until(lambda: _given_back(daemon, withheld) >= {1, 2, 3, 4})
        assert not daemon.reports
        assert not (tmp_path / "ran").exists()
        (tmp_path / "gated_helper.py").write_text("VALUE = 1\n")
        assert "Gated" in [each.name for each in (await daemon.connected(3)).operators]
        assert (await run(daemon, 5, "Gated", "{}")).outputs["value"] == "1"
    finally:
        await running.stop(signal.SIGTERM)
        await daemon.stop()


async def test_nothing_is_kept_of_what_changed_under_a_worker(daemon: FakeDaemon, tmp_path: Path) -> None:
    """A program, a declared file, a module imported late: edited under an agent they fail until it is started again."""
    (tmp_path / "reading.py").write_text(READING)
    (tmp_path / "late.py").write_text("VALUE = 1\n")
    (tmp_path / "table.txt").write_text("1")
    (tmp_path / "tool.sh").write_text('echo \'{"value": 1}\' > "$ACCIO_OUTPUTS"\n')
    declaration = {"name": "Tool", "command": ["sh", "tool.sh"], "files": ["tool.sh"]}
    outputs = [{"name": "value", "type": "integer"}]
    (tmp_path / "tool.json").write_text(json.dumps({**declaration, "outputs": outputs}))
    sources = [str(tmp_path / name) for name in ("reading.py", "tool.json")]
    running = AgentProcess(tmp_path, daemon.address, *(word for each in sources for word in ("--operators", each)))
    try:
        await daemon.connected()
        for number, name in enumerate(("Tool", "Table"), start=1):
            assert (await run(daemon, number, name, "{}")).outputs["value"] == "1"
        (tmp_path / "late.py").write_text("VALUE = 2\n")
        (tmp_path / "table.txt").write_text("2")
        (tmp_path / "tool.sh").write_text('echo \'{"value": 2}\' > "$ACCIO_OUTPUTS"\n')
        for number, (name, file) in enumerate(
            (("Tool", "tool.sh"), ("Table", "table.txt"), ("Late", "late.py")), start=3
        ):
            failure = (await run(daemon, number, name, "{}")).failure
            assert f"{tmp_path / file} has changed since the agent started" in failure.message
        assert (await run(daemon, 6, "Plain", "{}")).outputs["value"] == "0", "another worker has nothing of it"
        (tmp_path / "tool.sh").write_text('echo \'{"value": 1}\' > "$ACCIO_OUTPUTS"\n')
        assert (await run(daemon, 7, "Tool", "{}")).outputs["value"] == "1"
    finally:
        await running.stop(signal.SIGTERM)
        await daemon.stop()


async def test_templates_of_operators_that_nobody_named_start_when_needed(tmp_path: Path) -> None:
    """An agent starts processes for what it was told to offer; those for what merely is installed wait for a node."""
    code = "from accio import operator\n@operator\ndef {name}() -> int:\n    return 1\n"
    for name in ("Named", "Installed"):
        (tmp_path / f"{name.lower()}.py").write_text(code.format(name=name))
    found = discover(["named.py", "installed.py"], folder=tmp_path, cache=None, installed=False)
    named = str(tmp_path / "named.py")
    assert found.named == {named, str(tmp_path / "installed.py")}
    started = start_templates(replace(found, named=frozenset({named})), tmp_path)
    try:
        assert [pool.split("\0")[1:] for pool in started] == [[named]]
    finally:
        for template in started.values():
            template.close()
