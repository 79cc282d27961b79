"""A full file system: with the space that the daemon set aside, users can kill, delete and collect."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from accio.errors import ResourceExhausted
from accio_daemon.engine.full_disk import RESERVE_BYTES, RESERVE_NAME
from tests.acceptance.processes import cluster, eventually
from tests.acceptance.sweeps import GATED, SQUARE
from tests.acceptance.test_disk import FULL, check, fill_until_refusing, needs_root, small_disk

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]


@needs_root
def test_users_can_make_room_on_a_full_disk(tmp_path: Path) -> None:
    """Kill, delete and gc are answered and durable while new work is refused; then all goes on by itself."""
    root = tmp_path / "made"
    with small_disk(root / "data", megabytes=64), cluster(root) as made, ThreadPoolExecutor(64) as pool:
        made.start_daemon()
        made.start_agent("a1")
        made.agents_are("a1")
        reserve = made.data / RESERVE_NAME
        assert reserve.stat().st_size == RESERVE_BYTES
        with made.client() as client:
            client.push(GATED)
            client.push(SQUARE)
            ended = client.submit({"workflow": "square", "params": {"x": -1}}).run.id
            client.wait(ended)
            runs = [client.submit({"workflow": "gated", "params": {"label": each}}).run.id for each in "ghi"]
            eventually(lambda: len([line for line in made.executed() if "begins" in line]) == 2, what="two nodes")
            ballast, _ = fill_until_refusing(made, pool)
            assert reserve.stat().st_size == 0
            assert [outcome.changed for outcome in client.kill([runs[0], runs[2]])] == [True, True]
            assert [outcome.changed for outcome in client.delete([ended])] == [True]
            client.collect_garbage()
            assert {client.get_run(run).run.state for run in (runs[0], runs[2])} == {"killed"}
            with pytest.raises(ResourceExhausted, match=FULL):
                client.submit({"workflow": "square", "params": {"x": 1_000_000}})
            made.open_gate("h")
            ballast.unlink()
            assert client.wait(runs[1]).state == "success"
            eventually(lambda: reserve.stat().st_size == RESERVE_BYTES, what="space being set aside again")
            again = client.submit({"workflow": "square", "params": {"x": -2}}).run.id
            assert client.wait(again).state == "success"
        check(made)
