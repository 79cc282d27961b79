"""Programs whose command is a text: places for inputs and outputs, a shell if asked for, outputs of all kinds."""

import json
from pathlib import Path
from typing import Any

import pytest

from accio.domain.states import Cause
from accio.errors import InvalidDefinition
from accio.sdk.commands import Program
from accio.sdk.execution import Failed, Finished, Request
from accio.sdk.program_digest import with_digest
from accio.sdk.program_file import read_program
from accio.sdk.run import run_operator
from accio.sdk.sinks import ConsoleSinks


def make(folder: Path, command: str | list[str], **declared: Any) -> Program:
    """Declare a program by its command."""
    folder.mkdir(exist_ok=True)
    path = folder / "tool.json"
    path.write_text(json.dumps({"name": "Tool", "command": command, **declared}), encoding="utf-8")
    return read_program(path)


def run(program: Program, folder: Path, inputs: str, **datasets: Path) -> Finished | Failed:
    """Run it once in a new folder."""
    work = folder / "work"
    work.mkdir()
    return run_operator(program, Request(inputs=inputs, folder=work, datasets=datasets), ConsoleSinks())


def finished(outcome: Finished | Failed) -> Finished:
    """The outcome, which must be a success."""
    assert isinstance(outcome, Finished), outcome
    return outcome


def failed(outcome: Finished | Failed) -> Failed:
    """The outcome, which must be a failure."""
    assert isinstance(outcome, Failed), outcome
    return outcome


SHELL: dict[str, Any] = {"shell": True}
HOSTILE = "a b; touch 'here' $(touch there) \\"


def test_a_shell_gets_values_quoted(tmp_path: Path) -> None:
    """Paths with blanks and texts that a shell would obey arrive as they are; an output's file has its name."""
    (tmp_path / "my table").write_text("b\na\n")
    program = make(
        tmp_path,
        "(echo {mark}; sort {table}) | cat > {out.sorted}",
        **SHELL,
        inputs=[{"name": "table", "type": "dataset"}, {"name": "mark", "type": "string"}],
        outputs=[{"name": "sorted", "type": "dataset", "file": "sorted file.txt"}],
    )
    outcome = finished(run(program, tmp_path, json.dumps({"table": "d", "mark": HOSTILE}), d=tmp_path / "my table"))
    made = tmp_path / "work" / "sorted file.txt"
    assert outcome.outputs == {"sorted": json.dumps(str(made))}
    assert made.read_text() == f"{HOSTILE}\na\nb\n"
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == [".accio", "sorted file.txt"]


def test_without_a_shell_values_are_arguments(tmp_path: Path) -> None:
    """A place is an argument or a part of one, a list as many as it has members, and what has no value none."""
    program = make(
        tmp_path,
        "printf '%s\\n' {several} -k{column} --mark={mark} {gone} {ratio} {flag} {print} 'a b'",
        inputs=[
            {"name": "several", "type": "list(string)"},
            {"name": "column", "type": "integer"},
            {"name": "mark", "type": "string"},
            {"name": "gone", "type": "string", "optional": True},
            {"name": "ratio", "type": "double"},
            {"name": "flag", "type": "boolean"},
        ],
        outputs=[{"name": "said", "type": "string", "stdout": True}],
    )
    inputs = json.dumps({"several": ["x y", "$HOME"], "column": 3, "mark": HOSTILE, "ratio": 0.5, "flag": True})
    said = json.loads(finished(run(program, tmp_path, inputs)).outputs["said"])
    assert said.split("\n") == ["x y", "$HOME", "-k3", f"--mark={HOSTILE}", "0.5", "true", "{print}", "a b"]


def test_a_list_has_places_like_a_text(tmp_path: Path) -> None:
    """Words of a list are filled in as those of a text; a value that is called like a declared file stays a value."""
    (tmp_path / "tool.sh").touch()
    program = make(
        tmp_path,
        ["sh", "tool.sh", "{several}", "-k{column}", "{mark}", "{print}", "tool.sh", "> {out.y}"],
        files=["tool.sh"],
        inputs=[
            {"name": "several", "type": "list(string)"},
            {"name": "column", "type": "integer"},
            {"name": "mark", "type": "string"},
        ],
        outputs=[{"name": "y", "type": "dataset", "file": "y.txt"}],
    )
    values = {"several": ["x y", "$HOME"], "column": 3, "mark": "tool.sh"}
    arguments = program.arguments({port.name: (port.type, values[port.name]) for port in program.spec.inputs})
    script = str(tmp_path / "tool.sh")
    assert arguments == [script, "x y", "$HOME", "-k3", "tool.sh", "{print}", script, "> y.txt"]


