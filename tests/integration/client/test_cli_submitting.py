"""Submitting, checking and pushing by the command line, against a real gRPC server."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from accio.domain.issues import Issue
from accio.errors import InvalidDefinition, NotFound
from accio.v1 import accio_pb2, workflows_pb2
from tests.integration.client.fake_daemon import RUN, FakeDaemon, refuse, submit_answer, submitted, validation


def test_submit_of_a_workflow(daemon: FakeDaemon, accio: Any, tmp_path: Path) -> None:
    """name=value arguments become parameters; one that is given several times has several values."""
    daemon.answers["Submit"] = submit_answer
    done = accio("submit", "-name=My first workflow", "-tags=a,b", "w", "epsilon=0.0001", "uri=/x", "uri=/y=z")
    assert (done.exit, done.out) == (0, f"{RUN}\n")
    assert submitted(daemon) == {
        "workflow": "w",
        "name": "My first workflow",
        "tags": ["a", "b"],
        "params": {"epsilon": {"value": "0.0001"}, "uri": {"values": ["/x", "/y=z"]}},
    }
    assert daemon.requests["Submit"][-1].base_path == str(tmp_path)


def test_submit_of_short_sweeps(daemon: FakeDaemon, accio: Any) -> None:
    """Lists and ranges are read by the types of the workflow's parameters; what can't be read is submitted nowhere."""
    daemon.answers["Submit"] = submit_answer
    kinds = {"epsilon": "double", "n": "integer", "title": "string"}
    daemon.answers["GetWorkflow"] = workflows_pb2.Workflow(
        id="w", params=[workflows_pb2.Parameter(name=name, kind=kind) for name, kind in kinds.items()]
    )
    assert accio("submit", "w", "epsilon=0.1,0.5", "n=1..10:2", "title=a, b").exit == 0
    assert submitted(daemon)["params"] == {
        "epsilon": {"values": ["0.1", "0.5"]},
        "n": {"from": "1", "to": "10", "step": "2"},
        "title": {"value": "a, b"},
    }
    done = accio("submit", "w", "epsilon=0..1", "n=1,,2")
    assert (done.exit, len(daemon.requests["Submit"])) == (2, 1)
    assert "/params/epsilon: parameter 'epsilon': a range of double needs a step" in done.err
    assert "/params/n: " in done.err


def test_submit_of_a_file_with_overrides(daemon: FakeDaemon, accio: Any, tmp_path: Path) -> None:
    """Options and parameters replace what the file says, and relative paths mean the file's folder."""
    daemon.answers["Submit"] = submit_answer
    (tmp_path / "sub").mkdir()
    file = {
        "workflow": "w",
        "repeat": 1,
        "tags": ["old"],
        "seed": 7,
        "params": {"epsilon": {"values": [0.1, 0.2]}, "k": 1},
    }
    (tmp_path / "sub" / "run.json").write_bytes(orjson.dumps(file))
    assert accio("submit", "-repeat=2", "-seed", "-5", "-tags=more,tags", "sub/run.json", "epsilon=0.5").exit == 0
    assert submitted(daemon) == {
        "workflow": "w",
        "repeat": 2,
        "seed": "-5",
        "tags": ["more", "tags"],
        "params": {"epsilon": {"value": "0.5"}, "k": 1},
    }
    assert daemon.requests["Submit"][-1].base_path == str(tmp_path / "sub")


def test_numbers_of_a_file_keep_their_digits(daemon: FakeDaemon, accio: Any, tmp_path: Path) -> None:
    """Overriding one value of a file changes no digit of the others."""
    daemon.answers["Submit"] = submit_answer
    (tmp_path / "run.json").write_text(
        '{"workflow":"w","params":{"a":0.1234567890123456789,"b":103212032002347323,"c":1e-7}}'
    )
    accio("submit", "run.json", "x=1")
    params = submitted(daemon)["params"]
    assert params["a"] == "0.1234567890123456789"
    assert params["b"] == 103212032002347323
    assert params["c"] == 1e-7


