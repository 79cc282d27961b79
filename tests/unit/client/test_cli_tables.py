"""The tables behind the command line: exit codes, the catalogue, and both clients' faces."""

import inspect
from importlib.util import find_spec

import click
import pytest

import accio_client
from accio import errors
from accio.errors import AccioError
from accio.exits import EXIT_OF_ERROR
from accio_client import AsyncClient, Client, documents
from accio_client.cli.catalogue import COMMANDS, SAME, load, nouns, verbs
from accio_client.cli.failure import CODE_OF_ERROR
from accio_client.cli.main import split


def test_every_error_has_an_exit_code_and_a_name() -> None:
    """Both tables are total over the error tree."""
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AccioError)}
    assert set(EXIT_OF_ERROR) == set(CODE_OF_ERROR) == kinds - {AccioError}
    assert set(EXIT_OF_ERROR.values()) == {1, 2, 4, 5, 6}


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_is_there_and_explained(words: str) -> None:
    """Each entry of the catalogue names a command that has a help text, -json and -quiet; programs name a package."""
    entry = COMMANDS[words]
    if entry.program:
        assert find_spec(f"{entry.place}.__main__") is not None
        return
    command = load(words)
    assert isinstance(command, click.Command)
    assert command.help
    names = {name for parameter in command.params for name in parameter.opts}
    assert {"--json", "--quiet"} <= names
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{words} {parameter.opts}"
            if parameter.is_flag:
                assert parameter.secondary_opts, f"{words} {parameter.opts} has no negation"


def test_other_words_for_a_command_lead_somewhere() -> None:
    """Synonyms point to commands, and hide none."""
    assert set(SAME.values()) <= set(COMMANDS)
    assert not set(SAME) & set(COMMANDS)


def test_all_commands_of_the_specification_are_there() -> None:
    """The verbs of docs/cli.md, and the nouns of `get`, `describe` and `delete`."""
    wanted = (
        "push validate submit get describe logs export update kill retry delete why watch gc up daemon agent version"
        " table plot failures diff publish replay token run optimize web init pool doctor cap window"
    )
    assert set(wanted.split()) | {"help", "completion", "schema", "cache"} == set(verbs())
    assert set(nouns("get")) == {
        "runs",
        "workflows",
        "operators",
        "agents",
        "events",
        "artifact",
        "changes",
        "workload",
        "allocations",
        "owners",
        "usage",
    }
    assert set(nouns("describe")) == {"run", "workflow", "operator", "node"}
    assert set(nouns("delete")) == {"run", "workflow"}


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["get", "runs", "-n", "3"], ([], "get runs", ["-n", "3"])),
        (["get", "run"], ([], "get runs", [])),
        (["-json", "get", "-quiet", "runs"], (["-json", "-quiet"], "get runs", [])),
        (["-addr", "h:1", "get", "--cluster", "c", "runs"], (["-addr", "h:1", "--cluster", "c"], "get runs", [])),
        (["-addr=h:1", "get", "runs"], (["-addr=h:1"], "get runs", [])),
        (["daemon", "check"], ([], "daemon", ["check"])),
        (["daemon", "backup", "x"], ([], "daemon backup", ["x"])),
        (["agent", "--daemon", "h:1"], ([], "agent", ["--daemon", "h:1"])),
        (["submit", "w", "a=1"], ([], "submit", ["w", "a=1"])),
        (["get"], ([], "get", [])),
        ([], ([], "", [])),
    ],
)
def test_words_and_arguments_are_told_apart(arguments: list[str], parts: tuple[list[str], str, list[str]]) -> None:
    """The command is found by its words, with options before, between and behind them."""
    assert split(arguments) == parts


def methods(kind: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(method)
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }


def test_both_clients_have_the_same_face() -> None:
    """The blocking client has each method of the asynchronous one, with the same parameters and defaults."""
    blocking, asynchronous = methods(Client), methods(AsyncClient)
    assert blocking.keys() == asynchronous.keys()
    for name, signature in asynchronous.items():
        assert blocking[name].parameters == signature.parameters, name
        expected = str(signature.return_annotation).replace("AsyncGenerator", "Generator")
        expected = expected.replace("accio_client.handles.AsyncRun", "accio_client.sync_handles.Run")
        expected = "Run" if expected == "AsyncRun" else expected  # a name that only type checkers import
        assert str(blocking[name].return_annotation).replace("typing.", "") == expected.replace("typing.", "")


def test_the_public_names_are_there() -> None:
    """Everything in __all__ can be imported, and a wrong name is an AttributeError."""
    for name in accio_client.__all__:
        assert getattr(accio_client, name)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = accio_client.nonsense


def test_every_document_is_found() -> None:
    """Each name of `accio_client.documents` leads to its module, and a wrong one is an AttributeError."""
    for name in documents.__all__:
        assert getattr(documents, name)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = documents.nonsense
