"""The command line against a real gRPC server: exit codes, streams, documents, and what it asks of the daemon."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from accio.content.manifest import of_folder
from accio.domain.axes import Axis
from accio.domain.datatypes import LONG
from accio.domain.sweeps import Sweep
from accio.errors import FailedPrecondition, Internal, NotFound
from accio.v1 import accio_pb2, runs_pb2, values_pb2
from accio.wire.packing import pack_places
from tests.integration.client.fake_daemon import RUN, FakeDaemon, refuse, run, submit_answer, updates


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["submit"], 1, "or -from=RUN, found none"),
        (["token", "create"], 1, "missing option '-kind'. Choose one of user, agent"),
        (["submit", "typo/run.json"], 1, "typo/run.json: no such file"),
        (["submit", "run.json"], 1, "run.json: no such file"),
        (["submit", "w", "epsilon"], 1, "expected NAME=VALUE for a parameter, found 'epsilon'"),
        (["submit", "w", "-workflow=v"], 1, "there is no option -workflow"),
        (["submit", "w", "-repeat=many"], 1, "value for '-repeat': 'many' is not a valid integer"),
        (["submit", "w", "-nocache", "-refresh"], 1, "exclude each other"),
        (["push", "missing-file.json"], 1, "missing-file.json: no such file"),
        (["push", "."], 1, "expected a JSON file, found a folder"),
        (["validate"], 1, "missing argument"),
        (["describe", "run"], 1, "missing argument"),
        (["describe", "node", RUN], 1, "expected RUN/NODE"),
        (["delete", "run"], 1, "nothing to delete"),
        (["kill"], 1, "nothing to kill: give RUN..., or -where=QUERY"),
        (["export"], 1, "nothing to export"),
        (["update", RUN], 1, "nothing to change"),
        (["get"], 1, "runs, workflows"),
        (["get", "rums"], 1, "did you mean `accio get runs`"),
        (["frobnicate"], 1, "frobnicate"),
        (["help", "frobnicate"], 1, "frobnicate"),
        (["get", "runs", "-state=done"], 1, "scheduled, running"),
        (["get", "runs", "-since=yesterday"], 1, "yesterday"),
        (["get", "runs", "-n=0"], 1, "0"),
        (["gc", "-quota=many"], 1, "50GiB"),
        (["export", RUN, "-append", "-force"], 1, "exclude each other"),
        (["export", RUN, "-separator=xy"], 1, "one character"),
    ],
)
def test_mistakes_on_the_command_line(
    daemon: FakeDaemon, accio: Any, arguments: Sequence[str], exit_code: int, message: str
) -> None:
    """A bad command line ends with 1, says what is wrong on stderr, and asks nothing of the daemon."""
    done = accio(*arguments)
    assert done.exit == exit_code
    assert message in done.err
    assert done.out == ""
    assert not daemon.requests


def test_help_names_every_command(accio: Any) -> None:
    """The overview lists the commands, and each of them explains itself."""
    assert all(f"  {word} " in accio("help").out for word in ("push", "get runs", "why", "up", "completion"))
    assert "--wait" in accio("help", "submit").out
    assert "--wait" in accio("submit", "-help").out
    assert "get agents" in accio("help", "get").out


def test_wait_tells_success_from_failure(daemon: FakeDaemon, accio: Any) -> None:
    """--wait ends with 0 after a success and with 3 after anything else, and names the node that failed."""
    daemon.answers["SubmitAndWatch"] = updates(runs_pb2.RUN_STATE_RUNNING, runs_pb2.RUN_STATE_SUCCESS)
    done = accio("submit", "--wait", "probe")
    assert (done.exit, done.out) == (0, f"{RUN} success\n")
    daemon.answers["SubmitAndWatch"] = updates(runs_pb2.RUN_STATE_FAILED)
    done = accio("submit", "--wait", "boom", "-json")
    assert done.exit == 3
    assert done.json["run"]["state"] == "failed"
    assert f"{RUN}/Boom failed: exception: ValueError: boom\\x1b[31m" in done.err
    daemon.answers["Watch"] = updates(runs_pb2.RUN_STATE_KILLED)
    assert accio("watch", RUN).exit == 3


def test_unknown_runs_are_told(daemon: FakeDaemon, accio: Any) -> None:
    """An unknown run ends with 1 and its name; with --json also as a document."""
    daemon.answers["Get"] = refuse(NotFound("there is no run zzzzzzzz"))
    done = accio("describe", "run", "zzzzzzzz")
    assert (done.exit, done.err) == (1, "accio: there is no run zzzzzzzz\n")
    done = accio("describe", "run", "zzzzzzzz", "--json")
    assert done.json == {"schema": "accio/v1", "error": {"code": "not_found", "message": "there is no run zzzzzzzz"}}


def test_a_timeline_asks_for_its_run_once(daemon: FakeDaemon, accio: Any) -> None:
    """What tells the run of a beginning of its id is what the picture is drawn from; a limit is refused as before."""
    ran = runs_pb2.Node(
        run=RUN, name="A", operator="Op", state=runs_pb2.NODE_STATE_SUCCESS, started_at_ms=1_000, ended_at_ms=2_000
    )
    daemon.answers["Get"] = accio_pb2.GetResponse(run=run(), nodes=[ran])
    done = accio("plot", RUN[:6], "-kind=timeline", "-out=x.csv", "-json")
    assert done.exit == 0, done.err
    assert (done.json["run"], [each["node"] for each in done.json["picture"]["spans"]]) == (RUN, ["A"])
    assert [each.nodes for each in daemon.requests["Get"]] == [True]
    done = accio("plot", RUN[:6], "-kind=timeline", "-limit=3")
    assert (done.exit, "a limit is for the timeline of a sweep" in done.err) == (1, True)


def test_failures_tell_what_was_killed(daemon: FakeDaemon, accio: Any) -> None:
    """A sweep that was killed has no failures, and it is said how many children that were, and who knows by whom."""
    sweep = Sweep((Axis("x", LONG, ("1", "2", "3")),))
    head = accio_pb2.ColumnsHead(
        run=run(RUN, kind=runs_pb2.RUN_KIND_PARENT, state=runs_pb2.RUN_STATE_KILLED),
        sweep_json=sweep.to_text(),
        implied=runs_pb2.RUN_STATE_KILLED,
        nodes=["A"],
    )
    done = accio_pb2.ColumnsChunk(first=0, states=bytes([runs_pb2.RUN_STATE_SUCCESS]))
    end = accio_pb2.ColumnsChunk(end=accio_pb2.ColumnsEnd())
    daemon.answers["Columns"] = lambda _: [accio_pb2.ColumnsChunk(head=head), done, end]
    lines = accio("failures", RUN).out.splitlines()
    assert lines[0] == "no node of 3 children has failed"
    assert lines[1].startswith(f"2 were killed, which is no failure; by whom: accio get events {RUN}")
    assert "not ended" not in accio("failures", RUN).err
    assert accio("failures", RUN, "-where=x>3").out == "no child matches\n"


@pytest.mark.parametrize(
    ("where", "again"),
    [
        (["-where=x<=2"], "-failed -where='x<=2'"),
        (["-where=x=1"], "-where=x=1"),
        (["-where=x>=1 or x=7"], "-failed -where='x>=1 or x=7'"),
        ([], "-failed -where=x=1"),
    ],
)
def test_what_was_killed_is_not_run_again_with_the_failures(
    daemon: FakeDaemon, accio: Any, where: list[str], again: str
) -> None:
    """The command that `failures` suggests runs those children again whose failures it shows, and no others."""
    head = accio_pb2.ColumnsHead(
        run=run(RUN, kind=runs_pb2.RUN_KIND_PARENT, state=runs_pb2.RUN_STATE_KILLED),
        sweep_json=Sweep((Axis("x", LONG, ("1", "2", "3")),)).to_text(),
        implied=runs_pb2.RUN_STATE_KILLED,
        nodes=["A"],
    )
    failed = accio_pb2.PackedFailures(
        rows=pack_places([0]),
        nodes=pack_places([0]),
        codes=pack_places([0]),
        reasons=[accio_pb2.FailureReason(cause="exception", exception="ValueError", message="no")],
    )
    chunk = accio_pb2.ColumnsChunk(first=0, states=bytes([runs_pb2.RUN_STATE_FAILED]), failures=failed)
    end = accio_pb2.ColumnsChunk(end=accio_pb2.ColumnsEnd())
    daemon.answers["Columns"] = lambda _: [accio_pb2.ColumnsChunk(head=head), chunk, end]
    assert accio("failures", RUN, *where, "-json").json["retry"].split(f"retry {RUN} ", 1)[1] == again


def test_what_has_not_ended_is_told_beside_what_is_known(daemon: FakeDaemon, accio: Any) -> None:
    """The numbers and failures of a run that goes on aren't taken for those of a whole one."""
    head = accio_pb2.ColumnsHead(
        run=run(RUN, kind=runs_pb2.RUN_KIND_PARENT, state=runs_pb2.RUN_STATE_RUNNING),
        sweep_json=Sweep((Axis("x", LONG, ("1", "2", "3")),)).to_text(),
        implied=runs_pb2.RUN_STATE_SCHEDULED,
        nodes=["A"],
    )
    done = accio_pb2.ColumnsChunk(first=0, states=bytes([runs_pb2.RUN_STATE_SUCCESS]))
    end = accio_pb2.ColumnsChunk(end=accio_pb2.ColumnsEnd())
    daemon.answers["Columns"] = lambda _: [accio_pb2.ColumnsChunk(head=head), done, end]
    assert "so far: 2 children have not ended" in accio("failures", RUN).err
    assert "3 of 3 children; 2 of these have not ended" in accio("table", RUN).err


