"""A cluster whose every step is checked (tests.simulator.cluster)."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.simulator.cluster import Cluster

MakeCluster = Callable[..., Cluster]


@pytest.fixture
def make_cluster() -> Iterator[MakeCluster]:
    """Make clusters with settings of one's own."""
    made: list[Cluster] = []

    def make(**options: Any) -> Cluster:
        made.append(Cluster(**options))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def cluster(make_cluster: MakeCluster) -> Cluster:
    """Make a cluster with the default settings and the operator Step."""
    return make_cluster()
