"""The entry of `accio`: finds the command, runs it, and turns whatever goes wrong into a sentence and an exit code."""

import contextlib
import gc
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from accio_client.cli.catalogue import COMMANDS, SAME, become, load, nouns, verbs

if TYPE_CHECKING:
    import click


_WITH_VALUE = ("addr", "cluster")
"""Options of every command that have a value, which may be the next word."""


_COLLECTED_AFTER = 50_000
"""Objects after which cycles are looked for: looking after each 700, as usual, takes a twentieth of a short command."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line *arguments* and return its exit code. Shows no traceback, whatever happens.

    Without *arguments* it is the program itself, and ends it once the command has.
    """
    if arguments is not None:
        return _answer(list(arguments))
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # as in `command_line`: for what it starts, too
    gc.set_threshold(_COLLECTED_AFTER)
    code = _answer(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)  # at once: to take all modules down again would take longer than the call did


def _answer(given: list[str]) -> int:
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # gRPC's own remarks are no answers; read when it is loaded
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"  # as `interpreter.fork_only_to_exec`, which `accio help` needn't load
    _prepare_streams()
    try:
        code = _dispatch(given)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _interrupted()
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the last resort: users see no traceback
        if _came_from_interrupt(error):
            return _interrupted()
        from accio_client.cli.failure import report

        return report(error, given)
    return code


def _came_from_interrupt(error: BaseException) -> bool:
    """Return whether it went wrong while an interrupt was being handled, which may come between any two steps."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, KeyboardInterrupt):
        seen = seen.__context__
    return seen is not None


def _interrupted() -> int:
    from accio.exits import INTERRUPTED

    warnings.simplefilter("ignore")  # a call that was to begin just then is no mistake that users should read of
    return INTERRUPTED


def _dispatch(arguments: Sequence[str]) -> int:
    leading, words, rest = split(arguments)
    if words == "help" and not leading and not rest:
        words = ""  # the most frequent question; answered without loading click
    if words in COMMANDS and COMMANDS[words].program:
        become(COMMANDS[words].place, [*words.split(" ")[1:], *leading, *rest])
    if words in COMMANDS:
        return _run(load(words), words, [*leading, *rest])
    verb = words.partition(" ")[0]
    from accio_client.cli import help_text

    if not words:
        others = [option for option in leading if option.lstrip("-") not in ("version", "V")]
        asked_for_version = len(others) < len(leading)
        return _dispatch(["version", "--client", *others]) if asked_for_version else help_text.overview()
    if words == verb and nouns(verb):
        return help_text.of_verb(verb, asked=any(option.lstrip("-") in ("h", "help") for option in leading))
    return help_text.unknown(words)


def _prepare_streams() -> None:
    """Make every character writable, and replace a missing stdout or stderr by nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115 - it lives as long as the process
        reconfigure = getattr(getattr(sys, name), "reconfigure", None)  # a test's stream may have none
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _run(command: "click.Command", words: str, arguments: list[str]) -> int:
    """Run a command; not by its `main`, which has answers of its own to a closed pipe and to Ctrl-C."""
    from click.exceptions import Exit

    try:
        with command.make_context(f"accio {words}", arguments) as context:
            result = command.invoke(context)
    except Exit as done:  # the help was printed
        return done.exit_code
    return result if isinstance(result, int) else 0


def split(arguments: Sequence[str]) -> tuple[list[str], str, list[str]]:
    """Return options before the command, the command's words as the catalogue has them, and what follows."""
    rest = list(arguments)
    leading = _options(rest)
    if not rest:
        return leading, "", []
    words = rest.pop(0)
    if words in COMMANDS:
        if rest and f"{words} {rest[0]}" in COMMANDS:
            words = f"{words} {rest.pop(0)}"
        return leading, words, rest
    if words in verbs():
        leading += _options(rest)
        if rest:
            words = f"{words} {rest.pop(0)}"
    return leading, SAME.get(words, words), rest


def _options(rest: list[str]) -> list[str]:
    """Pop the options from the beginning of *rest*, and the values of those that every command has."""
    taken: list[str] = []
    while rest and rest[0].startswith("-") and rest[0] not in ("-", "--"):
        taken.append(rest.pop(0))
        if taken[-1].lstrip("-") in _WITH_VALUE and rest:
            taken.append(rest.pop(0))
    return taken


if __name__ == "__main__":
    sys.exit(main())