def test_a_good_and_an_unknown_run_are_killed(daemon: FakeDaemon, accio: Any) -> None:
    """What worked is told on stdout, what didn't on stderr, and the exit code is 1."""
    outcomes = [
        accio_pb2.RunOutcome(id=RUN, changed=True),
        accio_pb2.RunOutcome(id="zzzzzzzz", error="there is no run zzzzzzzz"),
    ]
    daemon.answers["Kill"] = accio_pb2.RunsResponse(runs=outcomes)
    done = accio("kill", RUN, "zzzzzzzz")
    assert (done.exit, done.out, done.err) == (1, f"{RUN} killed\n", "accio: there is no run zzzzzzzz\n")


def test_no_daemon(daemon: FakeDaemon, accio: Any) -> None:
    """Without a daemon the exit code is 4, and the message says where it was looked for and how to start one."""
    daemon.stop()
    done = accio("get", "runs")
    assert done.exit == 4
    assert daemon.address in done.err
    assert "accio up" in done.err
    assert accio("version", "-client").exit == 0


def test_a_wrong_token(daemon: FakeDaemon, accio: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who isn't known ends with 6."""
    monkeypatch.setenv("ACCIO_TOKEN", "a wrong token")
    done = accio("submit", "probe")
    assert done.exit == 6
    assert "ACCIO_TOKEN" in done.err


def test_an_error_of_the_daemon(daemon: FakeDaemon, accio: Any) -> None:
    """A bug of the daemon ends with 5 and its reference; a refusal by the state of things with 1."""
    daemon.answers["Get"] = refuse(Internal("internal error (ref 3f2a)"))
    assert accio("describe", "run", RUN).exit == 5
    daemon.answers["DeleteWorkflow"] = refuse(FailedPrecondition("w has runs"))
    done = accio("delete", "workflow", "w")
    assert (done.exit, done.err) == (1, "accio: w has runs\n")


def test_a_bug_of_the_client_leaves_a_reference(daemon: FakeDaemon, accio: Any, tmp_path: Path) -> None:
    """What nobody foresaw ends with 5 and a reference to a log that holds the details, which nobody else can read."""
    daemon.answers["Get"] = accio_pb2.GetResponse(
        run=run(params=[runs_pb2.RunParameter(name="x", type="nonsense", json="1")])
    )
    done = accio("describe", "run", RUN)
    assert done.exit == 5
    reference = done.err.split("(ref ")[1].split(")")[0]
    log = tmp_path / "state" / "accio" / "client-errors.log"
    assert str(log) in done.err
    assert f"ref {reference}" in log.read_text()
    assert "TypeProblem" in log.read_text()


def test_lists_are_plain_when_piped(daemon: FakeDaemon, accio: Any) -> None:
    """Off a terminal a table has no colours and no frames, nothing is cut off, and what others wrote is escaped."""
    name = "N" * 300 + "\x1b[31m\n\u202e"
    daemon.answers["List"] = accio_pb2.ListResponse(runs=[run(name=name, tags=["a", "b"])], next="c")
    done = accio("get", "runs", "-tags=a", "-n=1")
    assert done.exit == 0
    header, row, end = done.out.split("\n")
    assert header.startswith("ID ")
    assert "N" * 300 + "\\x1b[31m\\n\\u202e" in row
    assert end == ""
    assert "-cursor=c" in done.err
    assert accio("get", "runs", "-quiet", "-n=1").out == f"{RUN}\n"


def test_all_runs_are_fetched_page_after_page(daemon: FakeDaemon, accio: Any) -> None:
    """-all follows the cursors to the end; -n stops as soon as there are enough."""

    def pages(request: accio_pb2.ListRequest) -> accio_pb2.ListResponse:
        at = int(request.cursor or 0)
        return accio_pb2.ListResponse(runs=[run(f"r{at}")], total=3, next=str(at + 1) if at < 2 else "")

    daemon.answers["List"] = pages
    assert [each["id"] for each in accio("get", "runs", "-all", "-json").json["runs"]] == ["r0", "r1", "r2"]
    assert accio("get", "runs", "-all", "-quiet").out == "r0\nr1\nr2\n"
    document = accio("get", "runs", "-n=2", "-json").json
    assert ([each["id"] for each in document["runs"]], document["next"]) == (["r0", "r1"], "2")
    assert accio("get", "runs", "-n=50", "-active").exit == 0
    assert list(daemon.requests["List"][-1].states) == [runs_pb2.RUN_STATE_SCHEDULED, runs_pb2.RUN_STATE_RUNNING]


def test_logs_go_where_they_came_from(daemon: FakeDaemon, accio: Any) -> None:
    """Standard output goes to stdout and standard error to stderr, escaped, under the node's name."""
    lines = [
        runs_pb2.LogLine(data=b"to out\n", at_ms=1),
        runs_pb2.LogLine(data=b"to \xff err\x1b[2J\n", stderr=True, at_ms=1),
    ]
    daemon.answers["Logs"] = [
        accio_pb2.LogChunk(run=RUN, node="A", attempt=1, lines=lines, note="the beginning is gone")
    ]
    done = accio("logs", RUN)
    assert done.out == "A: to out\n"
    assert done.err == "[A: the beginning is gone]\nA: to � err\\x1b[2J\n"
    assert accio("logs", RUN, "A").out == "to out\n"
    assert [line["stream"] for line in accio("logs", f"{RUN}/A", "-json").json["lines"]] == ["note", "stdout", "stderr"]


def test_logs_of_a_sweep_name_the_child(daemon: FakeDaemon, accio: Any) -> None:
    """A line of a sweep begins with the child's number, unless the child was asked for."""
    child = f"{RUN}.3"
    daemon.answers["Logs"] = [
        accio_pb2.LogChunk(run=child, node="A", attempt=1, lines=[runs_pb2.LogLine(data=b"x\n", at_ms=1)])
    ]
    assert accio("logs", RUN).out == "3/A: x\n"
    assert accio("logs", RUN, "A", "-f").out == "3: x\n"
    assert accio("logs", child).out == "A: x\n"
    assert accio("logs", child, "A").out == "x\n"


def test_why_of_a_sweep_asks_about_each_child(daemon: FakeDaemon, accio: Any) -> None:
    """On a parent, why means all of its children, page after page."""
    parent, pages = run(RUN), {"": ("c", [0, 1]), "c": ("", [2])}
    parent.kind = runs_pb2.RUN_KIND_PARENT

    def listed(request: accio_pb2.ListRequest) -> accio_pb2.ListResponse:
        following, indices = pages[request.cursor]
        return accio_pb2.ListResponse(runs=[run(f"{RUN}.{index}") for index in indices], next=following)

    def answer(request: accio_pb2.WhyRequest) -> accio_pb2.WhyResponse:
        return accio_pb2.WhyResponse(answers=[accio_pb2.WhyAnswer(run=request.run, node=request.node, answer="cached")])

    daemon.answers |= {"Get": accio_pb2.GetResponse(run=parent), "List": listed, "Why": answer}
    assert accio("why", f"{RUN}/A", "-quiet").out.split() == [f"{RUN}.{index}/A" for index in range(3)]
    document = accio("why", f"{RUN}/A", "-json").json
    assert (document["run"], [each["run"] for each in document["nodes"]]) == (RUN, [f"{RUN}.{at}" for at in range(3)])
    parent.children = 10_000_000
    daemon.answers["Get"] = accio_pb2.GetResponse(run=parent)
    daemon.requests.clear()
    few = accio("why", f"{RUN}/A", "-n", "2")
    assert few.out.splitlines() == [f"{RUN}.{index}/A: cached" for index in range(2)]
    assert "2 of 10000000 children" in few.err
    assert [request.cursor for request in daemon.requests["List"]] == [""]


def test_answers_that_differ_in_values_alone_are_told_by_one(daemon: FakeDaemon, accio: Any) -> None:
    """A sweep's nodes are mostly executed for one reason, each with another value: one of many tells it."""
    parent = run(RUN)
    parent.kind = runs_pb2.RUN_KIND_PARENT

    def answer(request: accio_pb2.WhyRequest) -> accio_pb2.WhyResponse:
        _, index = request.run.split(".")
        found = accio_pb2.WhyAnswer(run=request.run, node="A", answer="executed")
        if index == "0":
            found.reason = "there was no earlier result of A"
        else:
            found.reason = f"differs: n {index}"
            setattr(found, "from", f"{RUN}.0/A")  # a word of Python
            found.differences.add(component="input n", before="0", after=index)
        return accio_pb2.WhyResponse(answers=[found])

    runs = accio_pb2.ListResponse(runs=[run(f"{RUN}.{index}") for index in range(60)])
    daemon.answers |= {"Get": accio_pb2.GetResponse(run=parent), "List": runs, "Why": answer}
    first, second, *details = accio("why", RUN).out.splitlines()
    assert first == f"{RUN}.0/A: executed: there was no earlier result of A"
    assert second == f"{RUN}.1/A (and 58 others alike): executed: differs: n 1"
    assert details == [f"  nearest earlier result: {RUN}.0/A", "  input n: 0 → 1"]
    assert len(accio("why", RUN, "-json").json["nodes"]) == 60


def test_clearing_metadata(daemon: FakeDaemon, accio: Any) -> None:
    """An empty value clears a field; one that isn't named stays."""
    daemon.answers["UpdateMetadata"] = accio_pb2.UpdateMetadataResponse(run=run(), changed=True)
    assert accio("update", RUN, "-notes=", "-tags=").exit == 0
    (request,) = daemon.requests["UpdateMetadata"]
    assert (request.notes, list(request.tags.tags), request.HasField("name")) == ("", [], False)


def test_an_export_to_stdout(daemon: FakeDaemon, accio: Any, tmp_path: Path) -> None:
    """-out=- writes one table to stdout and leaves no file; several tables, or a document besides, are refused."""
    outputs = [values_pb2.OutputPort(name=name, type="double") for name in ("x", "y")]
    node = accio_pb2.NodeColumn(node="S", outputs=outputs, row=[0], outputs_json=['{"x":1.5,"y":2.5}'])
    daemon.answers["Export"] = [accio_pb2.ExportChunk(run=run(), index=[0], seed=[7], repetition=[1], nodes=[node])]
    done = accio("export", RUN, "-artifacts=S/x", "-out=-")
    assert (done.exit, done.out, done.err) == (0, f"run,repeat,seed,value\n{RUN},1,7,1.5\n", "")
    several = accio("export", RUN, "-out=-")
    assert (several.exit, several.out) == (1, "")
    assert "S-x, S-y" in several.err
    assert accio("export", RUN, "-out=-", "-json").exit == 1
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".csv"]


