"""The daemon as a process: how it starts, what it refuses, how it ends."""

import json
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog

from accio_daemon.cli import main
from accio_daemon.storage.file.database import schema_version

STOPS_WITHIN_S = 60.0  # on a slow machine that does much else; alone it takes half a second


@contextmanager
def started(data: Path, *options: str, listen: str = "127.0.0.1:0") -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a daemon; gives the process and the address at which it listens."""
    environment = dict(os.environ, ACCIO_DATA_DIR=str(data), ACCIO_ADDR=listen)
    process = subprocess.Popen(
        [sys.executable, "-m", "accio_daemon", *options], env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            said = json.loads(line)
            if said["event"] == "listening":
                yield process, said["address"]
                return
        raise AssertionError(f"the daemon ended with {process.wait()}")
    finally:
        process.kill()
        process.communicate()


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Start the daemon with what it refuses; gives its words."""
    try:
        assert main(arguments) == 1
    finally:
        structlog.reset_defaults()  # this process goes on, and its streams are the test's
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert said.count("\n") == 1
    return said


def test_it_ends_cleanly_on_sigterm(tmp_path: Path) -> None:
    """SIGTERM ends the daemon with exit code 0, and nothing of the write-ahead log is left to do."""
    with started(tmp_path) as (process, _):
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOPS_WITHIN_S) == 0
    assert not (tmp_path / "accio.db-wal").exists()


def test_its_secrets_are_its_owners(tmp_path: Path) -> None:
    """The first start writes a token that only its owner can read; a looser file is refused with what to do."""
    with started(tmp_path):
        token = tmp_path / "token"
        assert stat.S_IMODE(token.stat().st_mode) == 0o600
        assert len(token.read_text().strip()) >= 40


def test_whatever_it_writes_is_its_owners(tmp_path: Path) -> None:
    """A loose data folder is tightened with a word, and nothing that is written into it can be used by others."""
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o755)
    with started(data):
        loose = [path for path in data.rglob("*") if path.lstat().st_mode & 0o077]
        assert loose == []
        assert stat.S_IMODE(data.stat().st_mode) == 0o700


def test_a_folder_that_others_use_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that others can use, and that holds other things, isn't closed to them."""
    (tmp_path / "photos").mkdir()
    tmp_path.chmod(0o755)
    said = refusal(capsys, f"--data-dir={tmp_path}", "--listen=127.0.0.1:0")
    assert f"chmod 700 {tmp_path}" in said
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make folders of somebody else")
@pytest.mark.root
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever made the folder before would own what is kept in it."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    os.chown(data, 65534, 65534)
    assert "belongs to" in refusal(capsys, f"--data-dir={data}", "--listen=127.0.0.1:0")
    assert list(data.iterdir()) == []


def test_a_loose_token_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A token that others may read isn't used."""
    (tmp_path / "token").write_text("a" * 40)
    (tmp_path / "token").chmod(0o644)
    assert f"chmod 600 {tmp_path / 'token'}" in refusal(capsys, f"--data-dir={tmp_path}", "--listen=127.0.0.1:0")


def test_a_second_daemon_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One folder has one daemon; the second one names the first, which isn't disturbed."""
    (tmp_path / "link").symlink_to(tmp_path / "data")
    with started(tmp_path / "data") as (process, _):
        said = refusal(capsys, f"-data-dir={tmp_path / 'link'}", "-listen=127.0.0.1:0")
        assert f"pid {process.pid}" in said
        assert process.poll() is None


def test_a_taken_port_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A port in use is named, with who can tell whose it is."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        said = refusal(capsys, f"--data-dir={tmp_path}", f"--listen={address}")
    assert address in said
    assert "ss -ltnp" in said