def test_outputs_are_read_from_stdout(tmp_path: Path) -> None:
    """The whole of it, as JSON or as a text, or what a pattern finds in it."""
    program = make(
        tmp_path,
        "echo 'rows: 12'; echo 'mean = 2.5e-1 m'",
        **SHELL,
        outputs=[
            {"name": "rows", "type": "integer", "stdout": "^rows: (.*)"},
            {"name": "mean", "type": "double", "stdout": "mean = ([^ ]+)"},
            {"name": "all", "type": "string", "stdout": True},
        ],
    )
    assert finished(run(program, tmp_path, "{}")).outputs == {
        "rows": "12",
        "mean": "0.25",
        "all": '"rows: 12\\nmean = 2.5e-1 m"',
    }
    numbers = make(tmp_path / "n", "echo [1, 2.5]", outputs=[{"name": "y", "type": "list(double)", "stdout": True}])
    assert finished(run(numbers, tmp_path / "n", "{}")).outputs == {"y": "[1.0,2.5]"}


def test_outputs_are_files_that_a_pattern_finds(tmp_path: Path) -> None:
    """A list has all of them, in order; a single dataset is the only one, or the output is bad."""
    declared = [{"name": "parts", "type": "list(dataset)", "file": "part-*"}]
    program = make(tmp_path, "touch part-2 part-1 other", outputs=declared)
    work = tmp_path / "work"
    assert finished(run(program, tmp_path, "{}")).outputs == {
        "parts": json.dumps([f"{work}/part-1", f"{work}/part-2"], separators=(",", ":"))
    }
    for at, (touched, found) in enumerate((("other", "nothing of that name"), ("a.bam b.bam", "2 of them"))):
        one = make(tmp_path / str(at), f"touch {touched}", outputs=[{"name": "y", "type": "dataset", "file": "*.bam"}])
        failure = failed(run(one, tmp_path / str(at), "{}")).failure
        assert failure.cause is Cause.BAD_OUTPUT
        assert f"output 'y': expected a file *.bam in the working folder, found {found}" in failure.message


def test_a_step_of_a_pipe_that_fails_is_a_failure(tmp_path: Path) -> None:
    """What the last step makes of half an input must not pass for a result."""
    program = make(tmp_path, "false | cat > {out.y}", **SHELL, outputs=[{"name": "y", "type": "dataset"}])
    assert failed(run(program, tmp_path, "{}")).failure.cause is Cause.EXIT_CODE


def test_what_stdout_lacks_is_told(tmp_path: Path) -> None:
    """A pattern that finds nothing, and a text that is none of the type, are bad outputs."""
    for at, (pattern, message) in enumerate(
        (("n=(.*)", "nothing on stdout matches n=(.*)"), (True, "expected integer"))
    ):
        outputs = [{"name": "y", "type": "integer", "stdout": pattern}]
        program = make(tmp_path / str(at), "echo about 3", outputs=outputs)
        failure = failed(run(program, tmp_path / str(at), "{}")).failure
        assert failure.cause is Cause.BAD_OUTPUT
        assert message in failure.message


def test_numbers_are_members_of_the_json_on_stdout(tmp_path: Path) -> None:
    """By a JSON pointer, through objects and lists; what isn't there is told with what is."""
    printed = """echo '{"summary": {"reads": 3, "a/b": [1.5, 2.5]}}'"""
    outputs = [
        {"name": "reads", "type": "integer", "stdout": {"json": "/summary/reads"}},
        {"name": "second", "type": "double", "stdout": {"json": "/summary/a~1b/1"}},
    ]
    outcome = finished(run(make(tmp_path / "a", printed, **SHELL, outputs=outputs), tmp_path / "a", "{}"))
    assert outcome.outputs == {"reads": "3", "second": "2.5"}
    for at, (command, message) in enumerate(
        ((printed, "the JSON on stdout has no /total; it is "), ("echo about 3", "expected JSON on stdout, found"))
    ):
        wanted = [{"name": "y", "type": "integer", "stdout": {"json": "/total"}}]
        program = make(tmp_path / f"b{at}", command, **SHELL, outputs=wanted)
        failure = failed(run(program, tmp_path / f"b{at}", "{}")).failure
        assert failure.cause is Cause.BAD_OUTPUT
        assert message in failure.message


INPUT = {"name": "reads", "type": "dataset"}
OUTPUT = {"name": "counts", "type": "dataset"}


