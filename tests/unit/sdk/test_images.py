"""Programs in container images: what is declared, pinned, executed. Apptainer is a fake that notes what it is told."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from accio.domain.states import Cause
from accio.errors import FailedPrecondition, InvalidDefinition
from accio.sdk.commands import Program
from accio.sdk.declare import operator
from accio.sdk.environments import contained, containers, functions, lent
from accio.sdk.environments.contained import ImageNeed, Inner
from accio.sdk.environments.containers import Execution, Host
from accio.sdk.environments.images import Engine, Image, engine
from accio.sdk.execution import Failed, Finished, Request
from accio.sdk.program_digest import with_digest
from accio.sdk.program_file import read_program
from accio.sdk.run import run_operator
from accio.sdk.sinks import ConsoleSinks

PULLED = "content of the image"
FAKE = f"""#!/bin/bash
echo "$@" >> $FAKE_NOTES
case $1 in
pull) [ "$4" != docker://nothing ] || {{ echo 'FATAL: no such image' >&2; exit 255; }}
      echo '{PULLED}' > "$3" ;;
exec) env | grep ^APPTAINERENV_ | sort >> $FAKE_NOTES
      while [[ $1 != *.sif ]]; do shift; done
      shift; exec "$@" ;;
esac
"""
HOST = Host(
    user=1000, group=100, open_files="1:2", processes="3:4", nvidia=True, amd=True, own_group=False, memory=1 << 30
)
EXECUTION = Execution(
    words=["tool", "a b"],
    folder=Path("/w"),
    variables={"HOME": "/w/.accio/home", "X": "1\n2"},
    reads=[Path("/data/b"), Path("/data/b/c"), Path("/data/b"), Path("/w/copy")],
    gpus=True,
)
IMAGE = Image(runs="IMG", digest="d")


@pytest.fixture
def apptainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An engine that notes what it is told; the file in which it does."""
    program = tmp_path / "bin" / "apptainer"
    program.parent.mkdir()
    program.write_text(FAKE)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("ACCIO_CONTAINER_ENGINE", "apptainer")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FAKE_NOTES", str(tmp_path / "notes"))
    return tmp_path / "notes"


def make(folder: Path, **declared: Any) -> Program:
    """Declare a program in an image."""
    folder.mkdir(exist_ok=True)
    path = folder / "tool.json"
    document = {"name": "Tool", "image": "tools:1", "command": "cat {text}", "outputs": []}
    path.write_text(json.dumps(document | {"inputs": [{"name": "text", "type": "dataset"}]} | declared))
    return read_program(path)


def run(program: Program, folder: Path) -> Finished | Failed:
    """Run it once in a new folder."""
    (folder / "work").mkdir()
    (folder / "text").write_text("4\n")
    request = Request(inputs='{"text": "t"}', folder=folder / "work", datasets={"t": folder / "text"})
    return run_operator(program, request, ConsoleSinks())


def test_apptainer_fetches_an_image_once(apptainer: Path, tmp_path: Path) -> None:
    """The file that it makes is what counts and what is executed; a second program of that image fetches nothing."""
    first = with_digest(make(tmp_path / "one"))
    second = with_digest(make(tmp_path / "other", command="sort {text}"))
    assert dict(first.components)["image"] == dict(second.components)["image"]
    assert first.digest != second.digest
    assert [line.split()[0] for line in apptainer.read_text().splitlines()] == ["pull"]


def test_apptainer_executes_with_folders_and_variables(apptainer: Path, tmp_path: Path) -> None:
    """The working folder can be written to and inputs can't; variables are those of the node and of the declaration."""
    program = make(
        tmp_path / "p",
        environment={"MODE": "fast"},
        outputs=[{"name": "n", "type": "integer", "stdout": True}],
    )
    outcome = run(program, tmp_path)
    assert isinstance(outcome, Finished)
    assert outcome.outputs == {"n": "4"}
    told = apptainer.read_text()
    work = tmp_path / "work"
    assert f"--bind={tmp_path}/text:{tmp_path}/text:ro --bind={work}:{work} " in told
    assert f"--cleanenv --no-home --home={work}/.accio/home --pwd={work} " in told
    assert "\nAPPTAINERENV_MODE=fast\n" in told
    assert "APPTAINERENV_HOME" not in told


