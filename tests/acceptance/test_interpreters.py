"""Accio as users install it: with later versions of Python, and with the oldest dependencies that it promises to bear.

What is installed comes from a package index. Without one these tests are skipped; a version that can't be had, or
requirements that contradict each other, are a failure.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.wheels import ROOT, build_wheel

pytestmark = [pytest.mark.acceptance, pytest.mark.slow, pytest.mark.timeout(1200)]

UV = Path(sys.executable).with_name("uv")
LATER = ("3.12", "3.13", "3.14")
OLDEST = "the oldest dependencies"
EXTRAS = "locapriv,objects,plot,web"
# Where it shows first that a version of Python or of a library is another one: hints, code that is read, processes.
TESTED = (
    "tests/unit/sdk/test_declare.py",
    "tests/unit/sdk/test_stored_types.py",
    "tests/unit/sdk/test_digest.py",
    "tests/unit/sdk/test_unfollowable.py",
    "tests/unit/sdk/test_execution.py",
    "tests/unit/agent/test_own_globals.py",
    "tests/unit/agent/test_forking.py",
    "tests/unit/wire",
)
TESTS_NEED = ("hypothesis", "jsonschema", "pandas", "polars", "pytest>=9", "pytest-asyncio>=1.3", "pytest-timeout")
MODEL = """
def simulate(alpha: float, n: int = 2) -> dict[str, float]:
    return {"scaled": alpha * n, "squared": alpha**2}
"""


@dataclass(frozen=True)
class Installed:
    """An environment in which nothing but Accio was installed, from its wheel."""

    folder: Path
    variables: Mapping[str, str]

    def run(self, name: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment."""
        return subprocess.run(
            [str(self.folder / "bin" / name), *arguments],
            cwd=cwd,
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
        )

    def install(self, *arguments: str) -> None:
        """Install packages from the index; skip the test if there is none."""
        environment = os.environ | {"VIRTUAL_ENV": str(self.folder)}
        command = [str(UV), "pip", "install", "--quiet", "--no-progress", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            if "No solution found" in done.stderr or "Failed to build" in done.stderr:
                pytest.fail(done.stderr)
            pytest.skip(f"no package index: {done.stderr.strip().splitlines()[-1]}")


def interpreter(version: str) -> Path | None:
    """Find a Python of that version that works and can make environments."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    folders = [Path(folder) for folder in os.get_exec_path()]
    folders += sorted(folder / "bin" for folder in pyenv.glob(f"{version}.*"))
    for folder in folders:
        candidate = folder / f"python{version}"
        if candidate.is_file():
            probe = [str(candidate), "-c", "import ensurepip, sqlite3, ssl, venv"]
            if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
                return candidate
    return None


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module", params=[OLDEST, *LATER])
def installed(
    request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installed]:
    """Accio with all its extras, in an environment of another interpreter, or of the oldest dependencies."""
    python = Path(sys.executable) if request.param == OLDEST else interpreter(request.param)
    if python is None:
        pytest.skip(f"there is no Python {request.param} here")
    home = tmp_path_factory.mktemp("installed")
    folder = home / "environment"
    subprocess.run([str(UV), "venv", "--quiet", "--python", str(python), str(folder)], check=True)
    kept = {name: value for name, value in os.environ.items() if name in {"HOME", "LANG", "PATH", "TMPDIR"}}
    variables = kept | {
        "ACCIO_CONFIG_ROOT": str(home / "config"),
        "ACCIO_DATA_DIR": str(home / "data"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    found = Installed(folder, variables)
    resolution = ["--resolution", "lowest-direct"] if request.param == OLDEST else []
    found.install(*resolution, f"accio-experiments[{EXTRAS}] @ {wheel.as_uri()}")
    yield found
    shutil.rmtree(folder)  # half a gigabyte, which pytest would keep


def test_a_function_becomes_the_table_of_a_sweep(installed: Installed, tmp_path: Path) -> None:
    """Daemon, agent and client do their work, with nothing beside them that only developers have."""
    (tmp_path / "model.py").write_text(MODEL)
    done = installed.run("accio", "run", "model.py:simulate", "alpha=0.5,1,1.5", "-seed=1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout.splitlines() == [
        "alpha\tsimulate/value.scaled\tsimulate/value.squared",
        "0.5\t1.0\t0.25",
        "1.0\t2.0\t1.0",
        "1.5\t3.0\t2.25",
    ]


def test_the_client_does_without_uvloop(installed: Installed, tmp_path: Path) -> None:
    """Where uvloop doesn't exist, everything but daemon and agent can be imported, and the command line answers."""
    code = """
import sys
sys.modules["uvloop"] = None  # importing it fails
import accio, accio_client, accio_client.cli.main, accio_locapriv.operators, accio_web.app
"""
    done = installed.run("python", "-c", code, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_it_passes_the_tests_that_tell_versions_apart(installed: Installed, tmp_path: Path) -> None:
    """A part of the unit tests passes with these versions, too."""
    frozen = tmp_path / "frozen.txt"
    environment = os.environ | {"VIRTUAL_ENV": str(installed.folder)}
    listing = subprocess.run(
        [str(UV), "pip", "freeze", "--exclude", "accio-experiments"],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    frozen.write_text(listing.stdout)
    installed.install("--constraint", str(frozen), *TESTS_NEED)
    shutil.copytree(ROOT / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("docs", "examples", "pyproject.toml"):  # what some of them read
        (tmp_path / name).symlink_to(ROOT / name)
    options = ("-q", "-x", "-p", "no:cacheprovider", "-o", "timeout=900")  # other tests may run beside these
    done = installed.run("python", "-m", "pytest", *options, *TESTED, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
