"""Files that operators read while they work are touched under a running agent: their content decides."""

import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from accio.v1 import agents_pb2
from tests.integration.agent.conftest import AgentProcess
from tests.integration.agent.fake_daemon import FakeDaemon

READING = '''
"""Operators that read from disk while they work, once they may."""
import importlib, time
from pathlib import Path
from accio.sdk.declare import operator

here = Path(__file__).parent

def wait(name):
    (here / f"begun-{name}").touch()
    while name and not (here / f"go-{name}").exists():
        time.sleep(0.01)

@operator
def Late(before: str = "", after: str = "") -> int:
    wait(before)
    from late import VALUE
    wait(after)
    return VALUE

@operator(version="1")
def Uncounted(module: str = "other") -> int:
    return importlib.import_module(f"helpers.{module}").VALUE

@operator(files=["table.txt"])
def Table(after: str = "") -> int:
    value = int((here / "table.txt").read_text())
    wait(after)
    return value
'''


def _link(path: Path) -> None:
    os.link(path, path.with_suffix(".linked"))


def _own_again(path: Path) -> None:
    os.chown(path, os.getuid(), os.getgid())


def _restore(path: Path) -> None:
    other = path.with_suffix(".restored")
    other.write_bytes(path.read_bytes())
    other.rename(path)


def _write_again(path: Path) -> None:
    path.write_bytes(path.read_bytes())


TOUCHES: dict[str, Callable[[Path], None]] = {
    "linked": _link,
    "with other rights": lambda path: path.chmod(0o600),
    "owned anew": _own_again,
    "with another time": lambda path: os.utime(path, (1, 1)),
    "restored": _restore,
    "written again": _write_again,
}


@pytest.fixture
async def agent(daemon: FakeDaemon, tmp_path: Path) -> AsyncIterator[AgentProcess]:
    """An agent with operators that read files."""
    (tmp_path / "reading.py").write_text(READING)
    (tmp_path / "late.py").write_text("VALUE = 1\n")
    (tmp_path / "table.txt").write_text("1")
    (tmp_path / "helpers").mkdir()
    (tmp_path / "helpers" / "__init__.py").touch()
    (tmp_path / "helpers" / "deep.py").write_text("VALUE = 1\n")
    (tmp_path / "helpers" / "other.py").write_text("VALUE = 1\n")
    running = AgentProcess(tmp_path, daemon.address, "--operators", str(tmp_path / "reading.py"))
    try:
        await daemon.connected()
        yield running
    finally:
        await running.stop(signal.SIGTERM)
        await daemon.stop()


def _assign(daemon: FakeDaemon, no: int, operator: str, inputs: str = "{}") -> None:
    daemon.assign(daemon.node_class(operator, 100 + no), [no], inputs)


async def _run(daemon: FakeDaemon, no: int, operator: str, inputs: str = "{}") -> agents_pb2.Report:
    _assign(daemon, no, operator, inputs)
    return await daemon.report(no)


def _given_back(daemon: FakeDaemon) -> list[int]:
    return [no for each in daemon.recalled for no in each.withdrawn]


@pytest.mark.usefixtures("agent")
async def test_files_that_were_only_touched_are_read(daemon: FakeDaemon, tmp_path: Path) -> None:
    """A hard link, rights, an owner, a time, equal bytes: what is imported after them counts."""
    for no, touch in enumerate(TOUCHES.values(), start=1):
        touch(tmp_path / "late.py")
        touch(tmp_path / "table.txt")
        for number, operator in ((2 * no, "Late"), (2 * no + 1, "Table")):
            report = await _run(daemon, number, operator)
            assert (report.outputs["value"], report.failure.message) == ("1", "")
    assert _given_back(daemon) == []


@pytest.mark.usefixtures("agent")
async def test_files_that_no_digest_counts(daemon: FakeDaemon, tmp_path: Path) -> None:
    """A module of an operator with a version of its own may be linked to, and not be written."""
    deep = tmp_path / "helpers" / "deep.py"
    assert (await _run(daemon, 1, "Table")).outputs["value"] == "1", "what was imported is what was announced"
    other = deep.with_name("other.py")
    other.write_text("VALUE = 20\n")
    assert f"{other} has changed since the agent started" in (await _run(daemon, 2, "Uncounted")).failure.message
    TOUCHES["linked"](deep)
    assert (await _run(daemon, 3, "Uncounted", '{"module":"deep"}')).outputs["value"] == "1"


@pytest.mark.usefixtures("agent")
async def test_files_that_are_touched_during_an_execution(daemon: FakeDaemon, tmp_path: Path) -> None:
    """A module that was imported before counts as it was; where it isn't known what was read, it is read again."""
    for no, touch in enumerate(TOUCHES.values(), start=1):
        _assign(daemon, no, "Late", f'{{"after":"{no}"}}')
        await daemon.until((tmp_path / f"begun-{no}").exists)
        touch(tmp_path / "late.py")
        (tmp_path / f"go-{no}").touch()
        assert (await daemon.report(no)).outputs["value"] == "1"
    assert _given_back(daemon) == []
    _assign(daemon, 50, "Table", '{"after":"table"}')
    await daemon.until((tmp_path / "begun-table").exists)
    TOUCHES["linked"](tmp_path / "table.txt")
    (tmp_path / "go-table").touch()
    await daemon.until(lambda: _given_back(daemon) == [50])
    assert (await _run(daemon, 51, "Table", '{"after":"table"}')).outputs["value"] == "1"


async def test_what_was_read_otherwise_is_never_kept(daemon: FakeDaemon, agent: AgentProcess, tmp_path: Path) -> None:
    """Other content fails; other content that is put back before anybody has looked is executed again."""
    late = tmp_path / "late.py"
    before = late.stat()
    assert (await _run(daemon, 9, "Table")).outputs["value"] == "1", "what was imported is what was announced"
    late.write_text("VALUE = 20\n")
    os.utime(late, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert f"{late} has changed since the agent started" in (await _run(daemon, 1, "Late")).failure.message
    _assign(daemon, 2, "Late", '{"after":"back"}')
    await daemon.until((tmp_path / "begun-back").exists)
    late.write_text("VALUE = 1\n")
    os.utime(late, ns=(before.st_atime_ns, before.st_mtime_ns))
    (tmp_path / "go-back").touch()
    await daemon.until(lambda: _given_back(daemon) == [2])
    assert (await _run(daemon, 3, "Late", '{"after":"back"}')).outputs["value"] == "1"
    assert "Traceback" not in agent.said
