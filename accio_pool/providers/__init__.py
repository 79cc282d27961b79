"""The providers: those that come along, and those of other packages (entry points of the group `accio.providers`)."""

from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import NamedTuple

from accio.errors import FailedPrecondition
from accio_pool.config import PoolConfig
from accio_pool.providers.batch import BatchProvider, Dialect
from accio_pool.providers.gridengine import GridEngine
from accio_pool.providers.kubernetes import KubernetesProvider
from accio_pool.providers.local import LocalProvider
from accio_pool.providers.pbs import Pbs
from accio_pool.providers.ports import Provider
from accio_pool.providers.slurm import Slurm
from accio_pool.providers.ssh import SshProvider

GROUP = "accio.providers"

Make = Callable[[PoolConfig, Path], Provider]


class Kind(NamedTuple):
    """A kind of provider."""

    make: Make
    """Makes the provider of a pool; files of it go to the folder."""
    hosts_end: bool = False
    """Whether hosts end by themselves, so that pools need a walltime."""


def _batch(dialect: Callable[[], Dialect]) -> Kind:
    return Kind(lambda pool, folder: BatchProvider(pool, folder, dialect()), hosts_end=True)


_OWN: Mapping[str, Kind] = {
    "local": Kind(LocalProvider),
    "slurm": _batch(Slurm),
    "sge": _batch(GridEngine),
    "pbs": _batch(Pbs),
    "ssh": Kind(SshProvider),
    "kubernetes": Kind(KubernetesProvider),
}


def kinds() -> Mapping[str, Kind]:
    """Return all providers by name; those that come along can't be replaced."""
    found = {point.name: _of_package(point) for point in entry_points(group=GROUP)}
    return {**found, **_OWN}


def _of_package(point: EntryPoint) -> Kind:
    """Return a provider of another package, which is imported once a pool is to be made by it.

    The entry point names what makes a provider of a pool and a folder. Whether its hosts end, the pool's walltime says.
    """

    def make(pool: PoolConfig, folder: Path) -> Provider:
        try:
            made: Provider = point.load()(pool, folder)
        except Exception as error:
            raise FailedPrecondition(
                f"the provider {point.name} ({point.value}) can't be used: {type(error).__name__}: {error}"
            ) from error
        return made

    return Kind(make)
