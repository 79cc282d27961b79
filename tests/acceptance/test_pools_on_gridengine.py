"""A pool on a real Grid Engine: hosts that are asked for together are one array of jobs."""

import pytest

from tests.acceptance.gridengine import LocalGridEngine
from tests.acceptance.pools import require_one_array
from tests.acceptance.processes import Cluster

pytestmark = [pytest.mark.acceptance, pytest.mark.root, pytest.mark.timeout(300)]


def test_hosts_that_are_asked_for_together_are_one_array(grid_engine: LocalGridEngine, made: Cluster) -> None:
    """By one submission; each job has its token and its agent, and is told and ended for itself."""
    require_one_array(
        grid_engine,
        made,
        jobs=lambda first: [f"{first.partition('.')[0]}.{place}" for place in (1, 2, 3)],
        shown=lambda first: grid_engine.run("qstat", "-j", first.partition(".")[0]),
    )
