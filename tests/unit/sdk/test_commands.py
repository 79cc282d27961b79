"""Programs as operators: declarations, digests, runs and failures."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from accio import InvalidDefinition
from accio.domain.states import Cause
from accio.sdk.commands import Program
from accio.sdk.execution import Failed, Finished, Request
from accio.sdk.program_digest import with_digest
from accio.sdk.program_file import read_program
from accio.sdk.run import output_types, run_operator
from accio.sdk.sinks import ConsoleSinks
from tests.unit.sdk.executing import failure, finished
from tests.unit.sdk.packages import ROOT, write

EXAMPLES = ROOT / "examples" / "programs"
DECLARATION: dict[str, Any] = {
    "name": "Tool",
    "inputs": [{"name": "x", "type": "integer", "default": 3}, {"name": "data", "type": "dataset", "optional": True}],
    "outputs": [{"name": "y", "type": "double"}],
    "command": ["./tool"],
    "files": ["tool"],
}
SCRIPT = '#!/bin/sh\necho \'{"y": 2}\' > "$ACCIO_OUTPUTS"\n'


def make(folder: Path, script: str = SCRIPT, **changes: Any) -> Program:
    """Write a declaration and its script, and read it."""
    write(folder, {"tool": script, "tool.json": json.dumps(DECLARATION | changes)})
    (folder / "tool").chmod(0o755)
    return read_program(folder / "tool.json")


def run(program: Program, folder: Path, inputs: str = "{}", **request: Any) -> Finished | Failed:
    """Run a program once in a new folder."""
    work = folder / "work"
    work.mkdir()
    return run_operator(program, Request(inputs=inputs, folder=work, **request), ConsoleSinks())


def test_declaration(tmp_path: Path) -> None:
    """A declaration says what a decorator says, in JSON."""
    program = make(
        tmp_path, help="H", category="c", unstable=True, deprecated="use X", resources={"cpus": 2, "memory": "1GiB"},
        timeout="1.minutes", retries=1, retry_backoff="2s", isolated=True,
        retry_memory=2, memory_limit="4GiB",
    )  # fmt: skip
    spec = program.spec
    assert [(port.name, str(port.type), port.default, port.optional) for port in spec.inputs] == [
        ("x", "integer", "3", False),
        ("data", "dataset", None, True),
    ]
    assert (spec.name, spec.help, spec.category, spec.unstable, spec.deprecated) == ("Tool", "H", "c", True, "use X")
    assert spec.resources.to_json() == {"cpus": 2, "memory": 2**30}
    assert (spec.timeout_ms, spec.retries, spec.retry_backoff_ms, spec.isolated) == (60_000, 1, 2000, True)
    assert (spec.retry_memory, spec.memory_limit) == (2.0, 4 << 30)
    assert with_digest(program).problems() == ()
    assert {name: str(found) for name, found in output_types(program).items()} == {"y": "double"}


@pytest.mark.parametrize(
    ("changes", "path", "mentions"),
    [
        ({"nme": "x"}, "/nme", ["nme"]),
        ({"name": "a b"}, "/name", ["name"]),
        ({"name": 3}, "/name", ["3"]),
        ({"command": []}, "/command", ["program"]),
        ({"inputs": [{"name": "x", "type": "intger"}]}, "/inputs/0/type", ["intger", "integer"]),
        ({"inputs": [{"name": "x", "type": "integer", "default": "a"}]}, "/inputs/0/default", ["'x'", "integer"]),
        ({"inputs": [{"name": "x"}]}, "/inputs/0", ["port"]),
        ({"inputs": [{"name": "x", "type": "string", "defalt": 1}]}, "/inputs/0/defalt", ["defalt"]),
        ({"inputs": [{"name": "x", "type": "string"}] * 2}, "/inputs/1/name", ["two"]),
        (
            {"inputs": [{"name": "x", "type": "string", "writable_copy": True}]},
            "/inputs/0/writable_copy",
            ["'x'", "no dataset"],
        ),
        (
            {"inputs": [{"name": "x", "type": "dataset", "writable_copy": "a/b"}]},
            "/inputs/0/writable_copy",
            ["true", "a/b"],
        ),
        ({"inputs": [{"name": "x", "type": "dataset", "writable_copy": 1}]}, "/inputs/0/writable_copy", ["true", "1"]),
        ({"inputs": [{"name": "x", "type": "string", "choices": []}]}, "/inputs/0/choices", ["list of values"]),
        ({"inputs": [{"name": "x", "type": "string", "choices": "ab"}]}, "/inputs/0/choices", ["list", "ab"]),
        ({"inputs": [{"name": "x", "type": "integer", "choices": [1, "b"]}]}, "/inputs/0/choices/1", ["'x'", "b"]),
        ({"inputs": [{"name": "x", "type": "dataset", "choices": ["a"]}]}, "/inputs/0/choices", ["datasets"]),
        ({"outputs": {"y": "double"}}, "/outputs", ["list"]),
        ({"outputs": [{"name": "y", "type": "list"}]}, "/outputs/0/type", ["'y'"]),
        ({"resources": {"cpu": 1}}, "/resources/cpu", ["cpu"]),
        ({"resources": 3}, "/resources", ["resource", "3"]),
        ({"timeout": "soon"}, "/timeout", ["duration"]),
        ({"retries": -1}, "/retries", ["-1"]),
        ({"unstable": "yes"}, "/unstable", ["true"]),
        ({"environment": {"A": 1}}, "/environment", ["texts"]),
    ],
)
def test_bad_declarations(tmp_path: Path, changes: dict[str, Any], path: str, mentions: list[str]) -> None:
    """Each mistake is an issue with its place; the message names the operator."""
    with pytest.raises(InvalidDefinition) as caught:
        make(tmp_path, **changes)
    found = {issue.path: f"{issue.message} {issue.suggestion}" for issue in caught.value.issues}
    assert path in found
    assert [text for text in ("operator", *mentions) if text not in found[path]] == []


def test_declarations_that_are_no_json(tmp_path: Path) -> None:
    """Malformed JSON has a line and a column; a file that isn't there is named."""
    write(tmp_path, {"bad.json": '{"name": \n}'})
    with pytest.raises(InvalidDefinition, match="line 2"):
        read_program(tmp_path / "bad.json")
    with pytest.raises(InvalidDefinition, match="gone"):
        read_program(tmp_path / "gone.json")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"id": "w", "graph": [{"op": "A"}]}', "is a workflow, .*`accio push FILE`"),
        ('{"workflow": "w", "params": {"x": 1}}', "is a run definition, .*`accio submit FILE`"),
        ('{"pools": []}', "defines pools, .*`accio pool serve FILE`"),
    ],
)
def test_other_documents_are_no_declarations(tmp_path: Path, content: str, said: str) -> None:
    """A file for something else is named as what it is, with the command that takes it, in place of its keys."""
    write(tmp_path, {"other.json": content})
    with pytest.raises(InvalidDefinition, match=said) as caught:
        read_program(tmp_path / "other.json")
    assert len(caught.value.issues) == 1


