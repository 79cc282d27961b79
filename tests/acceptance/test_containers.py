"""Programs in container images, with a real Podman and a registry here: fetched once, pinned, killed whole."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.containers import Containers, containers
from tests.acceptance.processes import Cluster, eventually

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """A registry, and a Podman with a folder of its own."""
    with containers(tmp_path_factory.mktemp("engine") / "containers") as found:
        yield found


@pytest.fixture
def made(tmp_path: Path, engine: Containers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A daemon whose agents find that Podman."""
    with engine.cluster(tmp_path / "made", monkeypatch) as one:
        yield one


def _declare(folder: Path, image: str, command: str, **more: object) -> str:
    path = folder / "tool.json"
    document = {"name": "Tool", "image": image, "command": command, "outputs": [], **more}
    path.write_text(json.dumps(document))
    return str(path)


def test_an_image_is_fetched_once_and_pinned(made: Cluster, engine: Containers, tmp_path: Path) -> None:
    """Two agents, one fetch. The tag moves on: what was announced runs on, until the pin is gone."""
    (tmp_path / "tool.sh").write_text('sort "$1" > "$2"; wc -l < "$1"; cat /greeting; id -u; touch "$1" || true')
    (tmp_path / "text").write_text("b\na\n")
    tool = _declare(
        tmp_path,
        engine.publish("sorter", "hello"),
        "sh tool.sh {text} {out.sorted}",
        files=["tool.sh"],
        inputs=[{"name": "text", "type": "dataset"}, {"name": "salt", "type": "integer", "default": 0}],
        outputs=[
            {"name": "sorted", "type": "dataset"},
            {"name": "lines", "type": "integer", "stdout": "^(\\d+)"},
            {"name": "greeting", "type": "string", "stdout": "^([a-z]+)"},
        ],
    )
    one, other = (made.start_agent(name, operators=[tool]) for name in ("a1", "a2"))
    made.agents_are("a1", "a2")
    assert len(engine.pins("sorter")) == 1
    assert engine.fetched("sorter") == 2  # its one layer and its configuration
    with made.client() as client:

        def run(salt: int) -> dict[str, object]:
            submitted = client.submit("Tool", text=str(tmp_path / "text"), salt=salt)
            assert submitted.wait().state == "success", submitted.failures()
            return {each.port: each.value for each in client.get_node(submitted.id, "Tool").artifacts}

        first = run(0)
        assert (first["lines"], first["greeting"]) == (2, "hello")
        before = client.get_operator("Tool").digest
        engine.publish("sorter", "goodbye")
        assert run(1)["greeting"] == "hello"
        assert (tmp_path / "text").read_text() == "b\na\n"
        for agent in (one, other):
            agent.kill(signal.SIGTERM)
            agent.ended()
        engine.pins("sorter")[0].unlink()
        made.start_agent("a3", operators=[tool])
        made.agents_are("a3")
        assert client.get_operator("Tool").digest != before
        assert run(1)["greeting"] == "goodbye"


def test_nothing_of_a_container_outlives_its_agent(made: Cluster, engine: Containers, tmp_path: Path) -> None:
    """The agent is killed while a container runs: no process is left, and the next execution removes the container."""
    tool = _declare(tmp_path, engine.publish("sleeper", ""), engine.endless)
    agent = made.start_agent("a1", operators=[tool])
    made.agents_are("a1")
    with made.client() as client:
        submitted = client.submit("Tool")
        eventually(lambda: "sleep" in engine.running(), what="a container")
        agent.kill()
        eventually(lambda: not engine.running(), what="the container's end")
        submitted.kill()
        made.start_agent("a1", operators=[tool])
        made.agents_are("a1")
        again = client.submit("Tool")
        eventually(lambda: "sleep" in engine.running(), what="a container")
        assert len(engine.podman("ps", "--all", "--quiet").split()) == 1  # the one that was killed has been cleaned up
        again.kill()
        eventually(lambda: not engine.running(), what="the container's end")


def test_an_image_that_cannot_be_had_is_told_when_the_agent_starts(
    made: Cluster, engine: Containers, tmp_path: Path
) -> None:
    """The agent says which image, by which engine, and why; it offers nothing that it couldn't execute."""
    tool = _declare(tmp_path, f"{engine.address}/nothing:1", "true")
    agent = made.start_agent("a1", operators=[tool])
    assert agent.ended() == 1
    assert f"the image {engine.address}/nothing:1 can't be fetched by podman" in agent.output()
