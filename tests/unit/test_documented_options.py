"""docs/cli.md names every option of every command, and none that isn't there."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from accio_agent.agent.cli import command as agent
from accio_client.cli.catalogue import COMMANDS, load
from accio_daemon.cli import command as daemon
from accio_pool.cli import command as pool
from accio_web.__main__ import command as web

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
COMMON = {"json", "quiet", "addr", "cluster", "help", "version"}
ROW = re.compile(r"^\| `([a-z -]+)` \| (.*) \|$", re.MULTILINE)
OPTION = re.compile(r"`-([a-z][a-z0-9-]*)`")


def _commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every command that has options of its own, the programs among them."""
    yield from ((words, load(words)) for words, entry in COMMANDS.items() if not entry.program)
    for words, program in (("agent", agent), ("daemon", daemon), ("web", web), ("pool", pool)):
        yield words, program
        if isinstance(program, click.Group):
            yield from ((f"{words} {name}", each) for name, each in program.commands.items())


def _options(command: click.Command) -> set[str]:
    """Return the long options of a command, switches as they are when they are on."""
    options = (each for each in command.params if isinstance(each, click.Option) and not each.hidden)
    return {name.removeprefix("--") for each in options for name in each.opts if name.startswith("--")} - COMMON


def _table() -> dict[str, set[str]]:
    """Return what the page says: the options of each command."""
    section = PAGE.read_text(encoding="utf-8").partition("\n## Options of each command\n")[2].partition("\n## ")[0]
    return {words: set(OPTION.findall(cell)) for words, cell in ROW.findall(section)}


TABLE = _table()


@pytest.mark.parametrize(("words", "command"), [pytest.param(*each, id=each[0]) for each in _commands()])
def test_the_page_names_the_options_that_there_are(words: str, command: click.Command) -> None:
    """All of them and no other, in the row of their command; a command without options has no row."""
    assert TABLE.get(words, set()) == _options(command)


def test_the_page_names_no_command_that_is_not_there() -> None:
    """A command that goes takes its row along."""
    assert TABLE.keys() <= {words for words, _ in _commands()}


def test_every_limit_has_its_letter() -> None:
    """`-n=N` bounds whatever a command lists: none has a `--limit` without it."""
    limits = [
        (words, option.opts)
        for words, command in _commands()
        for option in command.params
        if isinstance(option, click.Option) and "--limit" in option.opts
    ]
    assert len(limits) > 8
    assert [words for words, names in limits if "-n" not in names] == []