@pytest.mark.parametrize(
    ("declared", "path", "mentions"),
    [
        ({"command": "wc {raeds}", "inputs": [INPUT]}, "/command", ["{raeds}", "did you mean reads?"]),
        ({"command": "wc {out.count}", "outputs": [OUTPUT]}, "/command", ["{out.count}", "did you mean counts?"]),
        ({"command": "wc {reads} > x", "inputs": [INPUT]}, "/command", ["shell"]),
        ({"command": "wc 'x"}, "/command", ["quotation"]),
        ({"command": ""}, "/command", ["program"]),
        ({"command": ["wc", "{raeds}"], "inputs": [INPUT]}, "/command", ["{raeds}", "did you mean reads?"]),
        ({"command": ["sh", "-c", "wc {reads}"], "inputs": [INPUT]}, "/command", ["code", '"shell": true', '"$0"']),
        ({"command": "bash -ec 'wc {reads}'", "inputs": [INPUT]}, "/command", ["{reads}", "bash -c"]),
        ({"command": ["wc"], "shell": True}, "/shell", ["text"]),
        ({"command": "f {m}", "inputs": [{"name": "m", "type": "map(string,double)"}]}, "/command", ["ACCIO_INPUTS"]),
        ({"command": "f {out.n}", "outputs": [{"name": "n", "type": "integer"}]}, "/command", ["stdout"]),
        ({"outputs": [OUTPUT | {"stdout": True}]}, "/outputs/0/stdout", ["{out.counts}"]),
        ({"outputs": [{"name": "n", "type": "long", "stdout": {"json": "n"}}]}, "/outputs/0/stdout", ["JSON pointer"]),
        ({"outputs": [{"name": "n", "type": "long", "stdout": "x"}]}, "/outputs/0/stdout", ["one (group)"]),
        ({"outputs": [{"name": "n", "type": "long", "stdout": "(x"}]}, "/outputs/0/stdout", ["(x"]),
        ({"outputs": [{"name": "n", "type": "long", "file": "x"}]}, "/outputs/0/file", ["dataset"]),
        ({"outputs": [OUTPUT | {"file": "../x"}]}, "/outputs/0/file", ["working folder"]),
    ],
)
def test_bad_commands(tmp_path: Path, declared: dict[str, Any], path: str, mentions: list[str]) -> None:
    """Each mistake is an issue with its place."""
    with pytest.raises(InvalidDefinition) as caught:
        make(tmp_path, **({"command": "true"} | declared))
    (issue,) = caught.value.issues
    assert issue.path == path
    assert [mention for mention in mentions if mention not in issue.message] == []


def test_digest_covers_the_command_and_the_programs_that_it_names(tmp_path: Path) -> None:
    """Another text, another way to read it, another file or pattern of an output: another digest."""
    forms: list[dict[str, Any]] = [
        {"command": "true 1"},
        {"command": "true  1"},
        {"command": "true 1", "shell": True},
        {"command": "true 1", "shell": True, "programs": ["true"]},
        {"command": "true 1", "outputs": [OUTPUT | {"file": "a"}]},
        {"command": "true 1", "outputs": [OUTPUT | {"file": "b"}]},
        {"command": ["true", "{reads}"], "inputs": [INPUT]},
        {"command": ["true", "{x}"], "inputs": [INPUT]},
    ]
    digests = [with_digest(make(tmp_path / str(at), **form)).digest for at, form in enumerate(forms)]
    assert None not in digests
    assert len(set(digests)) == len(forms)
    unknown = with_digest(make(tmp_path / "unknown", "true", programs=["no-such-program"]))
    assert unknown.digest is None
    assert "no-such-program" in (unknown.uncacheable or "")


def test_a_text_is_refused_where_a_shell_would_read_it_as_code(tmp_path: Path) -> None:
    """Quotes around a place are fine; arithmetic and here-documents without expansions aren't."""
    with pytest.raises(InvalidDefinition) as refused:
        make(tmp_path, "echo $(( {word} + 1 ))", **SHELL, inputs=[{"name": "word", "type": "string"}])
    (issue,) = refused.value.issues
    assert (issue.path, "{word} is a string, which a shell's arithmetic" in issue.message) == ("/command", True)


def test_quotes_around_a_place_belong_to_the_digest(tmp_path: Path) -> None:
    """What such a line means has changed since 0.1, so that results of before aren't hits."""
    word = [{"name": "word", "type": "string"}]
    plain, quoted = (
        with_digest(make(tmp_path / str(at), line, **SHELL, inputs=word))
        for at, line in enumerate(["echo {word}", "echo '{word}'"])
    )
    assert "declaration" in dict(plain.components)
    assert plain.digest != quoted.digest


def test_a_pattern_finds_hidden_files_only_if_it_says_the_dot(tmp_path: Path) -> None:
    """As in a shell: what a file system or a tool hides there isn't an output."""
    script = "touch b.bam ._b.bam .d.bam; mkdir .hidden sub; touch .hidden/c.bam sub/e.bam"
    for at, (pattern, found) in enumerate(
        {
            "*.bam": ["b.bam"],
            ".*.bam": ["._b.bam", ".d.bam"],
            "**/*.bam": ["b.bam", "sub/e.bam"],
            ".hidden/*.bam": [".hidden/c.bam"],
        }.items()
    ):
        folder = tmp_path / str(at)
        outputs = [{"name": "all", "type": "list(dataset)", "file": pattern}]
        outcome = finished(run(make(folder, script, **SHELL, outputs=outputs), folder, "{}"))
        assert json.loads(outcome.outputs["all"]) == [str(folder / "work" / name) for name in found]
