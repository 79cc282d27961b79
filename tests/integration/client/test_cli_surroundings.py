"""The command line among what the operating system gives it: streams that are closed or full, and bytes that are no
text.
"""

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from accio.v1 import accio_pb2, workflows_pb2
from tests.integration.client.fake_daemon import RUN, FakeDaemon, run

ACCIO = f"{sys.executable} -m accio_client.cli.main"
WORKFLOW = b'{"graph": [{"op": "NoIn"}]}'


def shell(
    command: str | bytes, folder: Path | bytes | None = None, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Run a line of bash, whose exit code is that of the first part of a pipe that failed."""
    everything = dict(os.environ, PYTHONPATH=str(Path(__file__).parents[3]), **environment)
    line = command if isinstance(command, bytes) else command.encode()
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        capture_output=True,
        env=everything,
        cwd=folder,
        timeout=60,
        check=False,
    )
    assert b"Traceback" not in done.stderr
    assert b"internal error" not in done.stderr
    return done


@pytest.mark.parametrize("form", ["", "-json", "-all -json"])
def test_a_closed_pipe_is_no_error(daemon: FakeDaemon, form: str) -> None:
    """A reader that has seen enough, such as head, ends the command silently, whatever it prints."""
    daemon.answers["List"] = accio_pb2.ListResponse(runs=[run(f"r{at}") for at in range(1000)])
    done = shell(f"{ACCIO} get runs {form} | head -n 1")
    assert done.stdout
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        ("get runs > /dev/full", 1, b"accio: no space left on device\n"),
        ("get runs -json > /dev/full", 1, b"accio: no space left on device\n"),
        ("help > /dev/full", 1, b"accio: no space left on device\n"),
        ("get runs >&-", 0, b""),
        ("get runs -n=0 2>&-", 1, b""),
        ("get runs -n=0 2>/dev/full", 1, b""),
        ("get runs -n=0 -json >/dev/full 2>/dev/full", 1, b""),
    ],
)
def test_streams_that_take_nothing(daemon: FakeDaemon, command: str, code: int, told: bytes) -> None:
    """A full disk is told in a sentence; a closed stream gets nothing, and the other one nothing instead."""
    daemon.answers["List"] = accio_pb2.ListResponse(runs=[run("r1")])
    done = shell(f"{ACCIO} {command}")
    assert (done.returncode, done.stdout, done.stderr) == (code, b"", told)


def test_paths_may_be_any_bytes(daemon: FakeDaemon, tmp_path: Path) -> None:
    """Files in folders whose names are no UTF-8 are read; relative paths in them have no folder that can be named."""
    folder = os.fsencode(tmp_path) + b"/d\xff"
    os.mkdir(folder)  # noqa: PTH102 - a path of bytes
    for name in (b"/w.json", b"/w\xff.json"):
        with open(folder + name, "wb") as file:  # noqa: PTH123
            file.write(WORKFLOW)
    daemon.answers["ValidateWorkflow"] = workflows_pb2.ValidateResponse(valid=True)
    done = shell(ACCIO.encode() + b" validate -json d\xff/w.json d\xff/w\xff.json", tmp_path)
    assert done.returncode == 0, done
    assert [each["file"] for each in orjson.loads(done.stdout)["files"]] == ["d\\xff/w.json", "d\\xff/w\\xff.json"]
    asked = daemon.requests["ValidateWorkflow"]
    assert [(request.default_id, request.base_path) for request in asked] == [("w", ""), ("w\\xff", "")]
    daemon.answers["Submit"] = accio_pb2.SubmitResponse(run=run(), created=True)
    assert shell(f"{ACCIO} submit w", folder).returncode == 0
    assert daemon.requests["Submit"][-1].base_path == ""


@pytest.mark.parametrize(
    "arguments",
    [b"submit w x=\xff", b"describe run \xff", b"get runs -tags=a\xff", f"update {RUN} -name=".encode() + b"\xff"],
)
def test_other_arguments_are_text(daemon: FakeDaemon, arguments: bytes) -> None:
    """What is no UTF-8 is refused as it stands, and asks nothing of the daemon."""
    done = shell(ACCIO.encode() + b" " + arguments)
    assert done.returncode == 1
    assert b"expected text in UTF-8, found" in done.stderr
    assert b"\\xff" in done.stderr
    assert not daemon.requests


@pytest.mark.parametrize("command", ["get runs -json", "get runs -all -json"])
def test_documents_are_utf8_whatever_the_terminal(daemon: FakeDaemon, command: str) -> None:
    """A document is UTF-8, without escapes that JSON doesn't know, also where standard output is said to be ASCII."""
    daemon.answers["List"] = accio_pb2.ListResponse(runs=[run(name="Größe")], total=1)
    done = shell(f"{ACCIO} {command}", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert orjson.loads(done.stdout)["runs"][0]["name"] == "Größe"
