"""Container images: fetched once for each host and pinned, so that what runs is what the operator's digest covers.

The first process that meets a name asks Podman or Apptainer for its image, and writes what it got into a pin; everybody
after it takes that image, whatever the name leads to by then. Whoever wants another one deletes the pin, which is one
of the files that the operator is made of.
"""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import blake3
import orjson

from accio.errors import FailedPrecondition
from accio.late import dataclass
from accio.sdk.environments.places import IMAGES, alone, kept

ENGINE = "ACCIO_CONTAINER_ENGINE"
"""Names the engine where there are several: podman, apptainer, singularity, or a path that ends so."""
PODMAN = "podman"
_KNOWN = (PODMAN, "apptainer", "singularity")
_DIGEST = re.compile(r"@(sha256:[0-9a-f]{64})$")
_NAME = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The program that runs containers."""

    program: Path

    @property
    def is_podman(self) -> bool:
        return self.program.name == PODMAN


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A pinned image: what the engine runs (Podman's id of it, or a file), what it counts as, how to get it again."""

    runs: str
    digest: str
    source: str = ""


def engine(environment: Mapping[str, str] = os.environ) -> Engine:
    """Return the engine of this host; FailedPrecondition if it has none."""
    named = environment.get(ENGINE, "")
    if named and Path(named).name not in _KNOWN:
        raise FailedPrecondition(f"{ENGINE}: expected {', '.join(_KNOWN)}, or a path of one of them, found {named!r}")
    for name in (named,) if named else _KNOWN:
        found = shutil.which(name, path=environment.get("PATH"))
        if found is not None:
            return Engine(program=Path(found).absolute())
    wanted = named or "Podman or Apptainer"
    raise FailedPrecondition(
        f"an image needs {wanted} where its agent runs, found none in PATH: install it, or leave the operator out"
    )


def pin_of(name: str, folder: Path) -> Path:
    """Return the file that says which image a name stands for here; of an image that is a file, that file."""
    if name.endswith(".sif"):
        return folder / name
    short = f"{_NAME.sub('-', name)[-80:]}-{blake3.blake3(name.encode()).hexdigest(8)}"
    return kept(IMAGES, f"{short}.{engine().program.name}.json")


def pinned(name: str, folder: Path) -> Image:
    """Return the image that a name stands for, fetched if nobody has yet; FailedPrecondition if it can't be had.

    The name of a file (NAME.sif) is relative to *folder*.
    """
    by = engine()
    if name.endswith(".sif"):
        return _of_file(by, name, folder)
    pin = pin_of(name, folder)
    with alone(pin):
        known = _read(pin)
        if known is None:
            known = _podmans(by, name) if by.is_podman else _apptainers(by, name, pin)
            _write(pin, known)
    return known


@cache
def make_ready(name: str, folder: Path, label: str = "") -> Image:
    """Return a pinned image that is on this host, once for each process that runs it.

    A home folder may be shared with hosts that have a pin and no image yet, and images can be removed. What is left of
    containers with this *label*, if there is one, whose processes were killed together with the engine's, is removed.
    """
    by, image = engine(), pinned(name, folder)
    if not by.is_podman:
        return image
    if label:
        _remove_leftovers(by, label)
    if _ask(by, "image", "exists", image.runs).returncode != 0:
        with alone(pin_of(name, folder)):
            if _ask(by, "image", "exists", image.runs).returncode != 0:
                _fetch(by, name, image.source or name)
        if _ask(by, "image", "exists", image.runs).returncode != 0:
            pin = pin_of(name, folder)
            raise FailedPrecondition(
                f"the image {name} was pinned as {image.runs[:12]}, which is gone and can't be fetched again: "
                f"delete {pin} and start the agent again to use what the name stands for now"
            )
    return image


def remove_ended(label: str) -> None:
    """Remove what is left of containers with this label that have ended; others of the label run on."""
    if (by := engine()).is_podman:
        _ask(by, "ps", "--all", "--quiet", "--filter", f"label={label}")  # whereby Podman notices that they have
        _remove_leftovers(by, label, "--filter=status=exited")


