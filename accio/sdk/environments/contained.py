"""Container images of functions: the file that declares an operator is imported by the Python of the image it names.

What runs there is a module of Accio, which is lent to the image as to any other environment (`lent`), with everything
that lets it be the agent's: the same process numbers, the same user, the network and shared memory of the host. It sees
the folders of the host that aren't the system's at their own paths, as functions outside do: the image is for what is
installed in it, and no cage.
"""

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from accio.errors import FailedPrecondition
from accio.late import dataclass
from accio.sdk.environments import containers, images
from accio.sdk.environments.images import Engine, Image

LENT_AT = Path("/.accio")
"""Where the search path of Accio is in a container, a folder each: the image may have other things at their paths."""

CONTROL_GROUPS = Path("/sys/fs/cgroup")
_SYSTEMS = frozenset(
    {
        "bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "lost+found", "opt", "proc", "root", "run",
        "sbin", "snap", "sys", "usr", "var",
    }
)  # fmt: skip
_OLDEST = (3, 11)
_ENGINE_FAILED = 125  # before anything of the image was looked for
_NEEDED = ("blake3", "orjson", "google.protobuf", "platformdirs")
_LOOK = (
    "import importlib.util as u, json, platform, sys\n"
    "def has(n):\n"
    "    try: return u.find_spec(n) is not None\n"
    "    except ImportError: return False\n"
    f"print(json.dumps([list(sys.version_info[:2]), platform.libc_ver()[0], all(map(has, {_NEEDED!r}))]))"
)
_OWN_VARIABLES = {"PYTHONUTF8": "1", "PYTHONNOUSERSITE": "1", "PYTHONDONTWRITEBYTECODE": "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageNeed:
    """What a declaration says: the name of an image, or an absolute path of a file (NAME.sif)."""

    image: str

    @property
    def folder(self) -> Path:
        """The folder of the pin's file, for an image that is a file."""
        return Path(self.image).parent

    def needs(self) -> list[Path]:
        """Return the files by which a change of the image shows."""
        return [images.pin_of(self.image, self.folder)]

    def parts(self) -> dict[str, str]:
        """Return what the image is, for the digests of what runs in it."""
        return {"image": images.pinned(self.image, self.folder).digest}


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    """What runs in a container: a module of Accio with its arguments, where, and what it sees of the host.

    `reads` is mounted in any case, `folder` and `home` can be written to; `passes`: descriptor 3 is inherited.
    """

    module: str
    arguments: Sequence[str]
    folder: Path
    home: Path
    label: str
    variables: Mapping[str, str]
    reads: Iterable[Path] = ()
    passes: bool = False


def command(need: ImageNeed, inner: Inner) -> tuple[list[str], dict[str, str]]:
    """Return the command of the engine that runs a module of Accio in an image, and its environment variables.

    FailedPrecondition if there is no engine, or the image can't be had.
    """
    engine = images.engine()
    image = images.make_ready(need.image, need.folder)
    lent, path = _lent()
    if (odd := containers.unmountable([*lent, *inner.reads, inner.folder])) is not None:
        raise FailedPrecondition(f"{odd} can't be mounted in a container: its name has a comma or a colon; rename it")
    words = [
        "python3", "-P", f"{LENT_AT}/{lent[_own_root()]}/accio/sdk/environments/lent.py", path, inner.module,
        *inner.arguments,
    ]  # fmt: skip
    host = containers.this_host(engine)
    execution = containers.Execution(
        words=words,
        folder=inner.folder,
        variables=containers.variables(_without_secrets(inner.variables), _OWN_VARIABLES, inner.folder)
        | {"HOME": str(inner.home)},
        reads=[path for path in inner.reads if not is_seen(path)],
        gpus=not host.nvidia or _names_cards(),
        lent={source: LENT_AT / name for source, name in lent.items()},
        writes=[*seen(), inner.home, *_groups()],
        hosts_processes=True,
        passes=inner.passes,
    )
    return (
        containers.command(engine, image, execution, host),
        containers.environment(engine, execution, inner.variables),
    )


def make_ready(need: ImageNeed) -> None:
    """Fetch an image, unless it is there; FailedPrecondition says why it can't be had, or can't run Accio."""
    engine = images.engine()
    image = images.make_ready(need.image, need.folder)
    name = need.image
    asked = _ask(engine, image)
    try:
        version, libc, complete = json.loads(asked.stdout.strip().splitlines()[-1])
    except (ValueError, LookupError, TypeError):
        said = (asked.stderr.strip().splitlines() or [f"exit code {asked.returncode}"])[-1]
        if asked.returncode == _ENGINE_FAILED:
            raise FailedPrecondition(f"the image {name} can't be started by {engine.program.name}: {said}") from None
        raise FailedPrecondition(
            f"the image {name} can't run functions: expected `python3` in its PATH, found: {said}; name an image with "
            "Python, or declare a program (docs/environments.md)"
        ) from None
    ours = list(sys.version_info[:2])
    shown = ".".join(map(str, version))
    if tuple(version) < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        raise FailedPrecondition(f"the image {name} has Python {shown}: functions need {oldest} or newer")
    if not complete and (version != ours or libc != _libc()):
        raise FailedPrecondition(
            f"the image {name} has Python {shown} ({libc or 'another C library'}), its agent "
            f"{'.'.join(map(str, ours))} ({_libc()}): take an image with the same, or install accio-experiments into it"
        )


def seen() -> list[Path]:
    """Return the folders of the host that functions in containers see: those at the top of its file system that aren't
    the system's, /tmp included, this user's home, and where Accio's services keep their state.
    """
    top = [path for path in Path("/").iterdir() if path.name not in _SYSTEMS and not path.name.startswith(".")]
    found = [*top, Path.home(), *Path("/var/lib").glob("accio*")]
    kept = (path for path in found if not path.is_symlink() and path.is_dir() and path != Path("/"))
    return sorted(path for path in kept if containers.unmountable([path]) is None)


def is_seen(path: Path, more: Iterable[Path] = ()) -> bool:
    """Return whether a path of the host is the same one in the container, where *more* is mounted, too."""
    return any(path.is_relative_to(root) for root in (*seen(), *more))


def outside(path: str) -> str | None:
    """Return where a path of the container's Accio is on the host; None for any other path."""
    if not Path(path).is_relative_to(LENT_AT):
        return None
    number, *rest = Path(path).relative_to(LENT_AT).parts
    return next((str(source.joinpath(*rest)) for source, name in _lent()[0].items() if name == number), None)


def _lent() -> tuple[dict[Path, str], str]:
    """Return the folders that are lent with the names that they get, and the search path in the container."""
    standard = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}
    standard |= {f"{folder}/lib-dynload" for folder in standard}
    found = [Path(each) for each in dict.fromkeys(sys.path) if each and each not in standard and Path(each).is_dir()]
    root = _own_root()
    lent = {folder: str(number) for number, folder in enumerate(dict.fromkeys([*found, root]))}
    return lent, os.pathsep.join(f"{LENT_AT}/{name}" for name in lent.values())


