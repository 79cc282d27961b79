"""Making the wheel that users install, without touching the checkout that other tests read."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def tracked(*folders: str) -> list[str]:
    """Return the files of the checkout that git knows, all or those below some folders."""
    try:
        command = ["git", "-C", str(ROOT), "ls-files", "--", *folders]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")


def build_wheel(folder: Path) -> Path:
    """Build the wheel in a folder, from a copy of the tracked files (`folder/clone`): as in a clean clone."""
    clone, wheels = folder / "clone", folder / "wheels"
    for name in tracked():
        source, copy = ROOT / name, clone / name
        if source.is_file():  # a file that was deleted but not committed yet is no part of it
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)

    # Without isolation: the dev extra has the build's requirements, so that no download is needed.
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(wheels), str(clone)], check=True)
    (wheel,) = wheels.glob("accio_experiments-*.whl")
    return wheel