def test_what_a_digest_covers(tmp_path: Path) -> None:
    """The digest follows the executable, the declared files and what of the declaration matters, and nothing else."""

    def digest(script: str = SCRIPT, **changes: Any) -> str | None:
        write(tmp_path, {"data.txt": changes.pop("data", "a")})
        return with_digest(make(tmp_path, script, **{"files": ["tool", "data.txt"], **changes})).digest

    first = digest()
    assert first is not None
    assert digest(help="other", resources={"cpus": 4}, timeout="1h", category="c") == first
    others = [
        digest(SCRIPT + "# changed\n"),
        digest(data="b"),
        digest(command=["./tool", "-v"]),
        digest(environment={"A": "b"}),
        digest(outputs=[{"name": "y", "type": "long"}]),
        digest(name="Other"),
        digest(unstable=True),
        digest(version="1"),
    ]
    assert None not in others
    assert len({first, *others}) == len(others) + 1
    assert digest(SCRIPT + "# changed\n", files=[], version="1") == digest(files=[], version="1")


def test_executables_count_through_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program found through PATH counts by its content, and a script's interpreter too."""
    program = make(tmp_path, files=[], command=["thetool"])
    assert "thetool" in str(with_digest(program).uncacheable)
    write(tmp_path, {"bin/thetool": "#!/usr/bin/env theshell\n", "bin/theshell": "one"})
    for name in ("thetool", "theshell"):
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    first = with_digest(program)
    assert {"executable", "interpreter", "declaration"} == {name for name, _ in first.components}
    write(tmp_path, {"bin/theshell": "two"})
    second = with_digest(program)
    assert first.digest is not None
    assert first.digest != second.digest


