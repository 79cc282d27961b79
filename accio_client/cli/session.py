"""What every command works with: its connection, and where its answer goes."""

import shlex
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from accio.domain.issues import Issue
from accio.exits import INVALID
from accio.late import dataclass
from accio_client.cli.findings import describe_issues
from accio_client.cli.output import Document, Output, complain, output, print_document
from accio_client.cli.spelling import rewrite
from accio_client.cli.text import printable_lines

if TYPE_CHECKING:
    from accio.errors import InvalidDefinition
    from accio_client.sync import Client

F = TypeVar("F", bound=Callable[..., Any])

_ADDRESS = frozenset({"addr", "cluster"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A command's connection and output, and how it was called."""

    output: Output
    json: bool
    quiet: bool
    addr: str | None = None
    cluster: str | None = None
    given: tuple[tuple[str, str], ...] = ()  # the options of the command line, as they would be written again

    def hint(self, command: str, *, like_this: bool = False, without: Collection[str] = ()) -> str:
        """Return a command to paste: with the address that this one was given, or (*like_this*) all of its options."""
        kept = [text for name, text in self.given if (like_this or name in _ADDRESS) and name not in without]
        return " ".join(["accio", command, *kept])

    @contextmanager
    def client(self, deadline: float | None = None) -> Iterator["Client"]:
        """Connect to the daemon that the options or the environment name; *deadline* is that of a call, in seconds."""
        from accio_client.sync import Client

        limits: dict[str, Any] = {} if deadline is None else {"deadline": deadline}
        with Client(self.addr, cluster=self.cluster, brief=True, **limits) as client:
            if client.exposed:
                self.say(
                    f"warning: NOT ENCRYPTED: whoever sees the traffic to {client.address} gets your token; start that "
                    "daemon without --insecure, and name its join file in ACCIO_JOIN"
                )
            yield client

    def answer(self, content: Document, ids: Iterable[str], show: Callable[[], None]) -> None:
        """Answer with the command's result: a document, ids, or what *show* prints."""
        self.output.answer(content, ids, show)

    def say(self, text: str) -> None:
        """Print a remark, which isn't the result, to stderr."""
        if not self.quiet:
            print(printable_lines(text), file=sys.stderr)  # noqa: T201 - the one place that writes to stderr

    def warn(self, issues: Iterable[Issue], source: str = "") -> None:
        """Print what is doubtful about a definition."""
        for issue in issues:
            self.say(f"{source + ': ' if source else ''}warning: {issue}")

    def refused(self, error: "InvalidDefinition", source: str, text: bytes) -> int:
        """Report everything that is wrong with the definition *source*, and return the exit code."""
        from accio_client.documents import document, issues

        if self.json:
            warnings = issues(error.warnings)
            print_document(document({"valid": False, "errors": issues(error.issues), "warnings": warnings}))
        complain(describe_issues(error.issues, source, text))
        return INVALID


class AccioCommand(click.Command):
    """A command whose options may be spelt with one dash or two."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, rewrite(args, self.get_params(ctx)))


def accio_command(function: Callable[..., int | None]) -> click.Command:
    """Make a command of a function that takes a Session first, with `-json`, `-quiet`, `-addr` and `-cluster`."""

    def invoke(*, json: bool, quiet: bool, addr: str | None, cluster: str | None, **values: Any) -> int | None:
        where, given = output(json=json, quiet=quiet), tuple(_given(click.get_current_context()))
        session = Session(output=where, json=json, quiet=quiet, addr=addr, cluster=cluster, given=given)
        return function(session, **values)

    made = click.command(cls=AccioCommand, help=function.__doc__)(_with_parameters_of(function, invoke))
    made.context_settings["help_option_names"] = ["--help", "-h"]
    made.params += [
        click.Option(["--json/--no-json"], default=False, help="Print a JSON document."),
        click.Option(["--quiet/--no-quiet"], default=False, help="Print ids only."),
        click.Option(["--addr"], metavar="HOST:PORT", help="The daemon's address, or unix:PATH."),
        click.Option(["--cluster"], metavar="NAME", help="A cluster of clusters.json."),
    ]
    return made


def limited(told: str, default: int | None = None) -> Callable[[F], F]:
    """Return the option `-n`, `--limit`, whose help says what is bounded and, if there is one, by how much at first."""
    return click.option("-n", "--limit", type=click.IntRange(min=1), default=default, metavar="N", help=told)


def _given(context: click.Context) -> Iterator[tuple[str, str]]:
    """Yield the options that the command line had, by name, each as one word of a shell."""
    for option in context.command.params:
        named = isinstance(option, click.Option) and option.name is not None
        if not named or context.get_parameter_source(option.name or "") is not ParameterSource.COMMANDLINE:
            continue
        value = context.params[option.name or ""]
        name = max(option.opts, key=len).lstrip("-")
        for each in value if isinstance(value, tuple) else (value,):
            text = f"-{name}" if each is True else f"-no{name}" if each is False else f"-{name}={each}"
            yield name, shlex.quote(text)


def _with_parameters_of(function: Callable[..., Any], invoke: Callable[..., Any]) -> Callable[..., Any]:
    """Return *invoke* with the options and arguments that click's decorators have noted on *function*."""
    invoke.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]  # click's own attribute
    return invoke