def test_a_daemon_does_not_share_its_port(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two daemons never listen at one port."""
    with started(tmp_path / "one") as (_, address):
        assert address in refusal(capsys, f"--data-dir={tmp_path / 'two'}", f"--listen={address}")


def test_insecure_speaks_plainly(tmp_path: Path) -> None:
    """With --insecure no certificate is made for an address beyond loopback."""
    with started(tmp_path, "--insecure", listen="0.0.0.0:0") as (_, address):
        assert not (tmp_path / "tls").exists()
        port = int(address.rpartition(":")[2])
        socket.create_connection(("127.0.0.1", port), timeout=60).close()


def test_foreign_databases_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A database of a newer version, of another program, or none at all is left alone and named."""
    path = tmp_path / "accio.db"
    options = (f"--data-dir={tmp_path}", "--listen=127.0.0.1:0")
    path.write_bytes(b"this is no database, but long enough to look like one" * 10)
    assert str(path) in refusal(capsys, *options)
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE other (x)")
    connection.close()
    assert "another program" in refusal(capsys, *options)
    path.unlink()
    with started(tmp_path) as (process, _):
        process.send_signal(signal.SIGTERM)
        process.wait(STOPS_WITHIN_S)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {schema_version() + 1}")
    connection.close()
    assert "newer Accio" in refusal(capsys, *options)


@pytest.mark.parametrize(
    ("option", "mentions"),
    [
        ("--lease=0s", "at least 1 second"),
        ("--lease=soon", "duration"),
        ("--synchronous=OFF", "FULL or NORMAL"),
        ("--sweep-limit=0", "above 0"),
        ("--quota=much", "size"),
        ("--unknown", "No such option"),
        ("--listen=127.0.0.1:99999", "HOST:PORT"),
    ],
)
def test_wrong_options_are_explained(capsys: pytest.CaptureFixture[str], option: str, mentions: str) -> None:
    """Each wrong option is refused in one line that says what was expected."""
    assert mentions in refusal(capsys, option)


def test_check_finds_damage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`check` says that a healthy folder is healthy, and what is wrong with another."""
    with started(tmp_path) as (process, _):
        process.send_signal(signal.SIGTERM)
        process.wait(STOPS_WITHIN_S)
    assert main([f"--data-dir={tmp_path}", "check"]) == 0
    connection = sqlite3.connect(tmp_path / "accio.db")
    connection.execute("INSERT INTO nodes VALUES (1, 0, 0, 4, 0, 1, 99, NULL, 1, NULL)")
    connection.commit()
    connection.close()
    assert main([f"--data-dir={tmp_path}", "check"]) == 5
    assert "1 nodes name a result that isn't there" in capsys.readouterr().err
    assert "no database" in refusal(capsys, f"--data-dir={tmp_path / 'nowhere'}", "check")


def test_check_answers_on_stdout_and_logs_on_stderr(tmp_path: Path) -> None:
    """What it mends on the way is said on standard error, by a process as users start it; its answer stands alone."""
    with started(tmp_path) as (process, _):
        process.send_signal(signal.SIGTERM)
        process.wait(STOPS_WITHIN_S)
    tmp_path.chmod(0o755)
    check = [sys.executable, "-m", "accio_daemon", f"--data-dir={tmp_path}", "check"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "no problems found\n")
    assert "others could use the data folder" in done.stderr


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A data folder that is a file, or can't be made, is named with what to do."""
    (tmp_path / "file").touch()
    said = refusal(capsys, f"--data-dir={tmp_path / 'file' / 'below'}", "--listen=127.0.0.1:0")
    assert str(tmp_path / "file" / "below") in said
    assert "--data-dir" in said


def test_metrics_are_served_on_request(tmp_path: Path) -> None:
    """With --metrics, Prometheus finds the daemon's numbers; they know what has happened."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with (
        started(tmp_path, f"--metrics=127.0.0.1:{port}"),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer,
    ):
        text = answer.read().decode()
    for name in ("accio_decisions_total", "accio_commit_seconds_bucket", "accio_loop_lag_seconds_sum", "accio_nodes"):
        assert name in text
