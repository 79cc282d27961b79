"""The memo never changes a result, whatever is edited between submissions; each part of its key is needed for that."""

import re
import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import hypothesis.strategies as st
import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from accio.domain.keys import KeyTemplate
from accio.domain.workflows import Constant, FromNode, FromParam, NodeDefinition, Param, Source, Workflow
from accio_daemon.core import readying
from accio_daemon.core.inputs import Inputs, key_of
from accio_daemon.core.terms import CacheMode
from tests import builders
from tests.property.memo_bench import Bench, Code, dataset_axis, integer_axis

PORTS = {"Scale": ("x",), "Shift": ("x", "by"), "Noise": ("x",), "Size": ("data",), "Plus": ("x",), "Minus": ("x",)}
FILES = ("one", "two")
WRONG = "the memo gave a wrong result"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The world as it is when a run is submitted, and the run."""

    code: Code
    contents: tuple[str, str]  # of the two files, written in place
    moved: bool  # whether the files are replaced by equal copies of them
    workflow: Workflow
    xs: tuple[int, ...]
    y: int
    data: str
    seed: int


@st.composite
def workflows(draw: st.DrawFn) -> Workflow:
    """Random graphs of a few nodes; small numbers, so that inputs are often equal."""
    nodes: list[NodeDefinition] = []
    for no in range(draw(st.integers(1, 5))):
        op = draw(st.sampled_from(sorted(PORTS)))
        inputs: dict[str, Source] = {}
        for port in PORTS[op]:
            if port == "data":
                inputs[port] = FromParam("data")
                continue
            sources: list[Source] = [FromParam("x"), FromParam("y"), Constant(builders.INTEGER, "1")]
            sources += [FromNode(before.name, "value") for before in nodes]
            inputs[port] = draw(st.sampled_from(sources))
        nodes.append(NodeDefinition(op=op, name=f"N{no}", inputs=inputs))
    integers = (Param(name=name, type=builders.INTEGER, default="0") for name in ("x", "y"))
    return Workflow(id="w", params=(*integers, Param(name="data", type=builders.DATASET)), graph=tuple(nodes))


SCENES = st.builds(
    Scene,
    code=st.builds(
        Code, factor=st.sampled_from([2, 3]), sign=st.sampled_from("+-"), comment=st.sampled_from([0, 0, 1])
    ),
    contents=st.tuples(st.sampled_from("ab"), st.sampled_from("ab")),
    moved=st.booleans(),
    workflow=workflows(),
    xs=st.sampled_from([(0,), (1,), (0, 1), (1, 2)]),
    y=st.integers(0, 2),
    data=st.sampled_from(FILES),
    seed=st.integers(1, 2),
)


def _edit(folder: Path, scene: Scene) -> None:
    """Change files where they are; a move leaves other files of the same content behind."""
    for name, content in zip(FILES, scene.contents, strict=True):
        path = folder / name
        if not path.exists() or path.read_text() != content:
            path.write_text(content)
        if scene.moved:
            shutil.copy(path, folder / "copy")
            (folder / "copy").replace(path)


def check(scenes: list[Scene]) -> None:
    """Submit each run without the memo and with it, twice: the results are equal, and the last time nothing is done."""
    with tempfile.TemporaryDirectory() as made, closing(Bench(Path(made))) as bench:
        for scene in scenes:
            bench.use(scene.code)
            _edit(bench.folder, scene)
            axes = (
                integer_axis("x", *scene.xs),
                integer_axis("y", scene.y),
                dataset_axis("data", bench.folder / scene.data),
            )
            truth = bench.run(scene.workflow, axes, seed=scene.seed, cache=CacheMode.NONE)
            found = bench.run(scene.workflow, axes, seed=scene.seed, cache=CacheMode.USE)
            assert found == truth, WRONG
            before = bench.executions
            assert bench.run(scene.workflow, axes, seed=scene.seed, cache=CacheMode.USE) == truth
            assert bench.executions == before


@pytest.mark.timeout(300)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(SCENES, min_size=2, max_size=5))
def test_the_result_with_the_memo_is_the_result_without_it(scenes: list[Scene]) -> None:
    """Random workflows, edits of code and files, parameters and seeds: a hit is what an execution would have given."""
    check(scenes)


Key = Callable[[KeyTemplate, Inputs, int | None], bytes]
_TRUE_KEY: Key = key_of  # the one place where keys are made


def _without_digest(template: KeyTemplate, inputs: Inputs, seed: int | None) -> bytes:
    return _TRUE_KEY(_changed(template, re.sub('"digest":"[^"]*"', '"digest":""', template.head)), inputs, seed)


def _without_name(template: KeyTemplate, inputs: Inputs, seed: int | None) -> bytes:
    return _TRUE_KEY(_changed(template, template.head, tail=""), inputs, seed)


def _changed(template: KeyTemplate, head: str, *, tail: str | None = None) -> KeyTemplate:
    changed = KeyTemplate("", "", template.ports)
    changed.head, changed.tail = head, template.tail if tail is None else tail
    return changed


def _without_seed(template: KeyTemplate, inputs: Inputs, seed: int | None) -> bytes:
    return _TRUE_KEY(template, inputs, None)


def _with(key_inputs: str) -> Inputs:
    changed = Inputs()
    changed.key_inputs = key_inputs
    return changed


def _without_content(template: KeyTemplate, inputs: Inputs, seed: int | None) -> bytes:
    return _TRUE_KEY(template, _with(re.sub('{"dataset":"[^"]*"}', '{"dataset":""}', inputs.key_inputs)), seed)


def _without_input(port: str) -> Key:
    def key(template: KeyTemplate, inputs: Inputs, seed: int | None) -> bytes:
        document = orjson.loads(inputs.key_inputs)
        document.pop(port, None)
        return _TRUE_KEY(template, _with(orjson.dumps(document).decode()), seed)

    return key


LEFT_OUT: dict[str, Key] = {
    "operator digest": _without_digest,
    "operator name": _without_name,
    "seed": _without_seed,
    "dataset content": _without_content,
    "input x": _without_input("x"),
    "input by": _without_input("by"),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", LEFT_OUT)
def test_no_part_of_the_key_can_be_left_out(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With any part missing from the key the property above is violated, and the search for a violation finds it."""
    monkeypatch.setattr(readying, "key_of", LEFT_OUT[part])
    options = settings(
        max_examples=400,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    with pytest.raises(AssertionError, match=WRONG):
        options(given(st.lists(SCENES, min_size=2, max_size=5))(check))()
