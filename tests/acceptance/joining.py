"""Join files of a cluster under test, written as a user writes them."""

import subprocess
from pathlib import Path

from accio.interpreter import python
from tests.acceptance.processes import Cluster


def accio(made: Cluster, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of the command line."""
    return subprocess.run(
        python("accio_client.cli.main", *arguments),
        env=made.environment(**environment),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def join_file(made: Cluster, *options: str) -> Path:
    """Write a join file for this machine, as a user does."""
    path = made.root / "join"
    path.unlink(missing_ok=True)
    done = accio(made, "daemon", *options, "join-file", str(path), "--address", made.address)
    assert done.returncode == 0, done.stderr
    return path


def by_token(made: Cluster) -> str:
    """Return the join token of the daemon on this machine."""
    return accio(made, "daemon", "join-token").stdout.strip()
