"""`accio daemon`: serves in the foreground until it is told to stop. Users see sentences and exit codes, never a
traceback.
"""

import asyncio
import os
import resource
import signal
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import click
import uvloop

from accio import logs, places
from accio.collector import Portions, spare_imported
from accio.command_line import run_command
from accio.errors import AccioError
from accio.exits import INTERNAL, SUCCESS, USAGE
from accio.grpc_polling import poll_in_place
from accio.interpreter import fork_only_to_exec
from accio.one_error import most_telling
from accio_daemon.config import Config, read_config

# How long a thread may keep the interpreter from another. A transaction takes it once for each statement: with Python's
# own 5 ms, a busy event loop makes a commit take eight times as long. A read takes it once for each row: with 0.5 ms, a
# list of ten runs beside a search takes four times as long as with this.
SWITCH_S = 0.0001

COLLECTED_AFTER = (500, 4, 5_000)
"""When cycles are looked for: after so many new objects among these; after so many such looks among what those left,
2,500 objects or so, which takes 2 to 4 ms beside other work; after so many of the latter, and where a quarter has come
on top, among all. Everything stands still meanwhile, 0.1 s if they are 100,000; and to walk all open children again and
again, as with Python's own thresholds, takes a tenth of the processor time of a busy daemon.
"""
COLLECTED_ALONE = (20_000, 1, 5_000)
"""The same while no calls come in all the time: nobody would wait, and what belongs to the nodes at agents, which no
cycle holds, isn't looked at several times before it is gone. A look takes as long as a step of deciding, 5 ms.
"""

log = logs.get_logger(__name__)


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="`accio daemon backup FILE` copies the database of a running daemon, as a client of it.",
)
@click.option(
    "--listen", metavar="HOST:PORT", help="Where to listen besides the data folder's socket; default ACCIO_ADDR."
)
@click.option(
    "--data-dir", metavar="FOLDER", help="Database and store; default ACCIO_DATA_DIR, else the user's data folder."
)
@click.option("--tls", type=(str, str), metavar="CERT KEY", help="Show this certificate; default one of its own.")
@click.option("--backups", multiple=True, metavar="FOLDER", help="Allow backups here, too; default ACCIO_BACKUPS.")
@click.option("--insecure", is_flag=True, help="Listen beyond this machine without encryption.")
@click.option("--sweep-limit", type=int, default=10_000_000, show_default=True, help="Most children of one sweep.")
@click.option("--open-children", type=int, default=10_000, show_default=True, help="Most open children of one sweep.")
@click.option("--lease", default="15s", show_default=True, help="Silence after which an agent is lost.")
@click.option("--max-losses", type=int, default=3, show_default=True, help="Lost agents that a node survives.")
@click.option("--reserve-after", default="30s", show_default=True, help="Wait after which a node gets a reservation.")
@click.option(
    "--synchronous", default="FULL", show_default=True, help="FULL survives power loss, NORMAL the death of the daemon."
)
@click.option("--metrics", default="", metavar="HOST:PORT", help="Serve Prometheus metrics here; default nowhere.")
@click.option("--open-metrics", is_flag=True, help="Serve metrics beyond this machine, without a token.")
@click.option(
    "--policy",
    default="first-come",
    show_default=True,
    metavar="NAME",
    help="Serve first-come first, or fair: who used least lately.",
)
@click.option("--hide-runs", is_flag=True, help="Show runs to their owners, their groups and administrators only.")
@click.option(
    "--store",
    default="",
    metavar="PLACE",
    help="Keep blobs in an object store (s3://BUCKET/PREFIX), or in a folder that hosts share (shared:FOLDER).",
)
@click.option("--quota", default="0", metavar="SIZE", help="Free unused content above this size; 0 for never.")
@click.pass_context
def command(context: click.Context, /, **options: object) -> None:
    """Start the daemon in the foreground."""
    logs.set_up()
    config = read_config(**options)  # type: ignore[arg-type]  # click gives each option its type
    if context.invoked_subcommand is None:
        sys.exit(serve(config))
    context.obj = config


@command.command()
@click.pass_obj
def check(config: Config) -> None:
    """Check database and store; the daemon must not run."""
    from accio_daemon.checking import check_folder  # it loads gRPC, as does all that the other commands import

    problems = check_folder(config)
    for problem in problems:
        click.echo(problem, err=True)
    click.echo("no problems found" if not problems else f"{len(problems)} problem{'s' * (len(problems) > 1)} found")
    sys.exit(INTERNAL if problems else SUCCESS)


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--data-dir", metavar="FOLDER", help="As the daemon's own option.")
@click.pass_obj
def restore(config: Config, file: Path, data_dir: str | None) -> None:
    """Put a backup in the place of the database; the daemon must not run."""
    from accio_daemon.restoring import restore_backup

    if data_dir is not None:
        config = replace(config, data=Path(data_dir).expanduser().absolute())
    for line in restore_backup(config, file).lines(file):
        click.echo(line)


