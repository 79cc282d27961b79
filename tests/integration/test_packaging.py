"""Facts about what `pip install` gives."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("accio", "accio_agent", "accio_client", "accio_daemon", "accio_locapriv", "accio_pool", "accio_web")


def tracked(*folders: str) -> list[str]:
    try:
        command = ["git", "-C", str(ROOT), "ls-files", "--", *folders]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")


@pytest.mark.slow
def test_a_wheel_from_a_clean_clone_is_complete(tmp_path: Path) -> None:
    """The wheel holds every tracked file of the packages (SQL and schemas too), and the stubs, made while building."""
    clone, wheels = tmp_path / "clone", tmp_path / "wheels"
    for name in tracked():
        source, copy = ROOT / name, clone / name
        if source.is_file():  # a file that was deleted but not committed yet is no part of it
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)

    # Without isolation: the dev extra has the build's requirements, so that no download is needed.
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(wheels), str(clone)], check=True)

    (wheel,) = wheels.glob("accio_experiments-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    wanted = {name for name in tracked(*PACKAGES) if (clone / name).is_file()}
    stubs = {
        f"accio/v1/{proto.stem}_pb2{end}"
        for proto in (clone / "protos/accio/v1").glob("*.proto")
        for end in (".py", ".pyi", "_grpc.py", "_grpc.pyi")
    }
    assert stubs
    assert held >= wanted | stubs
    assert {name.split("/")[0] for name in held if ".dist-info/" not in name} == set(PACKAGES)
