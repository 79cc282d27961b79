"""Join files and join tokens: by what a daemon is known to others."""

import os
import stat
from pathlib import Path
from typing import Any

import orjson
import pytest

from accio import places
from accio.errors import AccioError, BadRequest, FailedPrecondition
from accio.trust import Join, Trust, join_token, split_token
from accio_client.settings import Settings

PEM = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
DIGEST = "0123456789abcdef0123456789abcdef"
JOIN = Join(address="h:7", trust=Trust(authority=PEM, name="accio-daemon"), token="t_o-k")


def test_a_join_file_is_its_owners(tmp_path: Path) -> None:
    """What was written is read, by its owner alone, and nothing is replaced."""
    path = tmp_path / "join"
    JOIN.write(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Join.read(path) == JOIN
    with pytest.raises(BadRequest, match="there already"):
        JOIN.write(path)
    path.chmod(0o640)
    with pytest.raises(FailedPrecondition, match="chmod 600"):
        Join.read(path)


def test_a_join_file_may_have_no_token(tmp_path: Path) -> None:
    """It tells where the daemon is and by what it is known; no token of another daemon takes its token's place."""
    path, without = tmp_path / "join", Join(address="h:7", trust=JOIN.trust, token="")
    without.write(path)
    assert Join.read(path) == without
    (tmp_path / "token").touch(mode=0o600)
    (tmp_path / "token").write_text("of-this-machines-daemon")
    environment = {"ACCIO_DATA_DIR": str(tmp_path), "ACCIO_CONFIG_ROOT": str(tmp_path), "ACCIO_JOIN": str(path)}
    assert places.find_token(environment) is None
    assert places.find_trust(environment) == JOIN.trust
    assert places.find_token({**environment, "ACCIO_TOKEN": "of-an-allocation"}) == "of-an-allocation"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of somebody else")
@pytest.mark.root
def test_a_join_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """Whoever wrote the file could name a daemon of his own."""
    path = tmp_path / "join"
    JOIN.write(path)
    os.chown(path, 65534, 65534)
    with pytest.raises(FailedPrecondition, match="chown"):
        Join.read(path)


@pytest.mark.parametrize(
    ("content", "mentions"),
    [
        (b"{", "line 1"),
        (b"[]", "join-file"),
        ({"kind": "join"}, "address"),
        ({"kind": "join", "address": "h:1", "authority": "x", "name": "", "token": "t"}, "PEM"),
        ({"kind": "join", "address": "h:1", "authority": PEM, "name": 1, "token": "t"}, "name"),
        ({"kind": "join", "address": "h:1", "authority": PEM, "name": "", "token": ""}, "token"),
    ],
)
def test_a_wrong_join_file_is_refused(tmp_path: Path, content: Any, mentions: str) -> None:
    """What is wrong is told with the file's name."""
    path = tmp_path / "join"
    path.write_bytes(content if isinstance(content, bytes) else orjson.dumps(content))
    path.chmod(0o600)
    with pytest.raises(BadRequest, match=mentions) as refused:
        Join.read(path)
    assert str(path) in refused.value.message


def test_join_tokens() -> None:
    """A join token is a token and a digest; other tokens are left as they are."""
    assert split_token(join_token(DIGEST, "t_o-k")) == ("t_o-k", Trust(digest=DIGEST))
    assert split_token("accio_a1_t") == ("accio_a1_t", None)
    for cut in ("accio_j1_", f"accio_j1_{DIGEST}", f"accio_j1_{DIGEST}_", "accio_j1_0123_t"):
        with pytest.raises(BadRequest, match="cut short"):
            split_token(cut)


def test_a_cluster_may_name_a_join_file(tmp_path: Path) -> None:
    """Address, authority and token of a cluster are those of its join file; what the environment says comes first."""
    (tmp_path / "clusters.json").write_text('[{"name": "plain", "addr": "h:1"}, {"name": "lab", "join": "lab.join"}]')
    JOIN.write(tmp_path / "lab.join")
    environment = {"ACCIO_DATA_DIR": str(tmp_path), "ACCIO_CONFIG_ROOT": str(tmp_path)}
    found = Settings.load(cluster="lab", environment=environment)
    assert (found.address, found.trust, found.token) == (JOIN.address, JOIN.trust, JOIN.token)
    found = Settings.load(environment=environment)  # the first
    assert (found.address, found.trust, found.token) == ("h:1", None, None)
    (tmp_path / "clusters.json").write_text('[{"name": "lab", "addr": "tunnel:7", "join": "lab.join"}]')
    found = Settings.load(environment=environment)
    assert (found.address, found.trust, found.token) == ("tunnel:7", JOIN.trust, JOIN.token)
    found = Settings.load(environment={**environment, "ACCIO_ADDR": "g:1"})
    assert (found.address, found.trust, found.token) == ("g:1", None, None)
    assert Settings.load(cluster="lab", environment={**environment, "ACCIO_TOKEN": "t"}).token == "t"


def test_where_trust_comes_from(tmp_path: Path) -> None:
    """A join token in ACCIO_TOKEN counts before the join file, and that before files of tokens."""
    environment = {"ACCIO_DATA_DIR": str(tmp_path), "ACCIO_CONFIG_ROOT": str(tmp_path)}
    assert places.find_trust(environment) is None
    (tmp_path / "token").touch(mode=0o600)
    (tmp_path / "token").write_text(join_token(DIGEST, "of-the-file"))
    assert places.find_trust(environment) == Trust(digest=DIGEST)
    assert places.find_token(environment) == "of-the-file"
    JOIN.write(tmp_path / "join")
    environment["ACCIO_JOIN"] = str(tmp_path / "join")
    assert places.find_trust(environment) == JOIN.trust
    assert places.find_token(environment) == JOIN.token
    assert places.daemon_address(environment) == JOIN.address
    assert places.daemon_address({**environment, "ACCIO_ADDR": "g:1"}) == "g:1"
    environment["ACCIO_TOKEN"] = join_token("f" * 32, "given")
    assert places.find_trust(environment) == Trust(digest="f" * 32)
    assert places.find_token(environment) == "given"
    with pytest.raises(AccioError, match="join-file"):
        places.find_trust({"ACCIO_JOIN": str(tmp_path / "none")})
