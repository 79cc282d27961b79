"""`accio doctor`: every ✗ has a remedy, the verdict stands last, and nothing is changed."""

import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from accio import places
from accio.errors import Unauthenticated
from accio.sdk.catalogue import discover
from accio.sdk.descriptions import describe_source
from accio.sdk.sources import Source, named_source
from accio.v1 import accio_pb2, values_pb2
from accio.version import accio_version
from accio_client.clock import now
from accio_client.doctor import Health, look_here
from accio_client.moments import epoch_ms
from tests.integration.client.fake_daemon import FakeDaemon

GOOD = "from accio import operator\n\n\n@operator\ndef One(x: int) -> int:\n    return x\n"


@pytest.fixture(autouse=True)
def _healthy(daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon with an agent that was heard just now; packages, which take their time, have no operators."""
    monkeypatch.setattr("accio.sdk.sources.installed_sources", list)
    healthy(daemon)


def agent(name: str = "w1", *, ago_s: float = 1.0, **fields: Any) -> accio_pb2.Agent:
    """Make an agent as the daemon tells of it."""
    made = accio_pb2.Agent(
        name=name,
        state="connected",
        resources=values_pb2.Resources(milli_cpus=4000),
        last_seen_ms=epoch_ms(now() - timedelta(seconds=ago_s)),
    )
    made.MergeFrom(accio_pb2.Agent(**fields))
    return made


def healthy(daemon: FakeDaemon, *agents: accio_pb2.Agent, **cluster: Any) -> None:
    """Answer as a daemon where nothing is wrong, but for what is given."""
    state = accio_pb2.ClusterState(agents=1)
    state.MergeFrom(accio_pb2.ClusterState(**({"version": accio_version()} | cluster)))
    daemon.answers["GetClusterState"] = state
    daemon.answers["ListAgents"] = accio_pb2.ListAgentsResponse(agents=agents or [agent()])
    known = values_pb2.Operator(name="GeoI", digest="blake3:00")
    daemon.answers["ListOperators"] = accio_pb2.ListOperatorsResponse(operators=[known])


def checks(outcome: Any) -> dict[str, tuple[str, str, str | None]]:
    """Return health, finding and remedy by subject."""
    found = {each["subject"]: (each["health"], each["found"], each["remedy"]) for each in outcome.json["checks"]}
    assert all(remedy for health, _, remedy in found.values() if health == "doubtful"), found
    return found


def test_where_all_is_well_it_says_so_last(accio: Any) -> None:
    """Each line has its mark, and the verdict is the last word."""
    outcome = accio("doctor", "-wait")
    assert outcome.exit == 0
    *lines, last = outcome.out.splitlines()
    assert last == "ready"
    assert all(line.startswith("✓ ") for line in lines)
    assert "✓ agents: 1 connected, with 4 CPUs: w1" in lines


def test_a_daemon_that_is_not_there(accio: Any, daemon: FakeDaemon) -> None:
    """It is said what starts one, and that nothing can be done before."""
    daemon.stop()
    outcome = accio("doctor", "-wait")
    assert outcome.exit == 3
    assert "start one" in outcome.out
    assert outcome.out.splitlines()[-1] == "not ready: daemon"


def test_a_daemon_that_takes_connections_and_says_nothing(accio: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It isn't said to be away, which it isn't: starting another one would fail."""
    monkeypatch.setattr("accio_client.cli.doctor.LOOK_FOR_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as stuck:
        outcome = accio("doctor", f"--addr=127.0.0.1:{stuck.getsockname()[1]}")
    assert outcome.exit == 3
    assert "something listens there, but doesn't answer" in outcome.out
    assert "start one" not in outcome.out
    assert outcome.out.splitlines()[-1] == "not ready: daemon"


def test_a_token_that_the_daemon_does_not_know(accio: Any, daemon: FakeDaemon) -> None:
    """The daemon's own words are told."""
    daemon.trouble["GetClusterState"] = [Unauthenticated("expected a token that counts, found another")]
    health, found, _ = checks(accio("doctor", "-wait", "--json"))["daemon"]
    assert (health, found) == ("bad", "expected a token that counts, found another")


@pytest.mark.parametrize(
    ("state", "subject", "health", "says"),
    [
        ({"refusing": "the disk is full"}, "daemon's disk", "bad", "the disk is full"),
        ({"version": "0.0.1"}, "daemon", "doubtful", "0.0.1 at"),
    ],
)
def test_what_is_wrong_with_a_daemon(
    accio: Any, daemon: FakeDaemon, state: dict[str, Any], subject: str, health: str, says: str
) -> None:
    """A full disk must be mended; another version is to be looked at."""
    healthy(daemon, **state)
    found = checks(accio("doctor", "-wait", "--json"))[subject]
    assert found[0] == health
    assert says in found[1]


def test_what_is_wrong_with_agents_and_clocks(accio: Any, daemon: FakeDaemon) -> None:
    """None, a lost one, one with a remark, and one that was heard in an hour: each is told with what to do."""
    healthy(daemon, agent(state="disconnected"))
    assert checks(accio("doctor", "-wait", "--json"))["agents"] == (
        "bad",
        "none is connected",
        "start one: accio agent (or accio up, which starts a daemon, too)",
    )
    healthy(daemon, agent(ago_s=-3600), agent("w2", state="lost", reason="heartbeat"))
    outcome = accio("doctor", "-wait", "--json")
    found = checks(outcome)
    assert found["agent w2"][:2] == ("doubtful", "lost: heartbeat")
    assert found["clocks"][1] == "the daemon's is about 3600 s ahead of this machine's"
    assert outcome.json["verdict"] == "ready; to look at: agent w2, clocks"
    assert outcome.exit == 0


def test_operators_that_do_not_load_are_named(accio: Any, tmp_path: Path) -> None:
    """A file with a mistake is told with its error; one that loads with how many operators it has."""
    (tmp_path / "bad.py").write_text("import nonsense\n")
    (tmp_path / "good.py").write_text(
        "from accio import operator\n\n@operator\ndef One(x: int) -> int:\n    return x\n"
    )
    outcome = accio("doctor", "-wait", "-operators=bad.py", "-operators=good.py", "-operators=none.py", "--json")
    assert outcome.exit == 3
    found = checks(outcome)
    assert "No module named 'nonsense'" in found["operators of bad.py"][1]
    assert found["operators of bad.py"][2] == "mend that, then say again: accio doctor -operators=bad.py"
    assert found["operators of good.py"][:2] == ("good", "1 can be loaded")
    assert found["operators of none.py"][0] == "bad"


def test_what_an_agent_has_described_is_not_loaded_again(
    accio: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Packages of gigabytes needn't be read and imported; what has changed since is loaded as ever."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    ledger, file = tmp_path / "ledger", tmp_path / "good.py"
    told = f"open({str(ledger)!r}, 'a').write('x')\n"
    file.write_text(told + GOOD)
    announced = Source(distribution="mine", references=(str(file),))
    for module in ("sources", "catalogue"):
        monkeypatch.setattr(f"accio.sdk.{module}.installed_sources", lambda: [announced])
    discover((), folder=tmp_path, cache=None, shared=places.descriptions_folder())
    assert ledger.read_text() == "x"
    assert checks(accio("doctor", "-wait", "--json"))["operators of mine"][:2] == ("good", "1 can be loaded")
    assert ledger.read_text() == "x"
    file.write_text(told + GOOD.replace("One", "Other"))
    assert checks(accio("doctor", "-wait", "--json"))["operators of mine"][0] == "good"
    assert ledger.read_text() == "xx"


def test_what_takes_too_long_to_load_is_said_to_be_unknown(
    accio: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The verdict doesn't wait for it, and says what does; nothing of the attempt goes on."""
    monkeypatch.setattr("accio_client.cli.doctor.LOOK_FOR_S", 0.2)
    ledger = tmp_path / "ledger"
    told = f"import os, time; open({str(ledger)!r}, 'w').write(str(os.getpid())); time.sleep(600)\n"  # it is killed
    (tmp_path / "slow.py").write_text(told + GOOD)
    outcome = accio("doctor", "-operators=slow.py")
    lines = outcome.out.splitlines()
    assert "? operators of slow.py: loading them takes longer than this look" in lines
    assert "    → wait for it: accio doctor -wait -operators=slow.py" in lines
    assert lines[-1].endswith("not known yet: operators of slow.py")
    assert not ledger.exists() or not Path(f"/proc/{ledger.read_text()}").exists()


def test_an_environment_that_is_to_be_made_is_not_waited_for(tmp_path: Path) -> None:
    """Making it takes minutes: who is in a hurry doesn't begin with it."""
    (tmp_path / "requirements.txt").write_text("")
    (tmp_path / "own.py").write_text(
        "from accio import operator\n\n\n"
        "@operator(python={'requirements': 'requirements.txt'})\ndef One(x: int) -> int:\n    return x\n"
    )
    with pytest.raises(TimeoutError):
        describe_source(named_source("own.py", tmp_path), None, within_s=60.0)


def test_a_data_folder_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder below a file is no folder; nothing is made by looking."""
    folder = tmp_path / "new" / "data"
    monkeypatch.setenv("ACCIO_DATA_DIR", str(folder))
    found = {each.subject: each for each in look_here()}["data folder"]
    assert found.health is Health.GOOD
    assert "(not there yet)" in found.found
    assert not folder.exists()
    monkeypatch.setattr("os.access", lambda *_: False)
    found = {each.subject: each for each in look_here()}["data folder"]
    assert found.health is Health.BAD
    assert found.remedy