def test_an_output_on_stdout(daemon: FakeDaemon, accio: Any, tmp_path: Path) -> None:
    """`-out=-` writes a fetched value to stdout and leaves no file; a folder, or a document besides, is refused."""
    folder = of_folder([], ["empty"])
    digest = daemon.keep_blob(folder.encoded)
    artifacts = [
        runs_pb2.Artifact(port="x", type="double", json="1.5", size=3),
        runs_pb2.Artifact(port="data", type="dataset", json=f'"{digest}"', size=40),
    ]
    found = runs_pb2.Node(run=RUN, name="A", operator="Op", state=runs_pb2.NODE_STATE_SUCCESS, attempts=1)
    daemon.answers["GetNode"] = runs_pb2.NodeDetails(node=found, artifacts=artifacts)
    done = accio("get", "artifact", f"{RUN}/A/x", "-out=-")
    assert (done.exit, done.out.strip(), done.err) == (0, "1.5", "")
    refused = accio("get", "artifact", f"{RUN}/A/data", "-out=-")
    assert (refused.exit, refused.out) == (1, "")
    assert "A/data is a folder" in refused.err
    assert accio("get", "artifact", f"{RUN}/A/x", "-out=-", "-json").exit == 1
    assert not (tmp_path / "-").exists()
    assert not list(tmp_path.glob("A-*"))


