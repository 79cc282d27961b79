"""A fake daemon, and an environment in which client and command line find it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.client.fake_daemon import TOKEN, FakeDaemon


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeDaemon]:
    """A running fake daemon, named by the environment; the working folder is the test's own."""
    fake = FakeDaemon()
    fake.start()
    monkeypatch.setenv("ACCIO_ADDR", fake.address)
    monkeypatch.setenv("ACCIO_TOKEN", TOKEN)
    monkeypatch.setenv("ACCIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ACCIO_CONFIG_ROOT", str(tmp_path / "config"))
    monkeypatch.setenv("ACCIO_USER", "Ada <ada@example.org>")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    yield fake
    fake.stop()