def test_scripts_that_the_command_names_count(tmp_path: Path) -> None:
    """A file given to an interpreter by its absolute path counts by its content, unless a version says all."""
    script = tmp_path / "elsewhere.py"
    script.write_text("one")
    program = make(tmp_path, command=["sh", str(script)])
    fixed = make(tmp_path, command=["sh", str(script)], version="1")
    first = with_digest(program).digest, with_digest(fixed).digest
    assert (script in program.needs(), script in fixed.needs()) == (True, False)
    script.write_text("two")
    assert with_digest(program).digest not in {first[0], None}
    assert with_digest(fixed).digest == first[1]


def test_missing_files_mean_no_digest(tmp_path: Path) -> None:
    """A declared file that can't be read is the reason for having no digest."""
    spec = with_digest(make(tmp_path, files=["tool", "gone.txt"]))
    assert spec.digest is None
    assert "gone.txt" in str(spec.uncacheable)


def test_a_program_gets_its_inputs_and_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inputs are canonical, with defaults, datasets as paths; seed, attempt and key are in the environment."""
    monkeypatch.setenv("ACCIO_TOKEN", "secret")
    script = (
        "#!/bin/sh\ncat $ACCIO_INPUTS\npwd\nenv | grep -E '^(ACCIO_(SEED|ATTEMPT|IDEM|TOKEN)|OWN)' | sort\n"
        'echo "[$1][$2]"\necho \'{"y": "NaN"}\' > $ACCIO_OUTPUTS\n'
    )
    program = make(
        tmp_path,
        script,
        unstable=True,
        command=["./tool", "data.txt", "$HOME"],
        files=["tool", "data.txt"],
        environment={"OWN": "1"},
    )
    paths = {"blake3:a": tmp_path / "in"}
    read, write_end = os.pipe()
    saved = os.dup(1)
    os.dup2(write_end, 1)
    try:
        outcome = run(
            program, tmp_path, '{"data":"blake3:a"}', datasets=paths, seed=-7, attempt=2, idempotency_key="r/n"
        )
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        os.close(write_end)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    assert finished(outcome).outputs == {"y": '"NaN"'}
    assert said.splitlines() == [
        f'{{"data":"{tmp_path}/in","x":3}}{tmp_path}/work',
        "ACCIO_ATTEMPT=2",
        "ACCIO_IDEMPOTENCY_KEY=r/n",
        "ACCIO_SEED=-7",
        "OWN=1",
        f"[{tmp_path}/data.txt][$HOME]",
    ]


def test_programs_get_copies_too(tmp_path: Path) -> None:
    """An input with "writable_copy" arrives as a file of the program's own, under the name that it asks for."""
    (tmp_path / "in.txt").write_text("kept")
    script = """#!/bin/sh
set -e
path=$(sed 's/.*"data":"\\([^"]*\\)".*/\\1/' "$ACCIO_INPUTS")
echo more >> "$path"
echo "{\\"y\\": \\"$(basename "$path")\\"}" > "$ACCIO_OUTPUTS"
"""
    inputs = [{"name": "data", "type": "dataset", "writable_copy": "table.csv"}]
    program = make(tmp_path, script, inputs=inputs, outputs=[{"name": "y", "type": "string"}])
    outcome = finished(run(program, tmp_path, '{"data":"d"}', datasets={"d": tmp_path / "in.txt"}))
    assert outcome.outputs == {"y": '"table.csv"'}
    assert (tmp_path / "in.txt").read_text() == "kept"


def test_choices_of_a_program(tmp_path: Path) -> None:
    """An input that lists its values refuses others, also from other nodes; its default is one of them."""
    inputs = [{"name": "mode", "type": "string", "choices": ["fast", "exact"], "default": "fast"}]
    program = make(tmp_path, inputs=inputs)
    assert program.spec.inputs[0].choices == ('"fast"', '"exact"')
    refused = failure(run(program, tmp_path, '{"mode":"slow"}'))
    assert refused.cause is Cause.BAD_INPUT
    assert 'input \'mode\': expected one of "fast", "exact", found "slow"' in refused.message
    with pytest.raises(InvalidDefinition, match=r"port 'mode' \(string\) doesn't take its default"):
        make(tmp_path, inputs=[inputs[0] | {"default": "slow"}])