def test_an_export_never_overwrites(daemon: FakeDaemon, accio: Any, tmp_path: Path) -> None:
    """A file that is there ends the export with 1 and stays as it was, and no other file appears."""
    node = accio_pb2.NodeColumn(
        node="Stat",
        outputs=[{"name": "x", "type": "double"}, {"name": "y", "type": "double"}],  # type: ignore[list-item]  # a message's fields as a dict
        row=[0],
        outputs_json=['{"x":1.5,"y":2.5}'],
    )
    daemon.answers["Export"] = [accio_pb2.ExportChunk(run=run(), index=[0], seed=[11], repetition=[1], nodes=[node])]
    (tmp_path / "Stat-y.csv").write_text("mine")
    done = accio("export", RUN)
    assert done.exit == 1
    assert "-force" in done.err
    assert [path.name for path in tmp_path.glob("[!.]*.csv")] == ["Stat-y.csv"]
    assert (tmp_path / "Stat-y.csv").read_text() == "mine"
    assert accio("export", RUN, "-force").exit == 0
    assert (tmp_path / "Stat-x.csv").read_text() == f"run,repeat,seed,value\n{RUN},1,11,1.5\n"
    assert accio("export", RUN, "-append", "-json").json["files"] == [
        {"path": "Stat-x.csv", "rows": 1},
        {"path": "Stat-y.csv", "rows": 1},
    ]
    assert (tmp_path / "Stat-x.csv").read_text() == f"run,repeat,seed,value\n{RUN},1,11,1.5\n{RUN},1,11,1.5\n"
    assert not list(tmp_path.glob(".*"))


