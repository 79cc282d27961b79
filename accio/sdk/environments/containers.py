"""How a program is run in a container: where the agent's own user would run it, with the same folders and variables.

A container is no cage here. It has the network and the user of its agent; it sees the working folder, the inputs (which
it can't write to) and the files of the operator, each at its own path, and besides these its image.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from pathlib import Path

from accio.control_groups import own_group
from accio.late import dataclass
from accio.sdk.environments.images import Engine, Image, keeps_to_its_group

HOME = ".accio/home"
"""The home folder of a program in a container, within its working folder: images have none for whoever runs it."""

_PASSED_ON = frozenset(
    {
        "CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK", "GPU_DEVICE_ORDINAL", "PYTHONHASHSEED",
        "TZ", "LC_ALL",
    }
)  # fmt: skip
_PASSED_ON_KINDS = (("ACCIO_", ""), ("", "_THREADS"))
_MOST_PROCESSES = 32 * 1024
"""What Podman lowers its own limit to where it may not raise it, and then can't hand down more than that."""
_ENDLESS = 1 << 60  # groups of version 1 say "no limit" as a number near 2^63
_NVIDIA = Path("/dev/nvidiactl")
_AMD = (Path("/dev/kfd"), Path("/dev/dri"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What of this host and process a container depends on."""

    user: int
    group: int
    open_files: str
    processes: str
    nvidia: bool
    amd: bool
    own_group: bool
    """Whether a container can be left in the control group of who starts it."""
    memory: int
    """The limit of that group, for containers that can't; 0 for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One execution of a program: its words, folder, and variables, the paths that it reads, whether it needs GPUs.

    Of functions besides: what is lent to the container at other paths, and what it may write to beside its folder;
    whether it is to see the host's processes, and inherit descriptor 3.
    """

    words: Sequence[str]
    folder: Path
    variables: Mapping[str, str]
    reads: Iterable[Path]
    gpus: bool
    lent: Mapping[Path, Path] = field(default_factory=dict)
    writes: Sequence[Path] = ()
    hosts_processes: bool = False
    passes: bool = False


def variables(environment: Mapping[str, str], declared: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return what a program in a container finds beside the variables of its image."""
    passed = {
        name: value
        for name, value in environment.items()
        if name in _PASSED_ON or any(name.startswith(first) and name.endswith(last) for first, last in _PASSED_ON_KINDS)
    }
    return passed | {"HOME": str(folder / HOME)} | dict(declared)


def command(engine: Engine, image: Image, execution: Execution, host: Host) -> list[str]:
    """Return the command that runs a program in a container."""
    make = _with_podman if engine.is_podman else _with_apptainer
    return [str(engine.program), *make(image, execution, host)]


def environment(engine: Engine, execution: Execution, outer: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of that command: the engine's own, and for Apptainer what it hands on."""
    if engine.is_podman:
        return dict(outer)
    prefix = f"{engine.program.name.upper()}ENV_"
    return {**outer, **{prefix + name: value for name, value in execution.variables.items() if name != "HOME"}}


def _with_podman(image: Image, execution: Execution, host: Host) -> list[str]:
    arguments = ["run", "--rm", "--pull=never", "--log-driver=none", "--network=host", "--ipc=host", "--entrypoint="]
    arguments += ["--security-opt=label=disable", f"--label={label_of(execution.folder)}"]
    arguments += [f"--ulimit=nofile={host.open_files}", f"--ulimit=nproc={host.processes}"]
    if host.user != 0:
        arguments.append("--userns=keep-id")  # else what it writes belongs to one of the user's subordinates
    arguments.append(f"--user={host.user}:{host.group}")
    if host.own_group:
        arguments.append("--cgroups=disabled")
    elif host.user == 0 and host.memory:
        arguments.append(f"--memory={host.memory}")
    if execution.gpus and host.nvidia:
        arguments.append("--device=nvidia.com/gpu=all")  # the variables say which of them are its own
    elif execution.gpus and host.amd:
        arguments += [f"--device={device}" for device in _AMD]
    if execution.hosts_processes:
        arguments.append("--pid=host")
    if execution.passes:
        arguments.append("--preserve-fds=1")
    read = {path: path for path in _outermost(execution)} | dict(execution.lent)
    arguments += [f"--mount=type=bind,source={path},destination={to},ro=true" for path, to in read.items()]
    folder = execution.folder
    for path in dict.fromkeys([*execution.writes, folder]):
        arguments.append(f"--mount=type=bind,source={path},destination={path}")
    arguments.append(f"--workdir={folder}")
    arguments += [f"--env={name}={value}" for name, value in sorted(execution.variables.items())]
    return [*arguments, image.runs, *execution.words]


def _with_apptainer(image: Image, execution: Execution, host: Host) -> list[str]:
    folder = execution.folder
    arguments = ["exec", "--cleanenv", "--no-home", f"--home={execution.variables['HOME']}", f"--pwd={folder}"]
    if execution.gpus and (host.nvidia or host.amd):
        arguments.append("--nv" if host.nvidia else "--rocm")
    read = {path: path for path in _outermost(execution)} | dict(execution.lent)
    arguments += [f"--bind={path}:{to}:ro" for path, to in read.items()]
    arguments += [f"--bind={path}:{path}" for path in dict.fromkeys([*execution.writes, folder])]
    return [*arguments, image.runs, *execution.words]


def unmountable(paths: Iterable[Path]) -> Path | None:
    """Return a path that can't be handed to an engine, whose options use commas and colons."""
    return next((path for path in paths if "," in str(path) or ":" in str(path)), None)


def label_of(folder: Path) -> str:
    """Return the label of containers with this working folder: they are one worker's."""
    return f"accio.worker={folder}"


def _outermost(execution: Execution) -> list[Path]:
    """Return what is to be mounted for reading: nothing twice, nothing of the working folder."""
    found: list[Path] = []
    for path in sorted({Path(os.path.normpath(path)) for path in execution.reads}):
        if not path.is_relative_to(execution.folder) and not any(path.is_relative_to(other) for other in found):
            found.append(path)
    return found


def this_host(engine: Engine) -> Host:
    """Return this host and process, as the engine's containers see them."""
    own_group = engine.is_podman and keeps_to_its_group(engine)
    limits = Path("/proc/self/limits").read_text()
    return Host(
        user=os.getuid(),
        group=os.getgid(),
        open_files=_limit(limits, "Max open files"),
        processes=_limit(limits, "Max processes", _MOST_PROCESSES),
        nvidia=_NVIDIA.exists(),
        amd=_AMD[0].exists(),
        own_group=own_group,
        memory=0 if own_group else _memory_limit(),
    )


def _limit(limits: str, name: str, most: int = 1 << 20) -> str:
    """Return a limit as `SOFT:HARD`, neither of them beyond *most*."""
    line = next((line for line in limits.splitlines() if line.startswith(name)), "")
    found = [word for word in line.removeprefix(name).split() if word.isdigit() or word == "unlimited"]
    soft, hard = [min(int(word), most) if word.isdigit() else most for word in (*found, "unlimited", "unlimited")][:2]
    return f"{soft}:{hard}"


def _memory_limit() -> int:
    """Return the limit of the control group of this process; 0 for none."""
    for controller, name in (("memory", "memory.limit_in_bytes"), ("", "memory.max")):
        group = own_group(controller)
        if group is not None:
            with suppress(OSError, ValueError):  # "max" is no number
                found = int((group / name).read_text())
                return found if found < _ENDLESS else 0
    return 0