def test_an_image_that_states_its_digest_counts_by_it(apptainer: Path, tmp_path: Path) -> None:
    """So that agents with Podman and with Apptainer announce the same operator."""
    stated = f"tools@sha256:{64 * 'a'}"
    assert dict(with_digest(make(tmp_path / "one", image=stated)).components)["image"] not in (
        dict(with_digest(make(tmp_path / "two")).components)["image"],
        dict(with_digest(make(tmp_path / "three", image=f"tools@sha256:{64 * 'b'}")).components)["image"],
    )


def test_an_image_that_cannot_be_had_is_an_error(apptainer: Path, tmp_path: Path) -> None:
    """Of the announcement with the engine's words, and of a node whose agent has lost it."""
    assert not apptainer.exists()
    program = make(tmp_path / "p", image="nothing")
    with pytest.raises(FailedPrecondition, match="nothing can't be fetched by apptainer: FATAL: no such image"):
        with_digest(program)
    outcome = run(program, tmp_path)
    assert isinstance(outcome, Failed)
    assert outcome.failure.cause is Cause.STAGING


def test_no_engine_is_told(tmp_path: Path) -> None:
    """What is needed, and that it isn't there; an engine that nobody knows is refused."""
    with pytest.raises(FailedPrecondition, match=r"needs Podman or Apptainer .*, found none in PATH"):
        engine({"PATH": str(tmp_path)})
    with pytest.raises(FailedPrecondition, match=r"expected podman, apptainer, singularity, .* found 'docker'"):
        engine({"ACCIO_CONTAINER_ENGINE": "docker"})


def test_podman_without_root_runs_as_the_agents_user() -> None:
    """Files, GPUs and limits: each path once, at its own place, and only the working folder can be written to."""
    told = containers.command(Engine(program=Path("/usr/bin/podman")), IMAGE, EXECUTION, HOST)
    assert told[:2] == ["/usr/bin/podman", "run"]
    assert told[-3:] == ["IMG", "tool", "a b"]
    assert {"--userns=keep-id", "--user=1000:100", "--ulimit=nofile=1:2", "--ulimit=nproc=3:4"} < set(told)
    assert "--device=nvidia.com/gpu=all" in told
    assert "--env=X=1\n2" in told
    assert [each for each in told if each.startswith("--mount")] == [
        "--mount=type=bind,source=/data/b,destination=/data/b,ro=true",
        "--mount=type=bind,source=/w,destination=/w",
    ]
    assert not any(each.startswith(("--memory", "--cgroups")) for each in told)


def test_podman_as_root_keeps_the_memory_limit() -> None:
    """In the agent's own control group where that can be, else by a limit of the container's."""
    podman = Engine(program=Path("/usr/bin/podman"))
    root = replace(HOST, user=0, group=0, nvidia=False)
    told = containers.command(podman, IMAGE, EXECUTION, root)
    assert f"--memory={1 << 30}" in told
    assert "--userns=keep-id" not in told
    assert "--device=/dev/kfd" in told
    assert "--cgroups=disabled" in containers.command(podman, IMAGE, EXECUTION, replace(root, own_group=True))


def test_apptainer_gets_gpus() -> None:
    """By the option for their maker; a program that demands none gets none."""
    apptainer = Engine(program=Path("/usr/bin/apptainer"))
    assert "--nv" in containers.command(apptainer, IMAGE, EXECUTION, HOST)
    assert "--rocm" in containers.command(apptainer, IMAGE, EXECUTION, replace(HOST, nvidia=False))
    without = containers.command(apptainer, IMAGE, replace(EXECUTION, gpus=False), HOST)
    assert not {"--nv", "--rocm"} & set(without)


def test_what_declarations_of_images_may_not_say(tmp_path: Path) -> None:
    """An image has its own Python and programs, and a name without blanks."""
    with pytest.raises(InvalidDefinition) as caught:
        make(tmp_path / "p", image="a b", python="/venv", programs=["awk"])
    assert [issue.path for issue in caught.value.issues] == ["/python", "/programs", "/image"]


def test_paths_that_engines_cannot_take(apptainer: Path, tmp_path: Path) -> None:
    """A comma or a colon in a path would be read as its end: the node fails and names it, and reads no other file."""
    assert not apptainer.exists()
    program = make(tmp_path / "p")
    odd = tmp_path / "a,b"
    odd.mkdir()
    outcome = run(program, odd)
    assert isinstance(outcome, Failed)
    assert f"{odd}/text can't be mounted" in outcome.failure.message