@pytest.mark.parametrize(
    ("options", "mode"),
    [
        ([], accio_pb2.CACHE_MODE_UNSPECIFIED),
        (["-nocache"], accio_pb2.CACHE_MODE_NONE),
        (["--no-cache"], accio_pb2.CACHE_MODE_NONE),
        (["-refresh"], accio_pb2.CACHE_MODE_REFRESH),
    ],
)
def test_how_the_memo_is_used(daemon: FakeDaemon, accio: Any, options: Sequence[str], mode: int) -> None:
    """-nocache, --no-cache and -refresh reach the daemon."""
    daemon.answers["Submit"] = submit_answer
    assert accio("submit", *options, "probe").exit == 0
    assert daemon.requests["Submit"][-1].cache == mode


INVALID = InvalidDefinition(
    [Issue("/repeat", "expected at least 1, found 0"), Issue("/params/ghost", "unknown parameter")]
)


def test_an_invalid_run(daemon: FakeDaemon, accio: Any, tmp_path: Path) -> None:
    """Everything that is wrong is told, the exit code is 2, and --json prints the document of validate."""
    daemon.answers["Submit"] = refuse(INVALID)
    (tmp_path / "bad.json").write_text('{"workflow": "w", "repeat": 0}')
    done = accio("submit", "bad.json")
    assert (done.exit, done.out) == (2, "")
    assert done.err.split("\n")[:2] == [
        "bad.json: /repeat: expected at least 1, found 0",
        "bad.json: /params/ghost: unknown parameter",
    ]
    done = accio("submit", "--json", "bad.json")
    assert done.exit == 2
    assert done.json["valid"] is False
    assert [issue["path"] for issue in done.json["errors"]] == ["/repeat", "/params/ghost"]


def test_malformed_json_is_shown_with_a_caret(daemon: FakeDaemon, accio: Any, tmp_path: Path) -> None:
    """A syntax error names line and column, and shows the place."""
    daemon.answers["Submit"] = refuse(InvalidDefinition([Issue("", "expected a value", None, 2, 13)]))
    (tmp_path / "bad.json").write_text('{\n "workflow": ]\n}')
    done = accio("submit", "bad.json", "x=1")
    assert done.exit == 2
    assert done.err.split("\n")[:2] == ["bad.json: line 2, column 13: expected a value", '  2 |  "workflow": ]']


def test_a_good_and_a_bad_file_are_pushed(daemon: FakeDaemon, accio: Any, tmp_path: Path) -> None:
    """The good file is stored, the bad one told, in any order; the exit code is that of the bad one."""

    def push(request: workflows_pb2.PushWorkflowRequest) -> workflows_pb2.PushWorkflowResponse:
        if request.default_id == "invalid":
            raise InvalidDefinition([Issue("/graph", "expected at least one node")])
        return workflows_pb2.PushWorkflowResponse(workflow=workflow(request.default_id), created=True)

    daemon.answers["PushWorkflow"] = push
    for name in ("ok.json", "invalid.json"):
        (tmp_path / name).write_text("{}")
    for order in (["ok.json", "invalid.json"], ["invalid.json", "ok.json"]):
        done = accio("push", *order)
        assert (done.exit, done.out) == (2, "pushed ok:0123456789ab\n")
        assert "invalid.json: /graph: expected at least one node" in done.err
    done = accio("push", "-json", "ok.json")
    assert done.json["workflows"] == [{"id": "ok", "version": "0123456789ab", "created": True}]
    assert accio("push", "-quiet", "ok.json").out == "ok\n"


def workflow(identifier: str) -> workflows_pb2.Workflow:
    return workflows_pb2.Workflow(
        id=identifier, version="0123456789ab", versions=1, definition_json='{"graph":[{"op":"Pair"}]}'
    )


