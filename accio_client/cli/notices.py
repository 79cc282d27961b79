"""`-notify=COMMAND|URL` of `submit` and `watch`: tell somebody of the first failure of a run, and of its end.

The client tells, as a process of the user: the daemon never executes what a command line says.
"""

from __future__ import annotations

import os
import re
import threading
from typing import TYPE_CHECKING, TypeVar

import click

from accio_client.cli.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from accio_client.cli.output import Document
    from accio_client.cli.session import Session
    from accio_client.views import RunUpdate, RunView

_F = TypeVar("_F", bound="Callable[..., int]")

_COMMAND_S = 60.0
_URL_S = 10.0
_AGAIN_AFTER_S = (2.0, 8.0)
"""How long to wait before each further try of an address that doesn't answer."""
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_LONGEST_TEXT = 500


def notify_option(command: _F) -> _F:
    """Add the option to a command that follows runs."""
    return click.option(
        "--notify",
        metavar="COMMAND|URL",
        callback=_checked,
        help="Execute a command, or post to a web hook, at the first failure and at the end.",
    )(command)


def _checked(_context: click.Context, _option: click.Parameter, where: str | None) -> str | None:
    if where is None:
        return None
    scheme = _SCHEME.match(where)
    if not where.strip() or "\0" in where:
        raise click.BadParameter(f"expected a command of the shell, or an address http(s)://…, found {where!r}")
    if scheme is None:
        return where
    from urllib.parse import urlsplit

    if scheme[1].lower() not in {"http", "https"}:
        raise click.BadParameter(f"expected an address of http:// or https://, found {where!r}")
    try:
        host = urlsplit(where).hostname
    except ValueError:
        host = None
    if not host or any(each <= " " for each in where):
        raise click.BadParameter(f"expected an address such as https://host/path, found {where!r}")
    return where


class Notices:
    """The notices of runs that are followed: given one after the other, while following goes on.

    What couldn't be told is a warning at the end; it doesn't change what the command answers. Without *where*, nobody
    is told anything.
    """

    def __init__(self, session: Session, where: str | None) -> None:
        self._session = session
        self._where = where or ""
        self._failed: set[str] = set()
        self._problems: list[str] = []
        self._in_a_hurry = threading.Event()  # nobody waits any longer for what doesn't answer
        if where is not None:
            from concurrent.futures import ThreadPoolExecutor

            self._thread = ThreadPoolExecutor(1, thread_name_prefix="notices")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Wait until all that is to be told has been, and say what couldn't."""
        if not self._where:
            return
        if kind is KeyboardInterrupt:
            self._in_a_hurry.set()
            self._session.say("what happens from now on, -notify doesn't tell")
        self._thread.shutdown()
        for problem in self._problems:
            self._session.say(f"warning: {problem}")

    def note(self, update: RunUpdate) -> None:
        """Report the first failure of a run, once."""
        found = update.first_failure
        if not self._where or found is None or update.run.id in self._failed:
            return
        from accio_client.documents import failure

        self._failed.add(update.run.id)
        text = f"{found.run}/{found.node} failed: {found.failure.cause}: {found.failure.message}"
        about = {"run": found.run, "node": found.node, "error": failure(found.failure)}
        self._tell("first_failure", text, update.run, {"failure": about})

    def ended(self, run: RunView) -> None:
        """Report how a run ended."""
        if not self._where:
            return
        from accio_client.cli.runs_shown import counted

        about = " ".join(filter(None, (run.id, run.workflow_id, run.name)))
        counts = counted(run.children_by_state if run.kind == "parent" else run.nodes_by_state)
        self._tell("ended", f"{about} {run.state.value}" + (f" ({counts})" if counts else ""), run, {})

    def _tell(self, what: str, text: str, run: RunView, more: Document) -> None:
        from accio_client.documents import document
        from accio_client.documents import run as run_document

        text = printable(text)
        text = text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"
        notice = document({"event": what, "text": text, "run": run_document(run), **more})
        self._thread.submit(self._deliver, notice)

    def _deliver(self, notice: Document) -> None:
        import json

        data = json.dumps(notice).encode()
        problem = self._post(data) if _SCHEME.match(self._where) else _execute(self._where, notice, data)
        if problem:
            self._problems.append(f"notify ({notice['event']} of {notice['run']['id']}): {problem}")

    def _post(self, data: bytes) -> str:
        """Post a notice to a web hook, again if it doesn't answer; return what went wrong."""
        problem, again = _post_once(self._where, data)
        for wait_s in _AGAIN_AFTER_S:
            if not again or self._in_a_hurry.wait(wait_s):
                break
            problem, again = _post_once(self._where, data)
        return problem


def _execute(command: str, notice: Document, data: bytes) -> str:
    """Execute a command with a notice on its standard input; return what went wrong."""
    import subprocess

    told = {
        "ACCIO_EVENT": notice["event"],
        "ACCIO_RUN": notice["run"]["id"],
        "ACCIO_STATE": notice["run"]["state"],
        "ACCIO_TEXT": notice["text"],
    }
    try:
        # Away from the terminal's group: Ctrl-C, which ends following, lets what is being told be told.
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            input=data,
            capture_output=True,
            env=os.environ | told,
            timeout=_COMMAND_S,
            start_new_session=True,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{command!r}: {error}"
    if done.returncode == 0:
        return ""
    said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
    last = f": {printable(said[-1])}" if said else ""
    return f"{command!r} ended with {done.returncode}{last}"


def _post_once(address: str, data: bytes) -> tuple[str, bool]:
    """Post a notice; return what went wrong, and whether it may go well another time."""
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.parse import urlsplit
    from urllib.request import Request, urlopen

    host = urlsplit(address).hostname  # the rest of a web hook's address is a secret
    headers = {"Content-Type": "application/json", "User-Agent": "accio"}
    request = Request(address, data=data, headers=headers)  # noqa: S310 - of http or https, which was checked
    try:
        urlopen(request, timeout=_URL_S).close()  # noqa: S310 - as above
    except HTTPError as error:
        return f"{host} answered {error.code} {error.reason}", error.code >= 500 or error.code == 429
    except (OSError, HTTPException, ValueError) as error:
        return f"{host} can't be reached: {getattr(error, 'reason', error)}", True
    return "", False
