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


@pytest.mark.parametrize(
    "said",
    [
        "allocation failure: Requested node configuration is not available",
        "sbatch: unrecognized option '--partitoin=x'",
    ],
)
def test_what_a_dry_run_refuses_otherwise_is_a_refusal_too(
    folder: Path, capsys: pytest.CaptureFixture[str], said: str
) -> None:
    """Slurm words it otherwise than for a submission."""
    command(folder, "sbatch", f'echo "{said}" >&2; exit 1')
    assert check(folder, "-engine") == 3
    assert f"the engine would refuse it: {said}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("limit", "code"), [("30:00", 3), ("59:59", 3), ("1:00:00", 0), ("2-00:00:00", 0), ("infinite", 0), ("what", 0)]
)
def test_a_walltime_beyond_the_partitions_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str], limit: str, code: int
) -> None:
    """Slurm's dry run lets it pass, and jobs would wait for ever."""
    command(folder, "sbatch", "echo 'sbatch: Job 7 to start' >&2")
    command(folder, "sinfo", f"echo '{limit}'")
    assert check(folder, "-engine", options={"partition": "debug"}) == code
    said = capsys.readouterr().out
    assert ("its walltime is 60 min" in said) == (code == 3)
    assert "--partition=debug" in (folder / "called").read_text().splitlines()[-1]


def test_machines_are_asked_one_by_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether each answers, and has what the agent needs; what ssh says of one that doesn't is told."""
    monkeypatch.chdir(folder)  # as if it were the home folder there
    fails = 'case "$*" in *lab2*) echo "Host key verification failed." >&2; exit 255;; esac'
    command(folder, "ssh", f'{fails}\nfor last; do :; done\nexec sh -c "$last" < given')
    there: dict[str, Any] = {"provider": "ssh", "max": 1, "directives": ["-o", "Port=22"]}
    assert check(folder, "-engine", hosts=["lab1", "lab2"], command="sh -c", **there) == 3
    said = capsys.readouterr().out
    assert "refuse it: lab2: Host key verification failed. (`ssh lab2` has to work without a question)\n" in said
    assert check(folder, "-engine", hosts=["lab1"], command="sh -c", **there) == 0
    assert "all of lab1 answer, and have what an agent needs there" in capsys.readouterr().out
    assert check(folder, "-engine", hosts=["lab1"], command="/none/accio agent", **there) == 3
    assert "lab1: there is no program /none/accio" in capsys.readouterr().out


def test_kubernetes_is_asked_for_the_job_and_its_secret(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without creating them; a right that is missing is told in its words."""
    command(folder, "kubectl", "true")
    assert check(folder, "-engine", provider="kubernetes", options={"image": "i"}) == 0
    assert "the Job and its Secret would be created" in capsys.readouterr().out
    asked = (folder / "called").read_text().splitlines()
    assert ["jobs?" in asked[0], "secrets?" in asked[1]] == [True, True]
    assert all("dryRun=All&fieldValidation=Strict" in each for each in asked)
    forbidden = 'Error from server (Forbidden): secrets is forbidden: User "me" cannot create resource "secrets"'
    command(folder, "kubectl", f"case \"$*\" in *secrets*) echo '{forbidden}' >&2; exit 1;; esac")
    assert check(folder, "-engine", provider="kubernetes", options={"image": "i"}) == 3
    assert f"the engine would refuse it: {forbidden}" in capsys.readouterr().out


def test_what_does_not_look_right_ends_with_an_exit_code(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If it can't be right; by the place in the file."""
    assert check(folder, hosts=["a", "b"]) == 3
    assert "/pools/0/hosts: expected none with the provider slurm" in capsys.readouterr().out
    assert check(folder, join="/none/lab.join") == 0
    assert "/pools/0/join: expected a join file that hosts see" in capsys.readouterr().out
