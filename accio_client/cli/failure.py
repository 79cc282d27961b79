"""The end of a command that went wrong: one message, one exit code, and for a bug a reference to a log, never a
traceback.
"""

import os
import re
import secrets
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import click

from accio import places
from accio.errors import (
    AccioError,
    AlreadyExists,
    BadRequest,
    FailedPrecondition,
    Internal,
    InvalidDefinition,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    of_kind,
)
from accio.exits import INTERNAL, INTERRUPTED, USAGE, exit_code
from accio.interpreter import NO_FOLDER, has_folder
from accio_client.cli.output import complain, print_document, write_utf8
from accio_client.clock import now
from accio_client.file_names import readable

LOG = "client-errors.log"

CODE_OF_ERROR: Mapping[type[AccioError], str] = {
    InvalidDefinition: "invalid_definition",
    BadRequest: "bad_request",
    NotFound: "not_found",
    AlreadyExists: "already_exists",
    FailedPrecondition: "failed_precondition",
    ResourceExhausted: "resource_exhausted",
    PermissionDenied: "permission_denied",
    Unauthenticated: "unauthenticated",
    Unavailable: "unavailable",
    Internal: "internal",
}
"""What `--json` calls an error."""


def report(error: Exception, arguments: Sequence[str]) -> int:
    """Report what went wrong (with `--json` also as a document), and return the exit code."""
    code, name, message = _described(error, arguments)
    if name and wants_json(arguments):
        with suppress(OSError):  # stdout itself may be what went wrong
            _print(error, name, message)
    if message:
        with suppress(OSError):
            complain(f"accio: {message}")
    return code


def _print(error: Exception, name: str, message: str) -> None:
    from accio_client.documents import document, issues

    write_utf8()
    if isinstance(error, InvalidDefinition):
        warnings = issues(error.warnings)
        print_document(document({"valid": False, "errors": issues(error.issues), "warnings": warnings}))
    else:
        print_document(document({"error": {"code": name, "message": message}}))
    sys.stdout.flush()


def _described(error: Exception, arguments: Sequence[str]) -> tuple[int, str, str]:
    """Exit code, name and message of *error*; nothing is told where both texts are empty."""
    match error:
        case click.exceptions.Abort():
            return INTERRUPTED, "", ""
        case click.UsageError():
            usage = f"\n{error.ctx.get_usage()}" if error.ctx else ""
            return USAGE, "bad_command_line", _sentence(error.format_message()) + usage
        case click.ClickException():
            return USAGE, "bad_command_line", error.format_message()
        case AccioError():
            return exit_code(error), of_kind(error, CODE_OF_ERROR, "internal"), error.message
        case FileNotFoundError() if not has_folder():
            return USAGE, "bad_command_line", NO_FOLDER
        case UnicodeEncodeError():  # of an argument or a variable; nothing that a daemon says can't be encoded
            return USAGE, "bad_command_line", f"expected text in UTF-8, found {readable(error.object)[:200]}"
        case OSError() if error.strerror:
            what = f"{error.filename}: " if error.filename else ""
            return USAGE, "file", f"{what}{error.strerror.lower()}"
        case _:
            return INTERNAL, "internal", _logged(error, arguments)


_OPTION = re.compile(r"(^|[\s'])--(?=[a-z])")
"""How an option begins in click's words: people and documentation write it with one dash."""


def _sentence(text: str) -> str:
    """Return what click says like our own messages: on one line, without a capital, options with one dash."""
    text = text.replace(" Choose from:\n\t", " Choose one of ").replace(",\n\t", ", ")
    text = _OPTION.sub(r"\1-", text)
    return text[:1].lower() + text[1:] if text[:2].istitle() else text


def _logged(error: Exception, arguments: Sequence[str]) -> str:
    """Write the traceback to a log of this user and say where it is."""
    reference = secrets.token_hex(4)
    text = "".join(traceback.format_exception(error))
    entry = f"{now().isoformat()} ref {reference} accio {' '.join(arguments)}\n{text}\n"
    for folder in _log_folders():
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with (folder / LOG).open("a", encoding="utf-8", errors="backslashreplace") as log:
                log.write(entry)
        except OSError:
            continue
        return f"internal error (ref {reference}): this is a bug; the details are in {folder / LOG}"
    return f"internal error (ref {reference}): this is a bug: {type(error).__name__}: {error}"


def _log_folders() -> list[Path]:
    of_user = places.state_folder()
    return [*([] if of_user is None else [of_user]), Path(tempfile.gettempdir()) / f"accio-{os.getuid()}"]


def wants_json(arguments: Sequence[str]) -> bool:
    """Return whether `--json` was given, for when the command line itself couldn't be read."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return any(argument in ("-json", "--json", "-json=true", "--json=true") for argument in options)
