"""Programs in Python environments of their own: one that is there, and one made of locked requirements, once."""

import base64
import hashlib
import json
import shutil
import sys
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

from accio.domain.states import Cause
from accio.errors import FailedPrecondition, InvalidDefinition
from accio.sdk.commands import Program
from accio.sdk.environments.python import PythonNeed
from accio.sdk.execution import Failed, Finished, Request
from accio.sdk.program_digest import with_digest
from accio.sdk.program_file import read_program
from accio.sdk.run import run_operator
from accio.sdk.sinks import ConsoleSinks

SCRIPT = "import json, sys, tinylib; print(json.dumps([tinylib.VALUE, sys.prefix]))\n"


def wheel(folder: Path, value: int, version: str = "1.0") -> Path:
    """Make a distribution of one module."""
    folder.mkdir(exist_ok=True)
    info = f"tinylib-{version}.dist-info"
    files = {
        "tinylib.py": f"VALUE = {value}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: tinylib\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{name},sha256={_hash(text)},{len(text)}" for name, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""])
    path = folder / f"tinylib-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def _hash(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def environment(folder: Path, value: int) -> Path:
    """Make an environment with that distribution, without an installer."""
    venv.create(folder, with_pip=False, symlinks=True)
    site = next((folder / "lib").glob("python3.*/site-packages"))
    with zipfile.ZipFile(wheel(folder.parent / "wheels", value)) as archive:
        archive.extractall(site)
    return folder


def make(folder: Path, python: Any) -> Program:
    """Declare a script that says what it finds."""
    folder.mkdir(exist_ok=True)
    (folder / "say.py").write_text(SCRIPT)
    document = {
        "name": "Say",
        "python": python,
        "command": "python say.py",
        "files": ["say.py"],
        "outputs": [{"name": "value", "type": "integer", "stdout": r"\[(\d+)"}, {"name": "said", "type": "string"}],
    }
    document["outputs"][1]["stdout"] = '"(.*)"'
    path = folder / "say.json"
    path.write_text(json.dumps(document))
    return read_program(path)


def run(program: Program, folder: Path) -> Finished | Failed:
    """Run it once in a new folder."""
    folder.mkdir()
    return run_operator(program, Request(inputs="{}", folder=folder), ConsoleSinks())


def test_a_program_finds_the_environment_that_is_named(tmp_path: Path) -> None:
    """Its interpreter and packages, and nothing of the agent's; a relative path is one from the declaration."""
    place = environment(tmp_path / "venv", 7)
    outcome = run(make(tmp_path / "p", "../venv"), tmp_path / "work")
    assert isinstance(outcome, Finished), outcome
    assert outcome.outputs == {"value": "7", "said": json.dumps(str(place))}


def test_packages_of_an_environment_are_in_the_digest(tmp_path: Path) -> None:
    """By content, also if a file was edited in place; an equal environment elsewhere makes an equal digest."""
    environment(tmp_path / "venv", 7)
    first = with_digest(make(tmp_path / "p", "../venv"))
    (tmp_path / "b").mkdir()
    environment(tmp_path / "b" / "venv", 7)
    assert with_digest(make(tmp_path / "p", "../b/venv")).digest == first.digest
    module = next(tmp_path.glob("venv/lib/python3.*/site-packages/tinylib.py"))
    module.write_text("VALUE = 8\n")
    changed = with_digest(make(tmp_path / "p", "../venv"))
    assert changed.digest != first.digest
    differ = {name for name, part in changed.components if dict(first.components)[name] != part}
    assert differ == {"package tinylib 1.0"}


@pytest.mark.slow
@pytest.mark.parametrize("by", ["uv", "pip"])
def test_locked_requirements_are_installed_once(by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By uv, or pip where there is none, for all programs with that lock; another lock makes another environment."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if by == "uv" and uv is None:
        pytest.skip("there is no uv; install it by: pip install uv")
    monkeypatch.setattr(shutil, "which", _only(uv if by == "uv" else None))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    lock = tmp_path / "p" / "requirements.txt"
    lock.parent.mkdir()
    lock.write_text(f"tinylib @ {wheel(tmp_path / 'one', 1).as_uri()}\n")
    program = make(tmp_path / "p", {"requirements": "requirements.txt"})
    first = with_digest(program)
    made = list((tmp_path / "cache" / "accio" / "python").glob("*/accio-complete"))
    assert len(made) == 1
    stamp = made[0].stat().st_mtime_ns
    outcome = run(program, tmp_path / "work")
    assert isinstance(outcome, Finished), outcome
    assert outcome.outputs["value"] == "1"
    (tmp_path / "other").mkdir()
    shutil.copy(lock, tmp_path / "other" / lock.name)
    with_digest(make(tmp_path / "other", {"requirements": "requirements.txt"}))
    assert made[0].stat().st_mtime_ns == stamp
    lock.write_text(f"tinylib @ {wheel(tmp_path / 'two', 2, '2.0').as_uri()}\n")
    assert with_digest(program).digest != first.digest
    again = run(program, tmp_path / "again")
    assert isinstance(again, Finished), again
    assert again.outputs["value"] == "2"


def _only(uv: str | None) -> Any:
    found = shutil.which

    def which(name: str, *arguments: Any, **named: Any) -> str | None:
        return uv if name == "uv" else found(name, *arguments, **named)

    return which


def test_requirements_without_versions_are_refused(tmp_path: Path) -> None:
    """Each host would install others: the line is named, and the command that locks them."""
    (tmp_path / "loose.txt").write_text("numpy==2.2.0 \\\n    --hash=sha256:00\n# a remark\nscipy>=1\n")
    with pytest.raises(InvalidDefinition, match="'scipy>=1' names no version: lock it with `uv pip compile"):
        make(tmp_path, {"requirements": "loose.txt"})


def test_a_folder_that_is_no_environment_is_an_error(tmp_path: Path) -> None:
    """Of the announcement; and of a node, if the environment has gone in between."""
    program = make(tmp_path, "venv")
    with pytest.raises(FailedPrecondition, match=r"venv is no Python environment \(no pyvenv.cfg in it\)"):
        with_digest(program)
    outcome = run(program, tmp_path / "work")
    assert isinstance(outcome, Failed)
    assert outcome.failure.cause is Cause.STAGING


def test_what_else_python_may_not_be(tmp_path: Path) -> None:
    """A number, or an object with other keys: what is expected is told."""
    with pytest.raises(InvalidDefinition, match=r'expected the path of an environment, or {"requirements": FILE}'):
        make(tmp_path, 3)
    assert PythonNeed(folder=tmp_path).search_path == str(tmp_path / "bin")