@command.command("join-file")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--address", metavar="HOST:PORT", help="Where others find the daemon; default --listen or ACCIO_ADDR.")
@click.option("--agent", metavar="NAME", help="With a new token, which can do nothing but be the agent of this name.")
@click.option("--no-token", "token_less", is_flag=True, help="Without a token, for hosts of pools, which get theirs.")
@click.pass_obj
def join_file(config: Config, file: Path, address: str | None, agent: str | None, *, token_less: bool) -> None:
    """Write what agents and clients elsewhere need to join: address, authority and a token. That is a new one with
    --agent, none with --no-token, else the one in ACCIO_TOKEN, else the data folder's first, with which everything may
    be done.
    """
    from accio_daemon.encryption import join  # it loads a library of ciphers, which a daemon at a socket has no use for

    if token_less and agent is not None:
        raise click.UsageError("--no-token and --agent contradict each other: say one of them")
    joining = join(config, address, agent=agent, token_less=token_less)
    joining.write(file)
    if token_less:
        click.echo(f"{file} tells where {joining.address} is and by what it is known, and holds no token")
        click.echo('hosts of a pool: "join": "FILE" in its file; others: accio … with ACCIO_JOIN=FILE and ACCIO_TOKEN')
        return
    if agent is not None:
        click.echo(f"{file} lets the agent {agent} join {joining.address}, and do nothing else; copy it there alone")
        click.echo(f"there: accio agent --join FILE --name {agent}")
        return
    click.echo(f"{file} is for {joining.address}; it holds a token: copy it to whom it is for alone")
    if not os.environ.get("ACCIO_TOKEN"):
        click.echo(
            "that token is the data folder's first: whoever has it may do everything here. For a machine that is to "
            "compute only, write one with --agent NAME; for people, see `accio help token create`",
            err=True,
        )
    click.echo("there: accio agent --join FILE, or ACCIO_JOIN=FILE for agents and clients")


@command.command("join-token")
@click.pass_obj
def join_by_token(config: Config) -> None:
    """Print a token that tells by which authority the daemon is known, for ACCIO_TOKEN beside ACCIO_ADDR."""
    from accio_daemon.encryption import join, token_to_join

    click.echo(token_to_join(join(config, f"{places.DEFAULT_HOST}:{places.DEFAULT_PORT}")))


def serve(config: Config) -> int:
    """Serve until SIGTERM or SIGINT; gives the exit code."""
    from accio_daemon import bootstrap  # before the collector is told to spare what was imported

    _raise_file_limit()
    spare_imported(*COLLECTED_AFTER)
    sys.setswitchinterval(SWITCH_S)
    mask = os.umask(0o077)  # whatever it writes is its own user's
    try:
        portions = Portions(COLLECTED_AFTER, COLLECTED_ALONE)
        while uvloop.run(_serve(partial(bootstrap.serve, portions=portions), config)):
            log.warning("beginning anew", database=str(config.database))
    except Exception as error:
        from accio.disk_space import FULL  # as above

        cause = most_telling(error)
        if isinstance(cause, AccioError):
            raise cause from None
        why = str(cause)
        if isinstance(cause, OSError) and cause.errno in FULL:
            why = f"the disk of {config.data} is full ({why})"
        elif not isinstance(cause, sqlite3.Error | OSError):
            log.exception("internal error: stopping; what was acknowledged is on disk", error=why)
            return INTERNAL
    else:
        return SUCCESS
    finally:
        os.umask(mask)
    log.error("the state can't be stored: stopping; what was acknowledged is on disk", error=why)
    return INTERNAL


async def _serve(served: Callable[[Config, asyncio.Event], Awaitable[None]], config: Config) -> bool:
    """Serve; True if it is to be begun anew, as the database turned out to be the state of an earlier time."""
    from accio_daemon.bootstrap import SetBackError  # as above

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    anew = False
    try:
        await served(config, stop)
    except* SetBackError:
        anew = True
    return anew


def _raise_file_limit() -> None:
    """Raise the limit of open files as far as the system allows: each agent and client is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit code."""
    fork_only_to_exec()  # here, as nothing above loads gRPC
    poll_in_place()
    given = [_two_dashes(each) for each in (sys.argv[1:] if arguments is None else arguments)]
    try:
        return run_command(command, given, "accio daemon", lambda _: USAGE)  # all that it refuses is how it was started
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else SUCCESS


def _two_dashes(argument: str) -> str:
    """Return arguments whose options have two dashes, where they may have one."""
    single = argument.startswith("-") and not argument.startswith("--") and len(argument) > 2
    return f"-{argument}" if single else argument
