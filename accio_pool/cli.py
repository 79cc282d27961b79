"""`accio pool serve` and `accio pool check`: options, exit codes, and how providers are found."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path

import click

from accio import logs, places
from accio.command_line import run_command
from accio.domain.pools import AllocationKey
from accio.errors import AccioError
from accio.exits import NOT_SUCCESS, SUCCESS
from accio.interpreter import fork_only_to_exec
from accio.one_error import one_error
from accio_pool.checking import findings
from accio_pool.config import PoolConfig, read_pools
from accio_pool.providers import kinds
from accio_pool.providers.ports import DryRun, Order, Provider, Refused, Unsure

_FILE = click.argument("file", type=click.Path(path_type=Path))


@click.group(context_settings={"help_option_names": ["-h", "-help", "--help"]})
def command() -> None:
    """Serve pools: ask engines (batch systems, this machine) for the hosts that a daemon wants."""


@command.command()
@_FILE
@click.option("-addr", "--addr", metavar="HOST:PORT", help="The daemon's address, or unix:PATH.")
@click.option("-cluster", "--cluster", metavar="NAME", help="A cluster of clusters.json.")
def serve(file: Path, addr: str | None, cluster: str | None) -> int:
    """Serve the pools of FILE until told to stop. Hosts go on meanwhile: whoever serves next finds them again."""
    pools = _read(file)
    logs.set_up()
    os.environ.update(places.joining(name=cluster))
    if addr is not None:
        os.environ["ACCIO_ADDR"] = addr  # agents find it there, too
    from accio.channels import Door  # these load gRPC
    from accio_pool.session import PoolServer

    address = places.cluster_address(cluster) if cluster is not None and addr is None else places.daemon_address()
    door = Door(address, places.find_trust())
    made = [(pool, _provider(pool)) for pool in pools]
    asyncio.run(_until_told(PoolServer(door, places.find_token, made).run))
    return SUCCESS


def _read(file: Path) -> tuple[PoolConfig, ...]:
    return read_pools(file, {name: kind.hosts_end for name, kind in kinds().items()})


def _provider(pool: PoolConfig) -> Provider:
    folder = places.folder_named(pool.folder, "folder") if pool.folder else places.data_folder() / "pools"
    return kinds()[pool.spec.provider].make(pool, folder)


async def _until_told(run: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run until a signal comes."""
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    with one_error(AccioError):
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(run(), name="serve")
            waiting = tasks.create_task(told.wait(), name="signals")
            await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
            serving.cancel()
            waiting.cancel()


@command.command()
@_FILE
@click.option("-engine/-no-engine", "--engine/--no-engine", "asked", help="Ask each engine for a dry run, too.")
def check(file: Path, *, asked: bool) -> int:
    """Check the pools of FILE, and print what would be submitted for each, and what doesn't look right on this machine.
    Nothing is submitted.
    """
    code = SUCCESS
    for place, pool in enumerate(_read(file)):
        spec = pool.spec
        provider = _provider(pool)
        lasts = "until it is given back" if spec.walltime is None else _time(spec.walltime)
        click.echo(
            f"pool {spec.name} ({spec.provider}): {spec.minimum} to {spec.maximum} hosts of {spec.host}, {lasts}"
        )
        token = "shown to nobody" if pool.tokens else ""
        order = Order(key=AllocationKey("0" * 8, spec.name, 1), lasting=False, token=token)
        click.echo(shown := provider.preview(order))
        for found in findings(pool, shown.partition("<<")[0].split()):
            click.echo(f"/pools/{place}/{found.key}: {found.message}")
            code = NOT_SUCCESS if found.certain else code
        if asked and not _asked(spec.provider, provider, order):
            code = NOT_SUCCESS
    return code


def _time(seconds: float) -> str:
    """Return a time in the largest unit that has it in whole numbers."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def _asked(kind: str, provider: Provider, order: Order) -> bool:
    """Print what a pool's engine says to a dry run; return whether it would take the submission."""
    try:
        said = asyncio.run(provider.dry_run(order)) if isinstance(provider, DryRun) else None
    except Refused as error:
        click.echo(f"the engine would refuse it: {error}")
    except Unsure as error:
        click.echo(f"the engine doesn't say: {error}")
    else:
        none = f"{kind} has no dry run: only a real allocation shows whether it works (accio pool scale)"
        click.echo(none if said is None else f"the engine says: {said}")
        return True
    return False


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code. Shows no traceback for what a user can mend."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    fork_only_to_exec()
    return run_command(command, arguments, "accio pool")
