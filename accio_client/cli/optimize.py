"""`accio optimize FILE|WORKFLOW|OPERATOR [NAME=VALUES …] -objective=NODE/PORT -trials=N`"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from accio.domain.studies import Direction, Sampler
from accio_client.cli.definitions import Overrides, run_options
from accio_client.cli.session import Session, accio_command
from accio_client.cli.submit import say_only, submit_and_wait, submit_named, submit_only

if TYPE_CHECKING:
    from accio_client.views import CacheMode


@accio_command
@click.argument("definition", metavar="FILE|WORKFLOW|OPERATOR")
@click.argument("params", nargs=-1, metavar="[NAME=VALUES]...")
@click.option(
    "--objective", multiple=True, metavar="NODE/PORT", help="The output to optimize; give several for a front."
)
@click.option(
    "--direction", multiple=True, metavar="|".join(Direction), help="What is best: of all objectives, or one for each."
)
@click.option("--trials", type=int, metavar="N", help="The largest number of points that are tried.")
@click.option("--sampler", metavar="|".join(Sampler), help="How points are chosen. Default: random.")
@click.option("--sampler-seed", metavar="NUMBER", help="What fixes the points. Default: 0.")
@click.option("--at-once", type=int, metavar="N", help="Trials in flight, where later ones depend on earlier ones.")
@click.option(
    "--prune", metavar="NODE/METRIC", help="End trials early that measure worse than others at the same step."
)
@click.option("--wait/--no-wait", default=False, help="Follow the study until it has ended; exit 3 if not in success.")
@click.option("--dry-run/--no-dry-run", default=False, help="Say what would be executed, and create nothing.")
@run_options
def optimize(
    session: Session,
    *,
    definition: str,
    objective: tuple[str, ...],
    direction: tuple[str, ...],
    trials: int | None,
    sampler: str | None,
    sampler_seed: str | None,
    at_once: int | None,
    prune: str | None,
    wait: bool,
    dry_run: bool,
    overrides: Overrides,
    mode: "CacheMode",
) -> int:
    """Look for the values of parameters with which outputs are smallest, or largest.

    NAME=VALUES says where to look: a range x=0..1, a range by its logarithm lr=1e-5..1:log, or values n=1,2,3. What the
    options don't say is taken from the file's `optimize`. `accio describe run` shows the best trial so far.
    """
    said: dict[str, Any] = {
        "objective": _one_or_all(objective),
        "direction": _one_or_all(direction),
        "trials": trials,
        "sampler": sampler,
        "seed": sampler_seed,
        "at_once": at_once,
        "prune": None if prune is None else {"metric": prune},
    }
    study = {key: value for key, value in said.items() if value is not None}
    way = say_only if dry_run else submit_and_wait if wait else submit_only
    return submit_named(session, definition, replace(overrides, optimize=study), way, mode)


def _one_or_all(given: tuple[str, ...]) -> str | list[str] | None:
    return (given[0] if len(given) == 1 else list(given)) if given else None
