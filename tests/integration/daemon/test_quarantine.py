"""A run whose stored facts can't be restored is set aside, and everything else is served."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from accio.v1 import accio_pb2, agents_pb2, runs_pb2
from accio_daemon.config import Config
from accio_daemon.engine.restart import RunNotRestoredError
from tests.integration.daemon.harness import Serving, configured, serving
from tests.integration.daemon.scripted_agent import joined
from tests.integration.daemon.workflows import PAIR

# What spoils a run's facts, and what mends them: an option that no version wrote, a node that its workflow hasn't.
POLICY = (
    "UPDATE runs SET options = json_set(options, '$.on_failure', 'nonsense') WHERE id = ?",
    "UPDATE runs SET options = json_set(options, '$.on_failure', 'continue') WHERE id = ?",
)
NODE = (
    "UPDATE nodes SET node = 99 WHERE node = 0 AND run_no = (SELECT no FROM runs WHERE id = ?)",
    "UPDATE nodes SET node = 0 WHERE node = 99 AND run_no = (SELECT no FROM runs WHERE id = ?)",
)
# What only fails when all runs go on: a result that lacks an output which another node needs.
RESULT = (
    "UPDATE results SET outputs = json('{}') WHERE run_no = (SELECT no FROM runs WHERE id = ?)",
    "UPDATE results SET outputs = json_object('value', '2.0') WHERE run_no = (SELECT no FROM runs WHERE id = ?)",
)


def change(config: Config, statement: str, run: str) -> None:
    """Change what is stored of a run, while no daemon has it."""
    with closing(sqlite3.connect(config.database)) as connection, connection:
        assert connection.execute(statement, (run,)).rowcount == 1


async def begun(config: Config) -> tuple[str, str]:
    """Leave two runs behind whose first nodes succeeded."""
    ids = []
    async with serving(config) as daemon, joined(daemon.agents, behaviour=None) as agent:
        await daemon.push(PAIR)
        for x in (1.0, 5.0):
            ids.append((await daemon.submit({"workflow": "pair", "params": {"x": x}})).id)
            await agent.send(reports=agents_pb2.Reports(reports=[agent.report(await agent.work.get())]))
            await agent.acked.get()
            await agent.work.get()  # Second
    return ids[0], ids[1]


async def failing_start(config: Config, run: str) -> None:
    """Start a daemon in vain."""
    with capture_logs() as logs, pytest.raises(RunNotRestoredError):
        async with serving(config):
            pass
    assert [each["run"] for each in logs if each["log_level"] == "error"] == [run]


async def ended(daemon: Serving, run: str) -> runs_pb2.Run:
    """Return a run once it has ended."""
    last = runs_pb2.Run()
    async for update in daemon.accio.Watch(accio_pb2.WatchRequest(id=run)):
        last = update.run
    return last


async def see_standstill(daemon: Serving, run: str, *, nodes: bool) -> None:
    """See that a run's standstill is told wherever one looks for it; its *nodes* may be what can't be read."""
    listed = (await daemon.accio.List(accio_pb2.ListRequest())).runs
    entry = next(each for each in listed if each.id == run)
    assert "Error" in entry.quarantined
    assert entry.state == runs_pb2.RUN_STATE_RUNNING
    if not nodes:
        return
    watched = await anext(aiter(daemon.accio.Watch(accio_pb2.WatchRequest(id=run))))
    found = await daemon.get(run, nodes=True)
    assert found.run.quarantined == watched.run.quarantined == entry.quarantined
    answers = (await daemon.accio.Why(accio_pb2.WhyRequest(run=run))).answers
    told = [each.reason for each in (*found.nodes, *answers) if "quarantined" in each.reason]
    assert told
    assert all(f"accio retry {run}" in each for each in told)


@pytest.mark.parametrize(("spoil", "mend"), [POLICY, NODE, RESULT], ids=["policy", "node", "result"])
async def test_a_run_that_fails_two_starts_is_set_aside(tmp_path: Path, spoil: str, mend: str) -> None:
    """The first start fails; the second serves the other runs and tells why; once it is mended, a retry ends it."""
    config = configured(tmp_path)
    poisoned, sound = await begun(config)
    change(config, spoil, poisoned)
    await failing_start(config, poisoned)
    for _ in range(2):
        async with serving(config) as daemon:
            outcome = (await daemon.accio.Retry(accio_pb2.RetryRequest(ids=[poisoned]))).runs[0]
            assert "can't be restored" in outcome.error
            events = (await daemon.accio.Events(accio_pb2.EventsRequest(run=poisoned))).events
            assert [each.kind for each in events if each.kind == "quarantined"] == ["quarantined"]
            await see_standstill(daemon, poisoned, nodes=spoil != NODE[0])
            assert not (await daemon.get(sound)).run.quarantined
    async with serving(config) as daemon, joined(daemon.agents):
        assert (await ended(daemon, sound)).state == runs_pb2.RUN_STATE_SUCCESS
    change(config, mend, poisoned)
    async with serving(config) as daemon:
        assert (await daemon.accio.Retry(accio_pb2.RetryRequest(ids=[poisoned]))).runs[0].changed
    async with serving(config) as daemon, joined(daemon.agents):
        assert (await ended(daemon, poisoned)).state == runs_pb2.RUN_STATE_SUCCESS


async def test_several_are_found_by_one_start(tmp_path: Path) -> None:
    """However many runs can't be restored, one start fails, and the next one serves; they can be deleted."""
    config = configured(tmp_path)
    runs = await begun(config)
    for run in runs:
        change(config, POLICY[0], run)
    with pytest.raises(RunNotRestoredError):
        async with serving(config):
            pass
    async with serving(config) as daemon:
        outcomes = (await daemon.accio.Delete(accio_pb2.RunsRequest(ids=runs))).runs
        assert [each.changed for each in outcomes] == [True, True]
    with closing(sqlite3.connect(config.database)) as connection:
        assert connection.execute("SELECT count(*) FROM quarantine").fetchone() == (0,)


async def test_one_failure_alone_is_forgotten(tmp_path: Path) -> None:
    """A start that succeeds begins the count anew."""
    config = configured(tmp_path)
    run, _ = await begun(config)
    for _ in range(2):
        change(config, POLICY[0], run)
        await failing_start(config, run)
        change(config, POLICY[1], run)
        async with serving(config):
            pass