FUNCTION = """
from accio import operator

@operator({options})
def Fit(x: int) -> int:
    return x
"""
LOOKING = """#!/bin/bash
case $1 in
pull) echo image > "$3" ;;
exec) echo '{answer}'; echo 'no python3' >&2; exit {code} ;;
esac
"""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("image=NAME", "operator Fit: image=NAME is read before its file is imported; write it out: the name of an"),
        ('image="a b"', 'operator Fit: image: expected the name of an image, .* found "a b"'),
        ('image="tools:1", python="venv"', "different environments"),
    ],
)
def test_what_names_no_image_of_a_function_is_refused(options: str, message: str, tmp_path: Path) -> None:
    """Before anything is imported."""
    (tmp_path / "fit.py").write_text(FUNCTION.format(options=options))
    with pytest.raises(InvalidDefinition, match=message):
        functions.named_in(tmp_path / "fit.py")


def test_a_function_cannot_be_told_two_places() -> None:
    """An image has its own Python, and its name no blanks: whoever decorates is told both."""
    with pytest.raises(InvalidDefinition) as caught:
        operator(image="a b", python="venv")(lambda: None)
    assert {"/image", "/python"} <= {issue.path for issue in caught.value.issues}


def test_an_image_is_named_in_the_source(tmp_path: Path) -> None:
    """By its name, or as a file relative to the source."""
    (tmp_path / "fit.py").write_text(FUNCTION.format(options='image="tools:1"'))
    assert functions.named_in(tmp_path / "fit.py") == ("image:tools:1",)
    (tmp_path / "fit.py").write_text(FUNCTION.format(options='image="sub/tools.sif"'))
    assert functions.named_in(tmp_path / "fit.py") == (f"image:{tmp_path}/sub/tools.sif",)


@pytest.mark.parametrize(
    ("answer", "code", "message"),
    [
        ("", 125, "the image tools:1 can't be started by apptainer: no python3"),
        ('[[3, 9], "glibc", true]', 0, "the image tools:1 has Python 3.9: functions need 3.11 or newer"),
        ('[[3, 99], "glibc", false]', 0, r"has Python 3.99 \(glibc\), its agent .*: take an image with the same, or"),
        ("", 127, "the image tools:1 can't run functions: expected `python3` in its PATH, found: no python3"),
    ],
)
def test_an_image_that_cannot_run_functions_is_told(
    apptainer: Path, answer: str, code: int, message: str, tmp_path: Path
) -> None:
    """What it has, and what it needs."""
    (tmp_path / "bin" / "apptainer").write_text(LOOKING.format(answer=answer, code=code))
    assert not apptainer.exists()
    with pytest.raises(FailedPrecondition, match=message):
        functions.make_ready(ImageNeed(image="tools:1"))


def test_functions_are_the_agents_own_in_a_container(apptainer: Path, tmp_path: Path) -> None:
    """Accio is lent at a path of its own, folders are where they are outside, and no token goes along."""
    assert not apptainer.exists()
    inner = Inner(
        module="accio_agent.worker", arguments=["3", "/x/fit.py"], folder=tmp_path / "agent", home=tmp_path / "home",
        label="l", variables={"ACCIO_TOKEN": "secret", "ACCIO_X": "y", "OMP_NUM_THREADS": "2"}, passes=True,
        reads=[Path("/usr/share/lab")],
    )  # fmt: skip
    told, variables = contained.command(ImageNeed(image="tools:1"), inner)
    assert told[-7:-3] == ["python3", "-P", told[-5], told[-4]]
    assert told[-3:] == ["accio_agent.worker", "3", "/x/fit.py"]
    assert contained.outside(told[-5]) == lent.__file__
    assert "--bind=/tmp:/tmp" in told
    assert "--bind=/usr/share/lab:/usr/share/lab:ro" in told
    assert not any(each.startswith(("--bind=/usr:", "--bind=/etc:")) for each in told)
    handed = {name: value for name, value in variables.items() if name.startswith("APPTAINERENV_")}
    assert handed["APPTAINERENV_OMP_NUM_THREADS"] == "2"
    assert handed["APPTAINERENV_ACCIO_X"] == "y"
    assert "secret" not in handed.values()
