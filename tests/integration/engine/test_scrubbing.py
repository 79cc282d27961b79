"""Looking for damage while the daemon runs."""

import asyncio
from pathlib import Path

from structlog.testing import capture_logs

from accio_daemon.storage.file.database import Database, prepare
from accio_daemon.storage.upkeep import scrubbing


def made(file: Path, *, spoilt: bool) -> None:
    """Make a database; in a *spoilt* one a row isn't any more where its index has it, as after a flipped bit."""
    connection = prepare(file)
    connection.execute("INSERT INTO meta VALUES ('before', 1), ('spoilt-here', 1)")
    connection.close()
    if spoilt:
        content = file.read_bytes()
        at = content.index(b"spoilt-here")
        file.write_bytes(content[:at] + b"S" + content[at + 1 :])


async def test_a_sound_database_has_no_damage(tmp_path: Path) -> None:
    """Nothing is said of a database that is as it was written."""
    made(tmp_path / "accio.db", spoilt=False)
    database = await Database.open(tmp_path / "accio.db", synchronous="OFF")
    with capture_logs() as logs:
        assert await scrubbing.look(database) == []
    await database.close()
    assert logs == []


async def test_damage_is_found_as_the_daemon_starts(tmp_path: Path) -> None:
    """A flipped bit in a small database is told at once, and the daemon goes on."""
    made(tmp_path / "accio.db", spoilt=True)
    database = await Database.open(tmp_path / "accio.db", synchronous="OFF")
    with capture_logs() as logs:
        looking = asyncio.get_running_loop().create_task(scrubbing.keep_looking(database))
        async with asyncio.timeout(90):
            while not logs:  # noqa: ASYNC110 — what is waited for is a line of the log, which sets no event
                await asyncio.sleep(0)
        assert not looking.done()
        looking.cancel()
        await asyncio.wait((looking,))
    await database.close()
    (told,) = logs
    assert told["log_level"] == "error"
    assert "meta" in told["found"][0]
