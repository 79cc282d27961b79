"""How programs end: one line that says why, and the exit code of the documentation."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from accio.command_line import run_command
from accio.domain.issues import Issue
from accio.errors import AccioError, InvalidDefinition, NotFound, Unavailable
from accio.exits import INTERRUPTED, INVALID, SUCCESS, UNREACHABLE, USAGE
from accio_client.cli.failure import report


def end(error: BaseException | None, *arguments: str) -> int:
    """Return the exit code of a command that raises *error*, or ends with 3."""

    @click.command()
    def command() -> int:
        if error is not None:
            raise error
        return 3

    return run_command(command, arguments, "accio test")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (NotFound("no run x"), USAGE, "no run x"),
        (Unavailable("nobody answers"), UNREACHABLE, "nobody answers"),
        (InvalidDefinition([Issue("/a", "wrong"), Issue("/b", "worse")]), INVALID, "/a: wrong\n/b: worse"),
        (click.UsageError("which file?"), USAGE, "which file?"),
    ],
)
def test_an_error_is_told_by_the_program(
    error: AccioError | click.ClickException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its kind is the exit code, its text a line that begins with the program's name."""
    assert end(error) == code
    assert capsys.readouterr().err == f"accio test: {said}\n"


def test_what_ends_without_an_error() -> None:
    """A command's own code counts, help is a success, and Ctrl-C is 130."""
    assert (end(None), end(None, "--help"), end(KeyboardInterrupt())) == (3, SUCCESS, INTERRUPTED)
    assert INTERRUPTED == 130


def test_a_bug_is_not_hidden() -> None:
    """Any other exception leaves the command line as it is."""
    with pytest.raises(ZeroDivisionError):
        end(ZeroDivisionError())


def test_a_working_folder_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A command that needs it says so; a file that is missing elsewhere is another matter."""
    with pytest.raises(FileNotFoundError):
        end(FileNotFoundError())
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert end(FileNotFoundError()) == USAGE
    assert "the working folder isn't there any more" in capsys.readouterr().err
    assert report(FileNotFoundError(), []) == USAGE
    assert "the working folder isn't there any more" in capsys.readouterr().err


def test_signals_that_were_blocked_are_heard() -> None:
    """A program of ours hears all signals, and so does what it starts, whoever has started it."""
    code = (
        "import signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD})\n"
        "import click; from accio.command_line import run_command; sys.argv = ['test']\n"
        "command = click.command()(lambda: print(signal.pthread_sigmask(signal.SIG_BLOCK, ())))\n"
        "run_command(command, None, 'accio test')"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"set()\n"