def _own_root() -> Path:
    return Path(__file__).parents[3]


def _without_secrets(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name not in {"ACCIO_TOKEN", "ACCIO_JOIN"}}


def _groups() -> list[Path]:
    """Return where the memory limits of workers are, which join their groups themselves."""
    return [CONTROL_GROUPS] if CONTROL_GROUPS.is_dir() else []


def _names_cards() -> bool:
    """Return whether NVIDIA's cards have been described for Podman."""
    return any((folder / "nvidia.yaml").exists() for folder in (Path("/etc/cdi"), Path("/var/run/cdi")))


def _ask(engine: Engine, image: Image) -> "subprocess.CompletedProcess[str]":
    """Run a look at the Python of an image."""
    host = containers.this_host(engine)
    folder = Path(tempfile.gettempdir())
    execution = containers.Execution(
        words=["python3", "-c", _LOOK], folder=folder, variables={"HOME": str(folder)}, reads=(), gpus=False
    )
    return subprocess.run(
        containers.command(engine, image, execution, host),
        stdin=subprocess.DEVNULL, capture_output=True, check=False, encoding="utf-8",
        env=containers.environment(engine, execution, os.environ),
    )  # fmt: skip


def _libc() -> str:
    import platform  # it asks the interpreter's file

    return platform.libc_ver()[0]
