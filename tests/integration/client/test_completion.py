"""Completion in real shells: what the key offers, of a real daemon."""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

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
