"""A sweep whose nodes are sent ahead of free places."""

from tests import builders
from tests.fakes import FakeAgent
from tests.simulator.cluster import Cluster

MANY = builders.graph({"A": []}, swept=("A",))


def quick(cluster: Cluster, agent: FakeAgent) -> None:
    """Teach the daemon that a Step takes a millisecond, so that it sends work ahead."""
    cluster.submit(builders.graph({"warm-up": []}))
    assert agent.running()
    cluster.succeed("warm-up", wall_us=1000)
