"""How the command lines of daemon, agent, pools and web end: what went wrong in a line, and an exit code."""

import signal
from collections.abc import Callable, Sequence

import click

from accio.errors import AccioError
from accio.exits import INTERRUPTED, SUCCESS, USAGE, exit_code
from accio.interpreter import NO_FOLDER, has_folder


def run_command(
    command: click.Command,
    arguments: Sequence[str] | None,
    program: str,
    code_of: Callable[[AccioError], int] = exit_code,
) -> int:
    """Run a command line, that of this process if there are no *arguments*, and return its exit code.

    No traceback is shown for what a user can mend: a line says what is wrong, and names the *program*.
    """
    if arguments is None:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())  # who started it may block signals, by which it is to be ended
    try:
        code: int | None = command.main(arguments, prog_name=program, standalone_mode=False)
    except AccioError as error:
        click.echo(f"{program}: {error.message}", err=True)
        return code_of(error)
    except FileNotFoundError:
        if has_folder():
            raise
        click.echo(f"{program}: {NO_FOLDER}", err=True)
        return USAGE
    except click.ClickException as error:
        click.echo(f"{program}: {error.format_message()}", err=True)
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    return code or SUCCESS
