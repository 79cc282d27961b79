"""What `accio pool why` says of pools."""

from datetime import timedelta

import pytest

from accio.v1 import pools_pb2, values_pb2
from accio_client.cli.pools import _explain
from accio_client.clock import now
from accio_client.from_wire.pools import pool


def told(*maintenance: tuple[str, timedelta, timedelta]) -> pools_pb2.Pool:
    """Return a pool without hosts at times that begin and end so long after now."""
    times = [
        pools_pb2.Maintenance(
            name=name,
            begins_at_ms=int((now() + begins).timestamp() * 1000),
            ends_at_ms=int((now() + ends).timestamp() * 1000),
        )
        for name, begins, ends in maintenance
    ]
    described = pools_pb2.PoolDescription(name="cpu", host=values_pb2.Resources(milli_cpus=1000), maintenance=times)
    return pools_pb2.Pool(description=described, state="serving", decision=["2 asked for"])


def test_maintenance_that_is_over_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """What lasts and what comes is told, as the web interface does; what is over concerns nobody."""
    day = timedelta(days=1)
    _explain([pool(told(("over", -3 * day, -day), ("lasts", -day, day), ("comes", day, 2 * day)))], ())
    printed = capsys.readouterr().out
    assert [name for name in ("over", "lasts", "comes") if f": {name}\n" in printed] == ["lasts", "comes"]
    assert "2 asked for" in printed
