"""Python environments of programs and functions: a folder that is there already, or one made of locked requirements.

One that is made is made once for each lock file and interpreter, by uv where it is installed, and used by every program
and agent of this user. What its programs see first on PATH is its `bin`.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import blake3

from accio.errors import FailedPrecondition
from accio.interpreter import GIVEN_PATH, PATH
from accio.late import dataclass
from accio.sdk.environments.places import PYTHON, alone, kept

UV_LOCK = "uv.lock"
_OF_THIS_INTERPRETER = frozenset({"PYTHONHOME", PATH, GIVEN_PATH})
"""Variables of the agent's own environment that are for its own interpreter."""
_COMPLETE = "accio-complete"
_CONFIGURATION = "pyvenv.cfg"
_HOW_TO_LOCK = "lock it with `uv pip compile requirements.in -o {}`"
_PINNED = re.compile(r"^[A-Za-z0-9][\w.-]*(\[[^\]]*\])?\s*(===?|@)\s*\S")


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonNeed:
    """What a declaration says: the path of an environment, or of a lock file (absolute paths); one of them is set."""

    folder: Path | None = None
    lock: Path | None = None

    def place(self) -> Path:
        """Return the folder of the environment, whether it is there or not."""
        if self.folder is not None:
            return self.folder
        return kept(PYTHON, self._name())

    def _name(self) -> str:
        assert self.lock is not None, "one of both is set"
        made_of = f"{sys.version}\0{sys.base_prefix}\0{platform.machine()}\0{self.lock.name}\0".encode()
        try:
            return blake3.blake3(made_of + self.lock.read_bytes() + _project(self.lock)).hexdigest(12)
        except OSError as error:
            raise FailedPrecondition(f"the requirements {self.lock} can't be read ({error.strerror})") from None

    @property
    def search_path(self) -> str:
        """Return where programs of the environment are looked for."""
        return str(self.place() / "bin")

    def needs(self) -> list[Path]:
        """Return the files by which a change of the environment shows."""
        place = self.place()
        if self.lock is not None:
            return [self.lock, place / _COMPLETE]
        return [
            place / _CONFIGURATION,
            *(record for site in self.sites() for record in sorted(site.glob("*.dist-info/RECORD"))),
        ]

    def sites(self) -> list[Path]:
        """Return the folders of the environment into which packages are installed."""
        return sorted((self.place() / "lib").glob("python3.*/site-packages"))

    def ensure(self) -> Path:
        """Return the folder of the environment, made now if it is to be and nobody has yet.

        FailedPrecondition says why there is none.
        """
        place = self.place()
        if self.lock is None:
            if not (place / _CONFIGURATION).is_file():
                raise FailedPrecondition(
                    f"{place} is no Python environment (no {_CONFIGURATION} in it): make one, `python -m venv {place}`"
                )
            return place
        if not (place / _COMPLETE).is_file():
            with alone(place):
                if not (place / _COMPLETE).is_file():
                    _make(place, self.lock)
                    (place / _COMPLETE).write_text(f"{self.lock}\n", encoding="utf-8")
        return place

    @property
    def is_made(self) -> bool:
        """Whether nothing has to be made, which may take minutes, before the environment can be used."""
        return self.lock is None or (self.place() / _COMPLETE).is_file()

    def parts(self) -> dict[str, str]:
        """Return what the environment is, for the digests of what runs in it."""
        place = self.ensure()
        if self.lock is not None:
            content = self.lock.read_bytes() + _project(self.lock)
            return {"requirements": blake3.blake3(content).hexdigest(), "python": _hash(_minor())}
        from accio.sdk.installed import contents_below  # it loads what reads distributions

        return {
            "python": _hash(_version_in(place / _CONFIGURATION)),
            **{f"package {name}": content for name, content in contents_below(self.sites()).items()},
        }

    def version(self) -> str:
        """Return the minor version of its interpreter, such as 3.12; nothing if it doesn't tell."""
        return _version_in(self.place() / _CONFIGURATION)

    def has(self, *distributions: str) -> bool:
        """Return whether distributions of these names are installed in it."""
        return all(any(site.glob(f"{name}-*.dist-info")) for name in distributions for site in [*self.sites()][:1])

    def variables(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return an environment in which programs find this one, as if it were activated."""
        inner = {name: value for name, value in environment.items() if name not in _OF_THIS_INTERPRETER}
        path = f"{self.search_path}{os.pathsep}{environment.get('PATH', os.defpath)}"
        return inner | {"VIRTUAL_ENV": str(self.place()), "PATH": path}


def problem_of(lock: Path) -> str:
    """Return why a file isn't one of locked requirements, or an empty text."""
    if lock.name == UV_LOCK:
        if not lock.is_file():
            return f"expected the lock file of a uv project at {lock}, found no such file: make it with `uv lock`"
        return "" if (lock.parent / "pyproject.toml").is_file() else f"{lock} has no pyproject.toml beside it"
    try:
        lines = lock.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    except FileNotFoundError:
        return f"expected locked requirements in {lock}, found no such file: {_HOW_TO_LOCK.format(lock.name)}"
    except OSError as error:
        return f"the requirements {lock} can't be read ({error.strerror})"
    except UnicodeDecodeError:
        return f"expected locked requirements in {lock}, found a file that is no text in UTF-8"
    for line in lines:
        text = line.partition(" #")[0].strip()
        if text and not text.startswith(("#", "-")) and not _PINNED.match(text):
            what = text.partition(" --hash")[0]
            return f"{what!r} names no version: {_HOW_TO_LOCK.format(lock.name)}"
    return ""


def _project(lock: Path) -> bytes:
    """Return what else a lock of uv depends on: which of the locked packages the project asks for."""
    return (lock.parent / "pyproject.toml").read_bytes() if lock.name == UV_LOCK else b""


def _make(place: Path, lock: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)  # what somebody began, and didn't bring to an end
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if lock.name == UV_LOCK:
        if uv is None:
            raise FailedPrecondition(f"the requirements {lock} are locked by uv, and there is none in PATH: install uv")
        sync = [uv, "sync", "--frozen", "--no-dev", "--no-install-project", "--project", str(lock.parent)]
        _run([*sync, "--python", _interpreter()], lock, UV_PROJECT_ENVIRONMENT=str(place))
        return
    if uv is not None:
        _run([uv, "venv", "--quiet", "--python", _interpreter(), str(place)], lock)
        _run([uv, "pip", "sync", "--quiet", "--python", str(place / "bin" / "python"), str(lock)], lock)
        return
    import venv  # it loads logging, which no template needs

    try:
        venv.create(place, with_pip=True, symlinks=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise FailedPrecondition(
            f"no environment for {lock} can be made ({error}); install uv, or the module venv"
        ) from None
    pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    _run([*pip, "--requirement", str(lock)], lock)


def _interpreter() -> str:
    """Return the interpreter itself, not the environment that the agent may be installed in."""
    base = Path(sys.base_prefix) / "bin" / f"python{_minor()}"
    return str(base if base.is_file() else sys.executable)


def _run(command: list[str], lock: Path, **variables: str) -> None:
    kept_back = _OF_THIS_INTERPRETER | {"VIRTUAL_ENV"}
    outer = {name: value for name, value in os.environ.items() if name not in kept_back}
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, check=False, encoding="utf-8", env=outer | variables
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise FailedPrecondition(
            f"the requirements {lock} can't be installed by {Path(command[0]).name}: {last.strip()}"
        )


def _minor() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _version_in(configuration: Path) -> str:
    """Return the minor version of an environment's interpreter."""
    for line in configuration.read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition("=")
        if key.strip() in {"version", "version_info"}:
            return ".".join(value.strip().split(".")[:2])
    return ""


def _hash(text: str) -> str:
    return blake3.blake3(text.encode()).hexdigest()