@cache
def keeps_to_its_group(by: Engine) -> bool:
    """Return whether Podman can leave containers in the control group of who starts them: by crun, on version 2."""
    asked = _ask(by, "info", "--format", "{{.Host.CgroupsVersion}} {{.Host.OCIRuntime.Name}}")
    return asked.stdout.split() == ["v2", "crun"]


def _remove_leftovers(by: Engine, label: str, *shown: str) -> None:
    for _ in range(2):  # the first time Podman notices that they are dead, the second time it removes them
        left = _ask(by, "ps", "--all", "--quiet", "--filter", f"label={label}", *shown).stdout.split()
        if not left:
            return
        _ask(by, "rm", "--force", "--time=0", *left)


def _of_file(by: Engine, name: str, folder: Path) -> Image:
    path = (folder / name).absolute()
    if by.is_podman:
        raise FailedPrecondition(f"the image {name} is a file for Apptainer, found Podman: name one that it can pull")
    try:
        return Image(runs=str(path), digest=blake3.blake3().update_mmap(path).hexdigest())
    except OSError as error:
        raise FailedPrecondition(f"the image {path} can't be read ({error.strerror})") from None


def _podmans(by: Engine, name: str) -> Image:
    asked = _ask(by, "image", "inspect", name)
    if asked.returncode != 0:
        _fetch(by, name, name)
        asked = _ask(by, "image", "inspect", name)
    try:
        found = orjson.loads(asked.stdout)[0]
        identity, sources = found["Id"], found.get("RepoDigests") or []
    except (ValueError, LookupError, TypeError):
        raise FailedPrecondition(f"the image {name} can't be looked at: {_last_line(asked)}") from None
    source = next((each for each in sources if not each.startswith("localhost/")), "")
    return Image(runs=identity, digest=_stated(name) or identity, source=source)


def _apptainers(by: Engine, name: str, pin: Path) -> Image:
    """Fetch an image into a file beside its pin."""
    file, partly = pin.with_suffix(".sif"), pin.with_suffix(".partly.sif")
    url = name if "://" in name else f"docker://{name}"
    asked = _ask(by, "pull", "--force", str(partly), url)
    if asked.returncode != 0 or not partly.is_file():
        raise FailedPrecondition(f"the image {name} can't be fetched by {by.program.name}: {_last_line(asked)}")
    partly.replace(file)
    digest = _stated(name) or blake3.blake3().update_mmap(file).hexdigest()
    return Image(runs=str(file), digest=digest, source=url)


def _fetch(by: Engine, name: str, source: str) -> None:
    asked = _ask(by, "pull", "--quiet", source)
    if asked.returncode != 0:
        raise FailedPrecondition(f"the image {name} can't be fetched by {by.program.name}: {_last_line(asked)}")


def _stated(name: str) -> str:
    """Return the digest that a name states, of this kind of machine: it is the same with every engine."""
    match = _DIGEST.search(name)
    return f"{match[1]} {platform.machine()}" if match else ""


def _ask(by: Engine, *arguments: str) -> subprocess.CompletedProcess[str]:
    command: Sequence[str] = [str(by.program), *arguments]
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, encoding="utf-8")
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, "", f"{by.program} can't be started ({error.strerror})")


def _last_line(asked: subprocess.CompletedProcess[str]) -> str:
    lines = asked.stderr.strip().splitlines()
    return lines[-1] if lines else f"exit code {asked.returncode}"


def _read(pin: Path) -> Image | None:
    try:
        found = orjson.loads(pin.read_bytes())
        image = Image(runs=found["runs"], digest=found["digest"], source=found["source"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return image if not image.runs.startswith("/") or Path(image.runs).is_file() else None


def _write(pin: Path, image: Image) -> None:
    written = pin.with_suffix(".new")
    written.write_bytes(orjson.dumps({"runs": image.runs, "digest": image.digest, "source": image.source}))
    written.replace(pin)
