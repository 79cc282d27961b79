"""The command line in a terminal: progress, and tables that fit its width."""

import os
import pty
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from accio.v1 import accio_pb2, pools_pb2, runs_pb2, values_pb2, workload_pb2
from accio_client.cli.text import local_time
from accio_client.clock import now
from tests.integration.client.fake_daemon import RUN, FakeDaemon, run, updates


def test_a_terminal_shows_progress_and_tables(daemon: FakeDaemon) -> None:
    """On a terminal --wait shows a bar with nodes and failures, and lists are drawn; escapes stay harmless."""
    daemon.answers["SubmitAndWatch"] = updates(
        runs_pb2.RUN_STATE_SCHEDULED, runs_pb2.RUN_STATE_RUNNING, runs_pb2.RUN_STATE_FAILED
    )
    daemon.answers["List"] = accio_pb2.ListResponse(runs=[run(name="evil\x1b[2J")])
    code, shown = on_a_terminal("submit", "--wait", "w")
    assert code == 3
    assert "2/2 nodes" in shown
    assert "\x1b[31m━" in shown, "the bar of a failed run is red"
    assert f"{RUN}/Boom failed" in shown
    assert "boom\\x1b[31m" in shown.replace("\r\n", "")
    code, shown = on_a_terminal("get", "runs")
    assert code == 0
    assert "\x1b[1m" in shown
    assert "\x1b[2J" not in shown
    assert "\x1b" not in on_a_terminal("get", "runs", NO_COLOR="1")[1]


def on_a_terminal(*arguments: str, **environment: str) -> tuple[int, str]:
    """Exit code and everything that a terminal got."""
    ours, theirs = pty.openpty()
    surroundings = {"PYTHONPATH": str(Path(__file__).parents[3]), "TERM": "xterm", "COLUMNS": "300"}
    everything = os.environ | surroundings | environment
    process = subprocess.Popen(
        [sys.executable, "-m", "accio_client.cli.main", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=everything,
    )
    os.close(theirs)
    shown = bytearray()
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # Linux says so when the last of the other ends is closed
        pass
    os.close(ours)
    return process.wait(), shown.decode()


def test_an_attempt_at_an_agent_that_was_removed_says_so(daemon: FakeDaemon) -> None:
    """Where the agent's name isn't known any more, the table of attempts doesn't leave its place empty."""
    attempt = runs_pb2.Attempt(id=7, state="failed", started_at_ms=1, ended_at_ms=2)
    node = runs_pb2.Node(run=RUN, name="A", operator="A", state=runs_pb2.NODE_STATE_FAILED)
    daemon.answers["GetNode"] = runs_pb2.NodeDetails(node=node, attempts=[attempt])
    code, shown = on_a_terminal("describe", "node", f"{RUN}/A", NO_COLOR="1")
    assert code == 0
    assert shown.rstrip().splitlines()[-1].split()[:3] == ["7", "removed", "failed"]


@pytest.mark.parametrize("width", ["200", "60", "24"])
def test_an_empty_list_says_so(daemon: FakeDaemon, width: str) -> None:
    """However narrow the terminal: the names of the columns, and nothing below them."""
    daemon.answers["ListAllocations"] = pools_pb2.ListAllocationsResponse()
    code, shown = on_a_terminal("get", "allocations", COLUMNS=width)
    assert (code, "POOL" in shown, len(shown.splitlines())) == (0, True, 1)


@pytest.mark.parametrize("width", ["80", "50", "24"])
def test_ids_are_whole_in_tables(daemon: FakeDaemon, width: str) -> None:
    """However narrow a terminal that an id fits on: it stands on one line."""
    child = f"{RUN}.1234"
    daemon.answers["List"] = accio_pb2.ListResponse(
        runs=[run(child, name="a name of many words", tags=["one", "two"], label="epsilon=0.00001")]
    )
    for arguments in (["get", "runs"], ["get", "runs", f"-parent={RUN}"]):
        code, shown = on_a_terminal(*arguments, COLUMNS=width)
        assert code == 0
        assert child in shown


def test_runs_are_a_table_in_80_columns(daemon: FakeDaemon) -> None:
    """The columns that matter least are left out before rows are broken up into lists of facts."""
    daemon.answers["List"] = accio_pb2.ListResponse(
        runs=[run(RUN, name="More readings, less error", tags=["first", "geolife"], workflow_id="measuring")]
    )
    code, shown = on_a_terminal("get", "runs", COLUMNS="80")
    assert code == 0
    head = shown.splitlines()[0]
    assert all(word in head for word in ("ID", "STATE", "PROGRESS", "WORKFLOW", "NAME"))
    assert "OWNER" not in head
    assert "id:" not in shown


def test_agents_are_shown_with_their_windows(daemon: FakeDaemon) -> None:
    """A column says when nothing begins there, if that is so of any of them; now and to come."""
    hour = timedelta(hours=1)
    times = [(now() + begins, now() + 5 * hour) for begins in (-hour, hour)]
    windows = [
        workload_pb2.AgentWindow(
            name="patch day", begins_at_ms=int(begins.timestamp() * 1000), ends_at_ms=int(ends.timestamp() * 1000)
        )
        for begins, ends in times
    ]
    agents = [accio_pb2.Agent(name=f"w{number}", state="connected", window=each) for number, each in enumerate(windows)]
    daemon.answers["ListAgents"] = accio_pb2.ListAgentsResponse(agents=[*agents, accio_pb2.Agent(name="other")])
    _, shown = on_a_terminal("get", "agents")
    head, first, second, other = shown.splitlines()
    assert "WINDOW" in head
    assert f"now, to {local_time(times[0][1])}: patch day" in first
    assert f"{local_time(times[1][0])} to {local_time(times[1][1])}: patch day" in second
    assert "patch day" not in other


def test_agents_are_a_table_in_80_columns(daemon: FakeDaemon) -> None:
    """What a narrow terminal has no space for is left out, and rows stay rows; a pipe gets every column."""
    named = accio_pb2.Agent(
        name="workstation-12",
        state="connected",
        resources=values_pb2.Resources(milli_cpus=16_000, memory=64 << 30, disk=900 << 30, gpus=2),
        reserved=values_pb2.Resources(milli_cpus=12_000, memory=48 << 30),
        operators=27,
        last_seen_ms=1_790_000_000_000,
        lease_left_ms=14_000,
        running=12,
    )
    lost = accio_pb2.Agent(name="w2", state="suspect", reason="no heartbeat since 12 s", last_seen_ms=1)
    daemon.answers["ListAgents"] = accio_pb2.ListAgentsResponse(agents=[named, lost])
    code, shown = on_a_terminal("get", "agents", COLUMNS="80")
    assert code == 0
    head = shown.splitlines()[0]
    assert all(word in head for word in ("NAME", "STATE", "RUNNING", "RESERVED", "OF", "REASON"))
    assert "LEASE" not in head
    assert "name:" not in shown
    assert "LEASE" in on_a_terminal("get", "agents", COLUMNS="200")[1].splitlines()[0]
