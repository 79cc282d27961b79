"""What the daemon can be told."""

from pathlib import Path
from typing import Any

import pytest

from accio.errors import BadRequest
from accio.places import is_loopback
from accio_daemon.config import read_config


def test_options_win_over_the_environment(tmp_path: Path) -> None:
    """What the command line says is done, else what the environment says, else the default."""
    environment = {"ACCIO_ADDR": "127.0.0.1:1", "ACCIO_DATA_DIR": str(tmp_path / "e")}
    assert read_config(environment=environment).address == "127.0.0.1:1"
    assert read_config(environment=environment).data == tmp_path / "e"
    config = read_config(listen="127.0.0.1:2", data_dir=str(tmp_path / "o"), environment=environment)
    assert (config.address, config.data) == ("127.0.0.1:2", tmp_path / "o")
    assert read_config(environment={}).address == ""
    assert read_config(data_dir="/d", environment={}).socket == "unix:/d/daemon.sock"


def test_only_the_default_folder_shares_its_token(tmp_path: Path) -> None:
    """The copy for clients of the same user is made for the default data folder only."""
    environment = {"ACCIO_CONFIG_ROOT": str(tmp_path)}
    assert read_config(environment=environment).token_copy == tmp_path / "token"
    assert read_config(data_dir=str(tmp_path), environment=environment).token_copy is None
    assert read_config(environment={**environment, "ACCIO_DATA_DIR": str(tmp_path)}).token_copy is None


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("unix:/a/daemon.sock", True),
        ("127.0.0.1:1", True),
        ("127.3.4.5:1", True),
        ("localhost:1", True),
        ("[::1]:1", True),
        ("0.0.0.0:1", False),
        ("10.0.0.1:1", False),
        ("[::]:1", False),
        ("example.org:1", False),
        ("localhost.evil.org:1", False),
    ],
)
def test_loopback_is_told_from_the_rest(address: str, loopback: bool) -> None:
    """Only addresses that no other machine can reach count as loopback; a name may be anything."""
    assert is_loopback(address) is loopback


@pytest.mark.parametrize(
    ("given", "encrypted"),
    [
        ({}, False),
        ({"listen": "unix:/a/daemon.sock", "tls": ("c", "k")}, False),
        ({"listen": "127.0.0.1:7615"}, False),
        ({"listen": "127.0.0.1:7615", "tls": ("c", "k")}, True),
        ({"listen": "0.0.0.0:7615"}, True),
        ({"listen": "0.0.0.0:7615", "insecure": True}, False),
        ({"listen": "0.0.0.0:7615", "insecure": True, "tls": ("c", "k")}, True),
    ],
)
def test_what_leaves_the_machine_is_encrypted(given: dict[str, Any], encrypted: bool) -> None:
    """Beyond this machine TLS is spoken unless --insecure says otherwise; on it, only with a given certificate."""
    assert read_config(environment={}, **given).encrypted is encrypted


def test_metrics_beyond_this_machine_need_a_word() -> None:
    """Metrics need no token: that anybody may read them has to be said."""
    with pytest.raises(BadRequest, match="--metrics"):
        read_config(metrics="0.0.0.0:9000", environment={})
    assert read_config(metrics="127.0.0.1:9000", environment={}).metrics == "127.0.0.1:9000"
    with pytest.raises(BadRequest, match="Prometheus"):
        read_config(metrics="unix:/a/metrics.sock", environment={})


def test_amounts_have_units() -> None:
    """Durations and sizes are read as everywhere."""
    config = read_config(lease="1m", quota="2GiB", environment={})
    assert (config.lease_s, config.quota) == (60.0, 2 << 30)


@pytest.mark.parametrize(
    ("url", "message"),
    [("/srv/blobs", "expected an address of s3://"), ("s3://key:secret@bucket/p", "expected no credentials")],
)
def test_a_store_is_an_address_without_credentials(url: str, message: str) -> None:
    """Credentials in an address would be in the list of processes, and in log lines."""
    with pytest.raises(BadRequest, match=message):
        read_config(store=url, environment={})
    assert read_config(environment={"ACCIO_STORE": "s3://bucket/p"}).objects == "s3://bucket/p"
    assert read_config(environment={}).objects == ""


def test_the_store_may_be_a_folder_that_hosts_share() -> None:
    """It is named by its path; without one the option makes no sense."""
    config = read_config(store="shared:/scratch/lab", environment={})
    assert (config.store, config.is_shared, config.objects) == (Path("/scratch/lab"), True, "")
    assert not read_config(environment={}).is_shared
    with pytest.raises(BadRequest, match="expected a folder behind shared:"):
        read_config(store="shared:", environment={})


@pytest.mark.parametrize("lease", ["1s", "2s", "3s", "15s", "1h"])
def test_who_sends_heartbeats_is_never_taken_for_silent(lease: str) -> None:
    """Whatever the lease, the engine hears of regular heartbeats, one of them late, before it suspects the agent.

    With a lease of 2 s it heard of each third one, and an agent was suspect for a moment again and again: then it may
    take over nothing of a lost one.
    """
    config = read_config(lease=lease, environment={})
    told_after = config.life_noted_s + config.heartbeat_s  # a heartbeat that came just too early to be told is followed
    assert told_after + 0.5 * config.heartbeat_s <= config.suspect_s < config.lease_s
