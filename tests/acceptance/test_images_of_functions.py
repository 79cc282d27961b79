"""Functions in container images, with a real Podman: imported there, given datasets, killed whole, as any function."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.acceptance.containers import Containers, containers
from tests.acceptance.processes import Cluster, eventually

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

SOURCE = """
import os, time
from pathlib import Path
from accio import Dataset, OperatorContext, operator


@operator(image="{image}")
def Greet(text: Path, times: int) -> dict[str, float]:
    print("printed in", Path("/greeting").read_text())
    return {{"letters": float(len(text.read_text()) * times), "host": float(Path("{marker}").exists())}}


@operator
def Write(ctx: OperatorContext, size: int) -> Dataset:
    ctx.metric("size", size, step=1)
    Path("written.txt").write_text(Path("/greeting").read_text() * size)
    return Dataset("written.txt")


@operator(timeout="2s")
def Dawdle() -> int:
    time.sleep({endless})
    return 1


@operator
def Sleep() -> int:
    Path("{begun}").write_text("begun")
    time.sleep({endless})
    return 1
"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """A Podman with a folder of its own."""
    with containers(tmp_path_factory.mktemp("engine") / "containers") as found:
        yield found


@pytest.fixture
def made(tmp_path: Path, engine: Containers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A daemon whose agents find that Podman."""
    with engine.cluster(tmp_path / "made", monkeypatch) as one:
        yield one


def _write(folder: Path, image: str) -> str:
    path = folder / "greet.py"
    begun = folder / "begun"
    path.write_text(SOURCE.format(image=image, marker="/usr/bin/env", begun=begun, endless=10_000))
    return str(path)


def _inside(made: Cluster) -> list[psutil.Process]:
    """Return the processes of templates and workers in containers of that cluster's agents."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess):
            words = process.cmdline()
            if any(word.startswith("/.accio/") for word in words) and str(made.root) in " ".join(words):
                found.append(process)
    return found


def test_functions_run_in_the_image_that_their_file_names(made: Cluster, engine: Containers, tmp_path: Path) -> None:
    """They see its files and the inputs, not the programs of the host; their outputs are kept, their time-outs hold;
    the image is in the digest; when the agent is killed, nothing of the container goes on.
    """
    image = engine.with_python("python-one")
    (tmp_path / "text").write_text("abc")
    agent = made.start_agent("a1", operators=[_write(tmp_path, image)])
    made.agents_are("a1")
    with made.client() as client:
        greeted = client.submit("Greet", text=str(tmp_path / "text"), times=2)
        assert greeted.wait(patience=90).state == "success", greeted.failures()
        (value,) = [each.value for each in client.get_node(greeted.id, "Greet").artifacts]
        assert value == {"letters": 6.0, "host": 0.0}
        assert "printed in python-one" in "".join(line.text for line in client.logs(greeted.id, "Greet"))
        written = client.submit("Write", size=2)
        assert written.wait(patience=90).state == "success", written.failures()
        late = client.submit("Dawdle")
        assert late.wait(patience=90).state == "failed"
        assert [each.fingerprint.cause for each in late.failures()] == ["time-out"]
        first = client.get_operator("Greet")
        assert "image" in dict(first.components)
        asleep = client.submit("Sleep")
        eventually(lambda: (tmp_path / "begun").exists(), what="a function in a container")
        assert _inside(made)
        agent.kill()
        eventually(lambda: not _inside(made), what="the end of all in the container")
        asleep.kill()


def test_an_image_without_python_is_told_when_the_agent_starts(
    made: Cluster, engine: Containers, tmp_path: Path
) -> None:
    """The agent says which image can't run functions, and what was expected."""
    image = engine.publish("nopython", "hello")
    agent = made.start_agent("a1", operators=[_write(tmp_path, image)])
    assert agent.ended() == 1
    assert f"the image {image} can't run functions: expected `python3` in its PATH" in agent.output()
