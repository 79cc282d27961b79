"""Processes of ours run the modules that they name, whatever lies in the working folder."""

import os
import subprocess
from pathlib import Path

import pytest

from accio.interpreter import PATH, python, without_working_folder


@pytest.mark.parametrize("path", [None, "", os.pathsep, f"/nowhere{os.pathsep}"])
def test_the_working_folder_shadows_nothing(tmp_path: Path, path: str | None) -> None:
    """A file there that is called like a module of the standard library isn't run, whatever PYTHONPATH is."""
    (tmp_path / "queue.py").write_text("1 / 0\n")
    environment = without_working_folder({} if path is None else {PATH: path})
    done = subprocess.run(
        python("logging.handlers"), cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_what_was_put_on_the_path_stays(tmp_path: Path) -> None:
    """Folders that somebody named are kept, in their order."""
    environment = without_working_folder({PATH: os.pathsep.join(["/b", "", "/a"]), "OTHER": ""})
    assert environment == {PATH: os.pathsep.join(["/b", "/a"]), "OTHER": ""}
