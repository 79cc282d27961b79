"""What several files of tests start."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.engines import LEASE
from tests.acceptance.gridengine import LocalGridEngine
from tests.acceptance.pbs import FakePbs
from tests.acceptance.processes import Cluster, cluster
from tests.acceptance.slurm import Slurm


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    """A Slurm for all tests of a process: starting one takes longer than any of them."""
    with Slurm.local(tmp_path_factory.mktemp("slurm") / "made") as made:
        yield made


@pytest.fixture(scope="session")
def grid_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGridEngine]:
    """A Grid Engine for all tests of a process."""
    with LocalGridEngine.local(tmp_path_factory.mktemp("gridengine") / "made") as made:
        yield made


@pytest.fixture
def pbs(tmp_path: Path) -> Iterator[FakePbs]:
    """The commands of a PBS."""
    with FakePbs.local(tmp_path / "pbs") as made:
        yield made


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Cluster]:
    """A daemon that soon notices when a job ends under an agent."""
    with cluster(tmp_path / "made") as found:
        found.start_daemon("--lease", LEASE)
        yield found
