"""`accio pool check -engine`: what the engine would say, asked by its own commands."""

import json
from pathlib import Path
from typing import Any

import pytest

from accio_pool.cli import main

SUBMISSION = {"name": "cpu", "provider": "slurm", "max": 2, "walltime": "1h"}


def command(folder: Path, name: str, script: str) -> None:
    """Put a command where it is found first: it notes how it was called, and reads what it is given."""
    path = folder / name
    path.write_text(f'#!/bin/sh\necho "{name} $@" >> {folder}/called\ncat > {folder}/given\n{script}\n')
    path.chmod(0o755)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder for commands, which is looked in first."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("ACCIO_DATA_DIR", str(tmp_path / "data"))
    return tmp_path


def check(folder: Path, *options: str, **changes: Any) -> int:
    """Check a file of one pool."""
    file = folder / "pools.json"
    file.write_text(json.dumps({"pools": [SUBMISSION | changes]}))
    return main(["check", str(file), *options])


def test_the_engine_is_asked_for_a_dry_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the whole submission; its words are printed, and nothing is submitted."""
    command(folder, "sbatch", "echo 'sbatch: Job 7 to start at 2026-11-29T18:00:00' >&2")
    assert check(folder, "-engine") == 0
    assert "the engine says: sbatch: Job 7 to start at" in capsys.readouterr().out
    (called,) = (folder / "called").read_text().splitlines()
    assert called.startswith("sbatch --test-only --parsable")
    assert "--time=60" in called
    assert (folder / "given").read_text().startswith("#!/bin/sh\n")


def test_grid_engine_is_asked_its_own_way(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By `-w v`, whose answer goes to standard output."""
    command(folder, "qsub", "echo 'verification: found suitable queue(s)'")
    assert check(folder, "-engine", provider="sge") == 0
    assert "the engine says: verification: found suitable queue(s)" in capsys.readouterr().out
    assert (folder / "called").read_text().startswith("qsub -w v -terse")


def test_what_would_be_refused_ends_with_an_exit_code(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the engine's words; an engine that doesn't answer is no refusal, and no success either."""
    command(folder, "sbatch", "echo 'sbatch: error: invalid partition specified: nowhere' >&2; exit 1")
    assert check(folder, "-engine") == 3
    assert "would refuse it: sbatch: error: invalid partition specified: nowhere" in capsys.readouterr().out
    command(folder, "sbatch", "echo 'sbatch: error: Unable to contact slurm controller' >&2; exit 1")
    assert check(folder, "-engine") == 3
    assert "the engine doesn't say: sbatch: error: Unable to contact" in capsys.readouterr().out
    assert check(folder) == 0, "without the option nobody is asked"


@pytest.mark.parametrize("provider", ["pbs", "local"])
def test_who_has_no_dry_run_says_so(folder: Path, capsys: pytest.CaptureFixture[str], provider: str) -> None:
    """Then only a real allocation shows whether it works."""
    assert check(folder, "-engine", provider=provider) == 0
    assert f"{provider} has no dry run" in capsys.readouterr().out
