"""`accio init` as a newcomer uses it: what it prints is typed, and does what it says."""

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from accio_client.cli.main import main

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]


def test_what_init_prints_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each command of a new project, typed in a shell, ends well; the second run takes the first one's results."""
    monkeypatch.chdir(tmp_path)
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "ACCIO_DATA_DIR": str(tmp_path / "data"),
        "HOME": str(tmp_path),
    }
    assert main(["init", "first experiment", "--json"]) == 0
    told = orjson.loads(capsys.readouterr().out)
    cd, *commands = told["commands"]
    assert cd == "cd 'first experiment'"
    for command in commands:
        done = subprocess.run(
            ["bash", "-c", f"{cd} && {command}"], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        if command.endswith("-repeat=10"):
            assert done.stdout.startswith("readings\tnoise\tEstimate/mean.n")
    project = tmp_path / "first experiment"
    assert sorted(told["files"]) == sorted(path.name for path in project.iterdir() if path.is_file())


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If one file is there nothing is written, and it is said which."""
    (tmp_path / "run.json").write_text("mine")
    assert main(["init", str(tmp_path)]) == 1
    assert "run.json is there already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
    assert (tmp_path / "run.json").read_text() == "mine"