def test_validate_tells_workflows_from_runs(daemon: FakeDaemon, accio: Any, tmp_path: Path) -> None:
    """A file with a graph is a workflow, one that names a workflow is a run; several files make a list."""
    daemon.answers["ValidateWorkflow"] = workflows_pb2.ValidateResponse(valid=True)
    daemon.answers["Validate"] = validation(INVALID)
    (tmp_path / "w.json").write_text('{"graph": []}')
    (tmp_path / "r.json").write_text('{"workflow": "w"}')
    assert accio("validate", "w.json").exit == 0
    done = accio("validate", "-json", "w.json", "r.json")
    assert done.exit == 2
    assert [(each["file"], each["valid"]) for each in done.json["files"]] == [("w.json", True), ("r.json", False)]


def test_a_huge_definition_is_refused_at_once(daemon: FakeDaemon, accio: Any, tmp_path: Path) -> None:
    """A file that no call could carry isn't sent; a folder or a device isn't read."""
    (tmp_path / "huge.json").write_bytes(b" " * 5_000_000)
    for arguments in (["push", "huge.json"], ["submit", "huge.json"], ["validate", "huge.json"], ["push", "/dev/zero"]):
        done = accio(*arguments)
        assert (done.exit, "at most 4000000 bytes, found more" in done.err) == (1, True)
    assert not daemon.requests


def test_submit_again_what_a_run_was_made_of(daemon: FakeDaemon, accio: Any) -> None:
    """-from=RUN submits the definition that makes the run again, with what is said beside it, in its order."""
    daemon.answers["Submit"] = submit_answer
    daemon.answers["GetWorkflow"] = workflows_pb2.Workflow(
        id="w", params=[workflows_pb2.Parameter(name=name, kind="integer") for name in "ab"]
    )
    made_of = {"workflow": "w:1", "seed": "7", "notes": "n", "params": {"b": {"values": [1, 2]}, "a": 3}}
    daemon.answers["Get"] = accio_pb2.GetResponse(definition_json=orjson.dumps(made_of).decode())
    assert accio("submit", "-from=last").exit == 0
    assert submitted(daemon) == made_of
    assert (daemon.requests["Get"][-1].id, daemon.requests["Get"][-1].definition) == ("last", True)
    assert accio("submit", "-from", "last", "b=1..3", "-name=more").exit == 0
    longer = {"from": "1", "to": "3", "step": "1"}
    assert submitted(daemon) == made_of | {"name": "more", "params": {"b": longer, "a": 3}}
    assert list(submitted(daemon)["params"]) == ["b", "a"]
    wrong = accio("submit", "-from=last", "w")
    assert (wrong.exit, "expected NAME=VALUE besides, found 'w'" in wrong.err) == (1, True)
    nothing = accio("submit")
    assert (nothing.exit, "or -from=RUN, found none" in nothing.err) == (1, True)
    daemon.answers["Get"] = accio_pb2.GetResponse()
    earlier = accio("submit", "-from=last")
    assert (earlier.exit, "this daemon is of an earlier version" in earlier.err) == (1, True)


def test_a_name_of_nothing_says_that_no_agent_is_there(daemon: FakeDaemon, accio: Any) -> None:
    """Who submits an operator before the first agent has come isn't left with a missing workflow alone."""
    daemon.answers["Submit"] = refuse(InvalidDefinition([Issue("/workflow", "there is no workflow 'fit'")]))
    daemon.answers["GetOperator"] = refuse(NotFound("there is no operator 'fit'"))
    daemon.answers["GetWorkflow"] = refuse(NotFound("there is no workflow 'fit'"))
    daemon.answers["ListAgents"] = accio_pb2.ListAgentsResponse(agents=[accio_pb2.Agent(name="a", state="lost")])
    told = "no workflow 'fit'; if an operator is meant, no agent is connected yet that could offer it"
    assert told in accio("submit", "fit").err
    daemon.answers["ListAgents"] = accio_pb2.ListAgentsResponse(agents=[accio_pb2.Agent(name="a", state="connected")])
    assert accio("submit", "fit").err == "accio: there is no workflow 'fit'\n"
