"""A registry on the loopback interface, a folder of images of its own for Podman, and an image made by hand."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import blake3
import httpx
import orjson
import psutil
import pytest
from google._upb import _message

from tests.acceptance.processes import Cluster, cluster, eventually, free_port

COMMANDS = ("sh", "cat", "wc", "sort", "id", "env", "sleep", "touch", "true")
_REGISTRY = """
version: 0.1
log: {{level: error, accesslog: {{disabled: false}}}}
storage: {{filesystem: {{rootdirectory: {folder}}}, maintenance: {{uploadpurging: {{enabled: false}}}}}}
http: {{addr: "{address}"}}
"""
_STORAGE = '[storage]\ndriver = "{driver}"\ngraphroot = "{folder}/images"\nrunroot = "{folder}/run"\n'
# Else one test's end takes away what the Podman of another, and of this machine's user, notes of what runs.
_ENGINE = '[engine]\ntmp_dir = "{folder}/podman"\n'
_INSECURE = '[[registry]]\nlocation = "{address}"\ninsecure = true\n'
_NOT_NEEDED = (
    "site-packages", "dist-packages", "test", "tests", "__pycache__", "idlelib", "lib2to3", "ensurepip", "config-*",
    "*.a", "tkinter", "turtledemo",
)  # fmt: skip
# Where this process may not raise limits, neither may its containers.
_LIMITS = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024")


@dataclass
class Containers:
    """What programs in images need, and how images come to be."""

    folder: Path
    address: str
    variables: dict[str, str]

    def pins(self, name: str) -> list[Path]:
        """Return the files that say what an image's name stands for on this host."""
        return sorted((self.folder / "cache" / "accio" / "images").glob(f"*-{name}-1-*.json"))

    @contextmanager
    def cluster(self, root: Path, patch: pytest.MonkeyPatch) -> Iterator[Cluster]:
        """Run a daemon whose agents find this Podman."""
        for name, value in self.variables.items():
            patch.setenv(name, value)
        with cluster(root) as made:
            made.start_daemon("--lease", "2s")
            yield made

    def podman(self, *arguments: str) -> str:
        """Run a command of Podman; return what it printed."""
        done = subprocess.run(
            ["podman", *arguments],
            env=os.environ | self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def publish(self, name: str, greeting: str) -> str:
        """Make an image of a static busybox and a text, and leave it with the registry alone; return its name there."""
        image = f"{self.address}/{name}:1"
        root = self.folder / "root"
        shutil.rmtree(root, ignore_errors=True)
        (root / "bin").mkdir(parents=True)
        busybox = shutil.which("busybox")
        assert busybox is not None
        shutil.copy(busybox, root / "bin" / "busybox")
        for name in COMMANDS:
            (root / "bin" / name).symlink_to("busybox")
        (root / "greeting").write_text(greeting)
        archive = shutil.make_archive(str(self.folder / "root"), "tar", root)
        self.podman("import", "--quiet", archive, image)
        self.podman("push", "--quiet", image)
        self.podman("rmi", image)
        return image

    def with_python(self, name: str) -> str:
        """Make an image of this interpreter, its standard library and what these load, and a text; return its name."""
        image, root = f"localhost/{name}:1", self.folder / "python"
        shutil.rmtree(root, ignore_errors=True)
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        library = root / "usr" / "lib" / version
        shutil.copytree(sysconfig.get_path("stdlib"), library, ignore=shutil.ignore_patterns(*_NOT_NEEDED))
        (root / "usr" / "bin").mkdir()
        (root / "tmp").mkdir()
        shutil.copy(os.path.realpath(sys.executable), root / "usr" / "bin" / "python3")
        lent = [path for each in (blake3, orjson, _message) for path in Path(str(each.__file__)).parent.glob("*.so")]
        loaded = subprocess.run(
            ["ldd", root / "usr" / "bin" / "python3", *library.rglob("*.so"), *lent],
            capture_output=True,
            check=False,
            text=True,
        )
        for word in {word for word in loaded.stdout.split() if word.startswith("/") and Path(word).is_file()}:
            target = root / word.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(word, target)
        (root / "greeting").write_text(name)
        self.podman("import", "--quiet", shutil.make_archive(str(root), "tar", root), image)
        return image

    def fetched(self, name: str) -> int:
        """Count the parts of an image that were fetched from the registry."""
        lines = (self.folder / "registry.log").read_text(errors="replace").splitlines()
        return sum(f"GET /v2/{name}/blobs/" in line and " 200 " in line for line in lines)

    def running(self) -> list[str]:
        """Name the processes in containers and of those that look after them, whatever Podman knows of them."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess):
                words = process.cmdline()
                if words == self.endless.split() or str(self.folder / "run") in " ".join(words):
                    found.append(words[0])
        return found

    @property
    def endless(self) -> str:
        """A command that ends when it is killed, and that no other test has."""
        return f"sleep {1_000_000 + int(self.address.rpartition(':')[2])}"


def missing() -> str:
    """Return why there can be no containers here, or an empty text."""
    for name, package in (("podman", "podman runc"), ("busybox", "busybox-static"), ("docker-registry",) * 2):
        if shutil.which(name) is None:
            return f"there is no {name}; install it by: apt-get install {package}"
    return ""


@contextmanager
def containers(folder: Path) -> Iterator[Containers]:
    """Start a registry, and show that this kernel lets Podman run something; skip where it doesn't."""
    if why := missing():
        pytest.skip(why)
    folder.mkdir()
    address = f"127.0.0.1:{free_port()}"
    files = {
        "CONTAINERS_STORAGE_CONF": _STORAGE.format(driver="overlay" if os.getuid() == 0 else "vfs", folder=folder),
        "CONTAINERS_CONF": _ENGINE.format(folder=folder),
        "CONTAINERS_REGISTRIES_CONF": _INSECURE.format(address=address),
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    variables = {name: str(folder / name) for name in files} | {"XDG_CACHE_HOME": str(folder / "cache")}
    (folder / "registry.yml").write_text(_REGISTRY.format(folder=folder / "registry", address=address))
    made = Containers(folder, address, variables)
    with (folder / "registry.log").open("wb") as log:
        registry = subprocess.Popen(
            ["docker-registry", "serve", str(folder / "registry.yml")], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        eventually(lambda: registry.poll() is not None or _answers(address), what="the registry's answer")
        image = made.publish("trial", "hello")
        tried = subprocess.run(
            ["podman", "run", "--rm", "--network=host", *_LIMITS, image, "true"],
            env=os.environ | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            text=True,
        )
        if tried.returncode != 0:
            pytest.skip(f"this kernel refuses containers: {tried.stderr.strip().splitlines()[-1:]}")
        yield made
    finally:
        subprocess.run(
            ["podman", "system", "reset", "--force"],
            env=os.environ | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        registry.send_signal(signal.SIGKILL)
        registry.wait()


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}/v2/").status_code == 200
    except httpx.TransportError:
        return False
