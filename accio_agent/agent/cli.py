"""The agent's command line: options, logging, exit codes. What runs is `running`'s business."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from accio import logs
from accio.command_line import run_command
from accio.domain.caps import parse_served
from accio.domain.pools import parse_key
from accio.domain.problems import ValueProblem
from accio.domain.resources import check_counter_name, count_of_text, parse_cpus, parse_size
from accio.grpc_polling import poll_in_place
from accio.interpreter import fork_only_to_exec
from accio_agent import clock

if TYPE_CHECKING:
    from accio_agent.agent.options import Options


class _Given(TypedDict):
    """What the command line says, by the options' names."""

    daemon: str | None
    join: str | None
    operators: Sequence[str]
    name: str | None
    state_dir: Path | None
    store: Path | None
    user: str | None
    cpus: str | None
    memory: str | None
    disk: str | None
    gpus: str | None
    resource: Sequence[str]
    owners: Sequence[str]
    grace: float | None
    patience: float | None
    idle_timeout: float | None
    until: str | None
    stdin: bool
    metrics: str
    open_metrics: bool
    allocation: str | None
    installed: bool
    reload: bool


@click.command(
    "agent",
    help="Offer this machine to a daemon, and run nodes until told to stop.",
    context_settings={"help_option_names": ["-h", "-help", "--help"], "show_default": True},
)
@click.option(
    "--daemon",
    "-daemon",
    metavar="HOST:PORT",
    help="Where the daemon is.  [default: ACCIO_ADDR, else clusters.json]",
)
@click.option("--join", "-join", metavar="FILE", help="The join file of the daemon.  [default: ACCIO_JOIN]")
@click.option("--operators", "-operators", multiple=True, metavar="MODULE|FILE", help="Offer these operators, too.")
@click.option("--name", "-name", help="The agent's name.  [default: the host's name and a number]")
@click.option("--state-dir", "-state-dir", type=click.Path(path_type=Path), help="The agent's own folder.")
@click.option(
    "--store",
    "-store",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where this host sees the folder of the daemon's store.  [default: where the daemon sees it]",
)
@click.option(
    "--user", "-user", metavar="NAME", help="Run operators as this user, who can't read the agent's token; needs root."
)
@click.option("--cpus", "-cpus", help="Processors to offer.  [default: all]")
@click.option("--memory", "-memory", help="Memory to offer, such as 8GiB.  [default: all]")
@click.option("--disk", "-disk", help="Disk space to offer, such as 100GB.  [default: what is free]")
@click.option("--gpus", "-gpus", help="GPUs to offer.  [default: all]")
@click.option(
    "--resource", "-resource", multiple=True, metavar="NAME=N", help="A counter of your own, such as a licence."
)
@click.option(
    "--owners",
    "-owners",
    multiple=True,
    metavar="OWNER,…",
    help="Take only nodes of these owners' runs: addresses, names, or group:NAME.  [default: everybody's]",
)
@click.option(
    "--grace",
    "-grace",
    type=float,
    metavar="SECONDS",
    help="How long running nodes may go on after SIGTERM.  [default: 30; in a batch job 20]",
)
@click.option(
    "--patience",
    "-patience",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="End after so long without a daemon, unless it holds work or results.  [default: never; in a batch job 300]",
)
@click.option(
    "--idle-timeout",
    "-idle-timeout",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="End after so long with nothing to do.  [default: never]",
)
@click.option(
    "--until",
    "-until",
    metavar="TIME",
    help="When the host ends: 2026-11-30T06:00, or 4h from its start.  [default: the end of the Slurm job, else never]",
)
@click.option("--stdin", "-stdin", is_flag=True, help="End when standard input does: for agents started through SSH.")
@click.option(
    "--metrics", "-metrics", default="", metavar="HOST:PORT", help="Serve Prometheus metrics here; default nowhere."
)
@click.option(
    "--open-metrics", "-open-metrics", is_flag=True, help="Serve metrics beyond this machine, without a token."
)
@click.option(
    "--allocation", "-allocation", metavar="NAME", help="The allocation of a pool in which it runs; pools say it."
)
@click.option("--installed/--no-installed", default=True, help="Offer the operators of installed packages.")
@click.option("--reload", "-reload", is_flag=True, help="Offer edited operators as they are now, as `accio up` does.")
def command(**given: Unpack[_Given]) -> int:
    """Run an agent."""
    join, allocation = given["join"], given["allocation"]
    if join is not None:
        for lesser in ("ACCIO_ADDR", "ACCIO_TOKEN"):
            os.environ.pop(lesser, None)
        os.environ["ACCIO_JOIN"] = join
    from accio.places import ALLOCATION_TOKEN
    from accio_agent.agent.starting import start  # after the options were read: --help needn't wait for it

    own = os.environ.pop(ALLOCATION_TOKEN, "")
    if own and allocation is not None:
        os.environ["ACCIO_TOKEN"] = own
    try:
        options = _options(given)
    except ValueProblem as problem:
        raise click.UsageError(problem.message) from None
    logs.set_up()
    return start(options)


def _options(given: _Given) -> "Options":
    """Read what the texts say, or raise ValueProblem."""
    from accio_agent.agent.deadline import parse_until
    from accio_agent.agent.options import Options

    state_dir, store, until = given["state_dir"], given["store"], given["until"]
    cpus, memory, disk, gpus = given["cpus"], given["memory"], given["disk"], given["gpus"]
    allocation = given["allocation"]
    return Options(
        daemon=given["daemon"],
        operators=tuple(given["operators"]),
        name=given["name"],
        state_dir=None if state_dir is None else state_dir.absolute(),
        store=None if store is None else store.absolute(),
        user=given["user"],
        milli_cpus=None if cpus is None else parse_cpus(cpus),
        memory=None if memory is None else parse_size(memory),
        disk=None if disk is None else parse_size(disk),
        gpus=None if gpus is None else count_of_text(gpus),
        custom=_counters(given["resource"]),
        owners=_owners(given["owners"], allocation),
        grace_s=given["grace"],
        without_daemon_s=given["patience"],
        without_work_s=given["idle_timeout"],
        stdin=given["stdin"],
        until=None if until is None else parse_until(until, clock.process_began()),
        allocation=_allocation(allocation),
        installed=given["installed"],
        reload=given["reload"],
        metrics=_metrics(given["metrics"], open_to_all=given["open_metrics"]),
    )


def _metrics(text: str, *, open_to_all: bool) -> str:
    if not text:
        return ""
    from accio.metrics import metrics_address

    return metrics_address(text, open_to_all=open_to_all)


def _allocation(text: str | None) -> str:
    if text is not None and parse_key(text) is None:
        raise ValueProblem(f"--allocation: expected a name such as accio-1a2b3c4d-cpu-7, found {text!r}")
    return text or ""


def _owners(texts: Sequence[str], allocation: str | None) -> tuple[str, ...]:
    if texts and allocation is not None:
        raise ValueProblem(
            "--owners: agents of a pool take everybody's nodes, as the pool asks for hosts for everybody"
        )
    return tuple(sorted({parse_served(each) for text in texts for each in text.split(",")}))


def _counters(texts: Sequence[str]) -> tuple[tuple[str, int], ...]:
    counters: dict[str, int] = {}
    for text in texts:
        name, equals, amount = text.partition("=")
        if not equals:
            raise ValueProblem(f"expected --resource NAME=N, found {text!r}")
        check_counter_name(name)
        counters[name] = count_of_text(amount)
    return tuple(sorted(counters.items()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    fork_only_to_exec()
    poll_in_place()
    return run_command(command, arguments, "accio agent")