def test_output_datasets(tmp_path: Path) -> None:
    """Datasets go by paths in the working folder, an input may be passed on, and nothing else may be named."""
    outputs = [{"name": "a", "type": "dataset"}, {"name": "b", "type": "list(dataset)"}]

    def script(document: str) -> str:
        return f"#!/bin/sh\nmkdir out\necho '{document}' > $ACCIO_OUTPUTS\n"

    (tmp_path / "in").mkdir()
    good = make(tmp_path, script(f'{{"a": "out", "b": ["{tmp_path}/in", "out"]}}'), outputs=outputs)
    outcome = finished(run(good, tmp_path, '{"data":"d"}', datasets={"d": tmp_path / "in"}))
    out = str(tmp_path / "work" / "out")
    assert outcome.outputs == {"a": f'"{out}"', "b": f'["{tmp_path}/in","{out}"]'}
    assert set(outcome.datasets) == {out, f"{tmp_path}/in"}
    for at, text in enumerate(("..", "/etc", "gone")):
        other = tmp_path / str(at)
        bad = make(other, script(f'{{"a": "{text}", "b": []}}'), outputs=outputs)
        found = failure(run(bad, other))
        assert found.cause is Cause.BAD_OUTPUT
        assert "'a'" in found.message


@pytest.mark.parametrize(
    ("body", "cause", "mentions"),
    [
        ("exit 3", Cause.EXIT_CODE, ["exit code 3"]),
        ("kill -SEGV $$", Cause.SIGNAL, ["SIGSEGV"]),
        ("true", Cause.BAD_OUTPUT, ["ACCIO_OUTPUTS", "y"]),
        ("echo '{}' > $ACCIO_OUTPUTS", Cause.BAD_OUTPUT, ["y"]),
        ('echo \'{"y": "abc"}\' > $ACCIO_OUTPUTS', Cause.BAD_OUTPUT, ["'y'", "double", "abc"]),
        ('echo \'{"y": 1, "z": 1}\' > $ACCIO_OUTPUTS', Cause.BAD_OUTPUT, ["'z'"]),
        ("echo '{\"y\": 1,}' > $ACCIO_OUTPUTS", Cause.BAD_OUTPUT, ["JSON", "line 1"]),
        ("echo '[1]' > $ACCIO_OUTPUTS", Cause.BAD_OUTPUT, ["object"]),
        ("printf '\\377' > $ACCIO_OUTPUTS", Cause.BAD_OUTPUT, ["read"]),
        ("mkdir $ACCIO_OUTPUTS", Cause.BAD_OUTPUT, ["read"]),
    ],
)
def test_failures(tmp_path: Path, body: str, cause: Cause, mentions: list[str]) -> None:
    """A non-zero exit, a signal, a missing or ill-typed output: each is a clear failure."""
    found = failure(run(make(tmp_path, f"#!/bin/sh\n{body}\n"), tmp_path))
    assert found.cause is cause
    assert [text for text in mentions if text not in found.message] == []
    assert found.exit_code == (3 if cause is Cause.EXIT_CODE else None)
    assert found.signal == (11 if cause is Cause.SIGNAL else None)


@pytest.mark.parametrize(
    ("command", "shell"), [(["sh", "part.sh"], False), ("sh part.sh", False), ("sh part.sh | sort > {out.y}", True)]
)
def test_a_file_that_was_not_declared_is_named(tmp_path: Path, command: Any, *, shell: bool) -> None:
    """A script beside the declaration isn't in the working folder: the failure says where to name it."""
    (tmp_path / "part.sh").write_text("echo", encoding="utf-8")
    outputs = [{"name": "y", "type": "dataset"}]
    program = make(tmp_path, command=command, shell=shell, outputs=outputs, files=[])
    found = failure(run(program, tmp_path))
    assert "tool.json lies part.sh, but not in the working folder: name it among" in found.message
    declared = make(tmp_path, command=command, shell=shell, outputs=outputs, files=["part.sh"])
    assert declared.left_out_files() == []


def test_programs_that_cannot_start(tmp_path: Path) -> None:
    """A program that has gone, or that the kernel refuses, is a failure that names it."""
    gone = make(tmp_path)
    (tmp_path / "tool").unlink()
    assert "./tool" in failure(run(gone, tmp_path)).message
    other = tmp_path / "other"
    broken = make(other, "#!/no/such/interpreter\n")
    assert "can't be started" in failure(run(broken, other)).message


