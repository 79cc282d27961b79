"""Completion in real shells: what the key offers, of a real daemon."""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from accio.v1 import workload_pb2
from tests.integration.daemon.harness import Serving, configured, serving
from tests.integration.daemon.scripted_agent import joined
from tests.integration.daemon.workflows import DRAWING

# What is typed so far comes as arguments; each shell prints what it would offer for the last of them. Zsh's own
# `compgen` calls what was written for bash.
SHELLS = {
    "bash": """
        source <(accio completion bash)
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"
        _accio
        printf '%s\\n' "${COMPREPLY[@]}"
    """,
    "zsh": """
        autoload -U compinit && compinit -u -D
        eval "$(accio completion zsh)"
        words=("$@"); CURRENT=$#; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        compgen -o filenames -F _accio -- "${words[CURRENT]}"
    """,
    "fish": """
        accio completion fish | source
        complete --do-complete (string join ' ' -- $argv)
    """,
}


@pytest.fixture
async def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Serving]:
    """A daemon with an agent, which the environment names, as the programs of this installation are found."""
    with capture_logs():
        async with serving(configured(tmp_path / "data")) as running, joined(running.agents):
            monkeypatch.setenv("ACCIO_ADDR", running.daemon.address)
            monkeypatch.setenv("ACCIO_TOKEN", running.config.token.read_text().split()[0])
            monkeypatch.setenv("HOME", str(tmp_path))
            monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
            await running.push(DRAWING)
            yield running


async def offered(shell: str, *typed: str) -> list[str]:
    """Return what a shell offers in the place of the last word."""
    script = SHELLS[shell]
    begin = [shell, "-c", script, "accio", "accio"] if shell != "fish" else [shell, "-c", script, "accio"]
    process = await asyncio.create_subprocess_exec(
        *begin, *typed, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert not err.strip(), err.decode()
    words = [line.partition("\t")[0] for line in out.decode().splitlines()]
    return [word for word in words if word and word.startswith(typed[-1])]  # zsh leaves that to compadd


@pytest.mark.parametrize("shell", SHELLS)
async def test_the_key_offers_what_the_daemon_has(daemon: Serving, shell: str) -> None:
    """Verbs, nouns and options, and live: runs, workflows, operators, agents."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} isn't installed: scripts/setup-system does that")
    run = (await daemon.finished({"workflow": "drawing"})).id
    assert await offered(shell, "publ") == ["publish"]
    assert "runs" in await offered(shell, "get", "r")
    assert await offered(shell, "logs", run[:4]) == [run]
    assert await offered(shell, "describe", "run", "") == [run]
    assert await offered(shell, "describe", "workflow", "dr") == ["drawing"]
    assert "drawing" in await offered(shell, "submit", "dr")
    assert await offered(shell, "describe", "operator", "Dou") == ["Double"]
    assert await offered(shell, "agent", "drain", "") == ["agent"]
    assert "--tolerance" in await offered(shell, "replay", "--tol")


@pytest.mark.parametrize("shell", SHELLS)
async def test_the_key_offers_the_values_of_options(daemon: Serving, shell: str) -> None:
    """Tags, owners, workflows, runs, operators and agents where options take them, and the words that there are."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} isn't installed: scripts/setup-system does that")
    run = await daemon.finished({"workflow": "drawing", "tags": ["sweep", "swift"]}, caller="Ada <ada@x.org>")
    hour = workload_pb2.AgentWindow(name="patch", begins_at_ms=4_000_000_000_000, ends_at_ms=4_000_003_600_000)
    await daemon.accio.AddWindow(workload_pb2.AddWindowRequest(window=hour))
    assert await offered(shell, "get", "runs", "--tags=sw") == ["--tags=sweep", "--tags=swift"]
    assert await offered(shell, "get", "runs", "--owner=a") == ["--owner=ada@x.org"]
    assert await offered(shell, "get", "runs", "--workflow=") == ["--workflow=drawing"]
    assert await offered(shell, "submit", "--from=") == [f"--from={run.id}"]
    assert await offered(shell, "cache", "ls", "--operator=Dou") == ["--operator=Double"]
    assert await offered(shell, "window", "add", "x", "--agents=") == ["--agents=agent"]
    assert await offered(shell, "export", run.id, "--format=j") == ["--format=jsonl"]
    assert await offered(shell, "window", "remove", "p") == ["patch"]
    assert await offered(shell, "cap", "ad") == ["ada@x.org"]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
async def test_the_key_goes_on_with_lists_and_with_words_that_stand_apart(daemon: Serving, shell: str) -> None:
    """After a comma, after a blank, and where bash breaks words at an equals sign."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} isn't installed: scripts/setup-system does that")
    await daemon.finished({"workflow": "drawing", "tags": ["sweep", "two words"]})
    assert await offered(shell, "get", "runs", "-tags=a,sw") == ["-tags=a,sweep"]
    assert await offered(shell, "get", "runs", "-tags", "tw") == ["two words"]
    assert await offered(shell, "get", "runs", "-tags", "=", "sw") == ["sweep"]
    assert await offered(shell, "plot", "x", "-kind", "c") == ["cdf"]
    assert await offered(shell, "get", "runs", "-name=x") == [], "of which nobody has a list"


@pytest.mark.parametrize("shell", SHELLS)
async def test_without_a_daemon_the_key_offers_nothing(
    shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No message and no error gets into the command line."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} isn't installed: scripts/setup-system does that")
    monkeypatch.setenv("ACCIO_ADDR", f"unix:{tmp_path / 'nobody.sock'}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    assert await offered(shell, "kill", "") == []
