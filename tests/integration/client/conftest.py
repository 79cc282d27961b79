"""A fake daemon, and an environment in which client and command line find it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from accio_client.cli.main import main
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    exit: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return orjson.loads(self.out)


@pytest.fixture
def accio(daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command line in this process; no outcome ever holds a traceback."""

    def call(*arguments: str) -> Outcome:
        code = main(arguments)
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Outcome(exit=code, out=out, err=err)

    return call