def test_ctrl_c_detaches(daemon: FakeDaemon) -> None:
    """An interrupted --wait ends with 130, says how to go on watching, and kills nothing."""
    ended = threading.Event()

    def forever(_: accio_pb2.SubmitRequest) -> Iterator[accio_pb2.RunUpdate]:
        yield from updates(runs_pb2.RUN_STATE_RUNNING)
        ended.wait(90)

    daemon.answers["SubmitAndWatch"] = forever
    command = [sys.executable, "-m", "accio_client.cli.main", "submit", "--wait", "w"]
    environment = dict(os.environ, PYTHONPATH=str(Path(__file__).parents[3]))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a program inherits that it is ignored
    client = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    signal.signal(signal.SIGINT, before)
    assert client.stderr is not None
    assert "running" in client.stderr.readline()
    client.send_signal(signal.SIGINT)
    out, err = client.communicate(timeout=30)
    ended.set()
    assert client.returncode == 130
    assert out == ""
    assert f"accio watch {RUN}" in err
    assert "Traceback" not in err
    assert set(daemon.requests) == {"SubmitAndWatch"}


def test_help_loads_little() -> None:
    """`accio help` loads neither gRPC nor click, so that it answers at once."""
    code = "import sys; from accio_client.cli.main import main; main(['help']); print(*sys.modules, file=sys.stderr)"
    environment = dict(os.environ, PYTHONPATH=str(Path(__file__).parents[3]))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=30, check=True
    )
    loaded = set(done.stderr.split())
    assert not loaded & {"grpc", "click", "rich", "google.protobuf", "asyncio", "accio"}


