"""What Kubernetes says to a submission, by kubectl."""

import asyncio
from pathlib import Path

import pytest

from accio.domain.pools import AllocationKey, PoolSpec
from accio.domain.resources import Resources
from accio_pool.config import PoolConfig
from accio_pool.providers.kubernetes import KubernetesProvider
from accio_pool.providers.ports import Order, Refused, Unsure

KEY = AllocationKey("0123abcd", "pods", 7)


def submit(folder: Path, said: str, code: int = 1) -> str:
    """Submit a Job, to which kubectl says something."""
    command = folder / "kubectl"
    command.write_text(f"#!/bin/sh\ncat > {folder}/given\necho '{said}' >&2\nexit {code}\n")
    command.chmod(0o755)
    spec = PoolSpec(name="pods", provider="kubernetes", host=Resources(), walltime=None, maximum=1)
    pool = PoolConfig(spec=spec, options={"image": "lab/accio:1"}, poll=1.0)
    return asyncio.run(KubernetesProvider(pool, folder).submit(Order(key=KEY, lasting=False)))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder for kubectl, which is looked in first."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def test_a_job_that_is_there_was_submitted_before(folder: Path) -> None:
    """Its name is the allocation's: 409 is as good as having created it."""
    assert submit(folder, f'Error from server (AlreadyExists): jobs.batch "{KEY}" already exists') == str(KEY)
    assert submit(folder, "", code=0) == str(KEY)


@pytest.mark.parametrize("reason", ["Forbidden", "Invalid", "BadRequest", "NotFound"])
def test_what_the_api_refuses_is_refused(folder: Path, reason: str) -> None:
    """With its words."""
    with pytest.raises(Refused, match="as it says"):
        submit(folder, f"Error from server ({reason}): as it says")


@pytest.mark.parametrize(
    "said",
    [
        "Error from server (TooManyRequests): the server has received too many requests",
        "Error from server (Timeout): the server was unable to return a response in the time allotted",
        "Error from server (InternalError): an error on the server",
        "Unable to connect to the server: net/http: TLS handshake timeout",
        "",
    ],
)
def test_an_api_that_is_busy_or_away_refuses_nothing(folder: Path, said: str) -> None:
    """429 and time-outs: nobody knows, and it is looked for by its name."""
    with pytest.raises(Unsure):
        submit(folder, said)