def test_bad_inputs(tmp_path: Path) -> None:
    """Inputs that don't fit are refused before the program starts."""
    program = make(tmp_path, "#!/bin/sh\ntouch /never\n", inputs=[{"name": "x", "type": "integer"}])
    for at, (inputs, mention) in enumerate({"{}": "'x'", '{"x":"a"}': "'x'", '{"x":1,"z":1}': "z"}.items()):
        folder = tmp_path / str(at)
        folder.mkdir()
        found = failure(run(program, folder, inputs))
        assert found.cause is Cause.BAD_INPUT
        assert mention in found.message


def test_values_in_either_form(tmp_path: Path) -> None:
    """Outputs are read as users write values, and as programs receive them."""
    types = ["distance", "distance", "duration", "location", "set(integer)", "map(string,double)", "double", "boolean"]
    values = ["3.5.km", 2.5, "1.minutes", [48.85, 2.35], [10, 9, 10], {"b": 1, "a": "Infinity"}, 1, True]
    names = "abcdefgh"
    document = json.dumps(dict(zip(names, values, strict=True)))
    outputs = [{"name": name, "type": found} for name, found in zip(names, types, strict=True)]
    program = make(tmp_path, f"#!/bin/sh\necho '{document}' > $ACCIO_OUTPUTS\n", outputs=outputs)
    assert list(finished(run(program, tmp_path)).outputs.values()) == [
        "3500.0", "2.5", "60000", "[48.85,2.35]", "[10,9]", '{"a":"Infinity","b":1.0}', "1.0", "true",
    ]  # fmt: skip


def test_wordcount_example(tmp_path: Path) -> None:
    """The shipped shell program counts words, also where the path has spaces and quotation marks."""
    text = tmp_path / 'a "text"'
    write(text, {"one.txt": "hello big world\n", "two.txt": "bye\n"})
    program = read_program(EXAMPLES / "wordcount.json")
    outcome = finished(run(program, tmp_path, '{"text":"d"}', datasets={"d": text}))
    assert outcome.outputs == {"words": "4", "lines": "2", "bytes": "20"}
    assert with_digest(program).digest is not None


def test_frequencies_example(tmp_path: Path) -> None:
    """The shipped Perl program finds frequent words and writes a table."""
    write(tmp_path, {"text.txt": "Été été, the cat; the hat.\nThe end"})
    program = read_program(EXAMPLES / "frequencies.json")
    inputs = '{"ignore":["end"],"text":"d","top":2}'
    outcome = finished(run(program, tmp_path, inputs, datasets={"d": tmp_path / "text.txt"}))
    assert outcome.outputs["frequent"] == '{"the":3,"été":2}'
    table = next(iter(outcome.datasets.values())) / "table.tsv"
    assert table.read_text() == "the\t3\nété\t2\ncat\t1\nhat\t1\n"


def test_example_scripts_are_readable_files() -> None:
    """The scripts need no executable bit: their interpreters are named in the commands."""
    modes = [stat.S_IMODE(path.stat().st_mode) for path in EXAMPLES.iterdir()]
    assert len(modes) == 4
    assert all(mode & 0o444 for mode in modes)


MEASURING = """#!/bin/sh
echo '{"y": 1}' > "$ACCIO_OUTPUTS"
echo '{"step": 1, "loss": 0.5, "accuracy": 0.7}' >> "$ACCIO_METRICS"
echo '{"step": 2, "loss": 0.25}' >> "$ACCIO_METRICS"
echo 'no json' >> "$ACCIO_METRICS"
echo '{"step": 3, "loss": "low"}' >> "$ACCIO_METRICS"
echo '{"progress": 0.5}' >> "$ACCIO_METRICS"
printf '{"plain": 4}' >> "$ACCIO_METRICS"
"""


def test_a_program_measures_by_lines_of_json(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Numbers with a step are series, others metrics; what is none of both is left out, and said once."""
    outcome = finished(run(make(tmp_path, MEASURING), tmp_path))
    assert dict(outcome.metrics) == {"loss": 0.25, "accuracy": 0.7, "plain": 4.0}
    found = {name: [(point.step, point.value) for point in each.points()] for name, each in outcome.series.items()}
    assert found == {"loss": [(1, 0.5), (2, 0.25)], "accuracy": [(1, 0.7)], "progress": [(0, 0.5)]}
    assert capfd.readouterr().err.count("ACCIO_METRICS") == 1


def test_a_program_that_fails_has_measured_all_the_same(tmp_path: Path) -> None:
    """What a failing program measured stays, as that of a function does."""
    outcome = run(make(tmp_path, MEASURING + "exit 3\n"), tmp_path)
    assert failure(outcome).exit_code == 3
    assert outcome.series["loss"].total == 2