def test_hints_keep_filters_and_addresses(daemon: FakeDaemon, accio: Any) -> None:
    """A hint that is pasted means what the command meant that it came from."""
    daemon.answers["List"] = accio_pb2.ListResponse(runs=[run()], next="abc")
    address = f"-addr={daemon.address}"
    done = accio("get", "runs", "-n=1", "-param=x=1", "-param", "y=a b", "--active", address, "-cursor=zz")
    assert done.err == (
        f"there are more: accio get runs -param=x=1 '-param=y=a b' -limit=1 -active {address} -cursor=abc, or -all\n"
    )
    daemon.answers["Submit"] = submit_answer
    assert f"follow: accio watch {RUN} {address}\n" in accio("submit", "w", address).err


def test_retry_tells_what_runs_again(daemon: FakeDaemon, accio: Any) -> None:
    """`accio retry` says which nodes run again, by the state that they ended in."""
    states = [runs_pb2.StateCount(state=state, count=2) for state in ("failed", "cancelled")]
    daemon.answers["Get"] = accio_pb2.GetResponse(run=run(nodes_by_state=states))
    daemon.answers["Retry"] = accio_pb2.RunsResponse(runs=[accio_pb2.RunOutcome(id=RUN, changed=True)])
    done = accio("retry", RUN[:6])
    assert (done.exit, done.out) == (0, f"{RUN} retried\n")
    assert done.err == f"{RUN} runs again, of its nodes: 2 failed, 2 cancelled\n"


@pytest.mark.parametrize("word", ["-version", "--version", "-V"])
def test_version_needs_no_daemon(accio: Any, daemon: FakeDaemon, word: str) -> None:
    """`accio -version` tells the client's version and asks nobody."""
    done = accio(word)
    assert (done.exit, done.err) == (0, "")
    assert done.out.startswith("client: ")
    assert not daemon.requests


def test_help_of_the_daemons_own_commands() -> None:
    """`accio help daemon check` explains a command that the daemon's program has."""
    environment = dict(os.environ, PYTHONPATH=str(Path(__file__).parents[3]))
    command = [sys.executable, "-m", "accio_client.cli.main", "help", "daemon", "check"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Check database and store" in done.stdout
