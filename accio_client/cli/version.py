"""`accio version`"""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import click

from accio_client.cli.session import Session, accio_command, fields

if TYPE_CHECKING:
    from accio_client.views import ClusterView


@accio_command
@click.option("--client/--no-client", default=False, help="Only the client's version; needs no daemon.")
def command(session: Session, *, client: bool) -> None:
    """Print the versions of this client and of the daemon, and how busy the cluster is."""
    mine = client_version()
    daemon: ClusterView | None = None
    if not client:
        with session.client() as connection:
            daemon = connection.cluster_state()
    content: dict[str, Any] = {
        "schema": "accio/v1",
        "client": mine,
        "python": platform.python_version(),
        "daemon": None,
    }
    if daemon is not None:
        from accio_client.documents import cluster

        content["daemon"] = cluster(daemon)
    session.answer(content, [mine], lambda: _show(mine, daemon))


def client_version() -> str:
    try:
        return version("accio")
    except PackageNotFoundError:  # run from a checkout that isn't installed
        return "0+unknown"


def _show(mine: str, daemon: "ClusterView | None") -> None:
    facts: list[tuple[str, object]] = [("client", f"{mine} (Python {platform.python_version()})")]
    if daemon is not None:
        facts += [
            ("daemon", f"{daemon.version} (start {daemon.epoch} on its database)"),
            ("agents", str(daemon.agents)),
            ("cpus", f"{daemon.reserved.milli_cpus / 1000:g} of {daemon.resources.milli_cpus / 1000:g} reserved"),
            ("active runs", str(daemon.active_runs)),
            ("nodes", f"{daemon.running_nodes} running, {daemon.queued_nodes} queued"),
            ("refusing new work", daemon.refusing),
        ]
    fields(facts)
