"""A pool on the commands of a PBS: hosts that are asked for together are one array of jobs."""

import pytest

from tests.acceptance.pbs import FakePbs
from tests.acceptance.pools import require_one_array
from tests.acceptance.processes import Cluster

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]


def test_hosts_that_are_asked_for_together_are_one_array(pbs: FakePbs, made: Cluster) -> None:
    """By one submission; each job has its token and its agent, and is told and ended for itself."""
    require_one_array(
        pbs,
        made,
        jobs=lambda _: ["1[0].pbs", "1[1].pbs", "1[2].pbs"],
        shown=lambda _: pbs.run("qstat", "-t", "-f", "-F", "json"),
    )
