"""Databases and agents' folders that don't belong together, or were copied: nothing of one counts in the other."""

import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.processes import Cluster, cluster, eventually

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

GATED = {
    "id": "gated",
    "params": [{"name": "label", "kind": "string"}],
    "graph": [{"op": "Gate", "inputs": {"label": {"param": "label"}}}],
}


def _begun(made: Cluster, label: str) -> int:
    return sum(f"Gate {label} begins" in line for line in made.executed())


def _put_back(made: Cluster, backup: Path) -> None:
    """Restore by hand, as one does without reading."""
    for suffix in ("", "-wal", "-shm"):
        (made.data / f"accio.db{suffix}").unlink(missing_ok=True)
    shutil.copy(backup, made.data / "accio.db")


def test_an_old_report_is_no_result_of_a_restored_database(tmp_path: Path) -> None:
    """A report of what ran after the backup doesn't become the result of what got its number after the restore."""
    backup = tmp_path / "night.db"
    with cluster(tmp_path / "made") as made:
        made.start_daemon("--backups", str(tmp_path))
        agent = made.start_agent("a1", "--cpus", "1")
        made.agents_are("a1")
        with made.client() as client:
            client.push(GATED)
            watched = client.submit({"workflow": "gated", "params": {"label": "before"}}).run.id
            eventually(lambda: _begun(made, "before"), what="the beginning")
            client.backup(str(backup))
            made.open_gate("before")
            assert client.wait(watched).state == "success"
        assert made.daemon is not None
        made.daemon.kill(signal.SIGTERM)
        made.daemon.ended()
        made.start_daemon()
        made.agents_are("a1")
        with made.client() as client:
            client.submit({"workflow": "gated", "params": {"label": "after"}})
            eventually(lambda: _begun(made, "after"), what="the beginning of what the backup lacks")
        made.daemon.kill()
        made.daemon.ended()
        made.open_gate("after")
        eventually(lambda: any("Gate after ends" in line for line in made.executed()), what="its end")
        _put_back(made, backup)
        made.start_daemon()
        made.agents_are("a1")
        with made.client() as client:
            assert client.wait(watched).state == "success"
            assert _begun(made, "before") == 2
            again = client.submit({"workflow": "gated", "params": {"label": "after"}}).run.id
            assert client.wait(again).state == "success"
            assert _begun(made, "after") == 2  # the restored database knows nothing of the first
        eventually(lambda: "the journal is set aside" in agent.output(), what="the agent's word")
        assert agent.popen.poll() is None


def _set_back(made: Cluster, copy: Path) -> None:
    """Write a copy of the data folder over it, so that each file is the one that was there, with what it was."""
    for suffix in ("-wal", "-shm"):
        (made.data / f"accio.db{suffix}").unlink(missing_ok=True)
    subprocess.run(["cp", "-a", f"{copy}/.", str(made.data)], check=True)


def test_a_report_of_lost_time_is_no_result_of_a_folder_that_was_set_back(tmp_path: Path) -> None:
    """The whole data folder is as it was, so that nothing in it tells: its agent does, and the daemon begins anew."""
    with cluster(tmp_path / "made") as made:
        made.start_daemon()
        made.start_agent("a1", "--cpus", "1")
        made.agents_are("a1")
        with made.client() as client:
            client.push(GATED)
        assert made.daemon is not None
        made.daemon.kill(signal.SIGTERM)
        assert made.daemon.ended() == 0
        shutil.copytree(made.data, tmp_path / "copy", ignore=shutil.ignore_patterns("*.sock"))
        made.start_daemon()
        made.agents_are("a1")
        with made.client() as client:
            client.submit({"workflow": "gated", "params": {"label": "lost"}})
            eventually(lambda: _begun(made, "lost"), what="the beginning of what the copy lacks")
        made.daemon.kill()
        made.daemon.ended()
        made.open_gate("lost")
        eventually(lambda: any("Gate lost ends" in line for line in made.executed()), what="its end")
        _set_back(made, tmp_path / "copy")
        made.start_daemon()
        with made.client() as client:
            run = client.submit({"workflow": "gated", "params": {"label": "new"}}).run.id
            made.open_gate("new")
            assert client.wait(run).state == "success"
            assert _begun(made, "new") == 1
        assert "the database was set back to an earlier state" in made.daemon.output()
        made.daemon.kill(signal.SIGTERM)
        assert made.daemon.ended() == 0


def test_an_agents_folder_may_serve_two_daemons(tmp_path: Path) -> None:
    """One folder, two daemons in turn: each executes its own, and numbers that both use are no obstacle."""
    with cluster(tmp_path / "one") as one, cluster(tmp_path / "two") as two:
        shutil.rmtree(two.root / "gates")
        (two.root / "gates").symlink_to(one.root / "gates")
        for made in (one, two):
            made.start_daemon()
        for turn, made in enumerate((one, two, one, two)):
            agent = made.start_agent("a1", "--state-dir", str(tmp_path / "folder"))
            made.agents_are("a1")
            with made.client() as client:
                client.push(GATED)
                label = f"turn {turn}"
                run = client.submit({"workflow": "gated", "params": {"label": label}}).run.id
                eventually(lambda made=made, label=label: _begun(made, label), what="the beginning")  # type: ignore[misc]  # a bound default isn't inferred
                if turn < 2:  # it is killed under it, and goes to the other daemon with that in its journal
                    agent.kill()
                    agent.ended()
                    continue
                made.open_gate(label)
                assert client.wait(run).state == "success"
                agent.kill()
                agent.ended()


def test_a_copy_of_an_agent_disturbs_nobody(tmp_path: Path) -> None:
    """Of two copies of an agent the first serves; the second ends with the reason, as often as it is started."""
    with cluster(tmp_path / "made") as made:
        made.start_daemon()
        first = made.start_agent("a1")
        made.agents_are("a1")
        first.kill(signal.SIGTERM)
        assert first.ended() == 0
        shutil.copytree(made.root / "a1", tmp_path / "copy")
        first = made.start_agent("a1")
        made.agents_are("a1")
        with made.client() as client:
            client.push(GATED)
            run = client.submit({"workflow": "gated", "params": {"label": "g"}}).run.id
            eventually(lambda: _begun(made, "g"), what="the beginning")
            for _ in range(2):
                copy = made.start_agent("a1", "--state-dir", str(tmp_path / "copy"))
                assert copy.ended() == 1
                assert "folder that was copied" in copy.output()
                assert "Traceback" not in copy.output()
            made.open_gate("g")
            assert client.wait(run).state == "success"
            assert _begun(made, "g") == 1
        first.kill()  # and as soon as it is dead, its successor is there
        first.ended()
        made.start_agent("a1")
        made.agents_are("a1")
