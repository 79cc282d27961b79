"""What may be wrong between a user and a result: one finding per subject, each failure with what mends it.

Looks at this machine, at the daemon that the settings name, and at its agents; changes nothing. What it says holds no
secrets.
"""

import os
import platform
import shutil
import socket
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from accio import places, sockets
from accio.domain.sizes import size
from accio.errors import AccioError, Unavailable
from accio.late import dataclass
from accio.version import accio_version
from accio_client.views import AgentView, ClusterView, OperatorView

if TYPE_CHECKING:
    from accio_client.sync import Client

LOOK_FOR_S = 1.8
"""How long daemon and operators are looked at, at the same time: the verdict stands 3 seconds after the start."""
PATIENT_S = 8.0
"""The same for a daemon that doesn't answer, where everything is waited for."""

_LITTLE_SPACE = 1 << 30
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "lustre", "gpfs", "beegfs", "ceph", "9p"})
_LATE_S, _EARLY_S = 60.0, 5.0  # what an agent was last heard ago, by our clock, if the clocks agree
_EXTRAS = {"plot": "matplotlib", "parquet": "pyarrow", "web": "starlette", "locapriv": "s2sphere"}


class Health(StrEnum):
    """How something is."""

    GOOD = "good"
    DOUBTFUL = "doubtful"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found of one subject, and what to do about it if it isn't good."""

    subject: str
    health: Health
    found: str
    remedy: str = ""


def good(subject: str, found: str) -> Finding:
    """Return a finding that needs no remedy."""
    return Finding(subject=subject, health=Health.GOOD, found=found)


def verdict(findings: Sequence[Finding]) -> str:
    """Return what all findings come to."""
    subjects = {health: ", ".join(each.subject for each in findings if each.health is health) for health in Health}
    parts = [f"not ready: {subjects[Health.BAD]}" if subjects[Health.BAD] else "ready"]
    parts += [f"to look at: {subjects[Health.DOUBTFUL]}"] if subjects[Health.DOUBTFUL] else []
    parts += [f"not known yet: {subjects[Health.UNKNOWN]}"] if subjects[Health.UNKNOWN] else []
    return "; ".join(parts)


# --- this machine ----------------------------------------------------------------------------------------------------


def look_here() -> Iterator[Finding]:
    """Look at this installation and at the data folder."""
    yield good(
        "accio", f"{accio_version()}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    )
    missing = [extra for extra, module in _EXTRAS.items() if find_spec(module) is None]
    have = [extra for extra in _EXTRAS if extra not in missing]
    left_out = f"; not installed: {', '.join(missing)} (pip install 'accio-experiments[{','.join(missing)}]')"
    yield good("extras", (", ".join(have) or "none") + (left_out if missing else ""))
    try:
        folder = places.data_folder()
    except AccioError as error:
        yield Finding(subject="data folder", health=Health.BAD, found=error.message, remedy="set ACCIO_DATA_DIR")
        return
    yield _data_folder(folder)


def _data_folder(folder: Path) -> Finding:
    place = next(each for each in (folder, *folder.parents) if each.exists())
    if not os.access(place, os.W_OK | os.X_OK):
        remedy = "name a folder of your own in ACCIO_DATA_DIR, or give this one to your user"
        return Finding(subject="data folder", health=Health.BAD, found=f"{place} can't be written to", remedy=remedy)
    free = shutil.disk_usage(place).free
    kind = _file_system(place)
    found = f"{folder}{'' if place == folder else ' (not there yet)'}, {size(free)} free, on {kind or 'a disk'}"
    if free < _LITTLE_SPACE:
        remedy = "make room: `accio gc`, or set ACCIO_DATA_DIR to a larger disk"
        return Finding(subject="data folder", health=Health.DOUBTFUL, found=found, remedy=remedy)
    if kind in _NETWORK:
        remedy = "a database wants a local disk: set ACCIO_DATA_DIR to one where the daemon runs"
        return Finding(subject="data folder", health=Health.DOUBTFUL, found=found, remedy=remedy)
    return good("data folder", found)


def _file_system(place: Path) -> str:
    """Return the type of the file system that a path is on; empty if that can't be told."""
    try:
        lines = Path("/proc/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    real = place.resolve()
    mounts = [(Path(words[1].replace("\\040", " ")), words[2]) for words in map(str.split, lines) if len(words) > 2]
    within = [(len(mount.parts), kind) for mount, kind in mounts if real.is_relative_to(mount)]
    return max(within, key=lambda each: each[0], default=(0, ""))[1]


def look_at_operators(named: Iterable[str], within_s: float | None) -> Iterator[Finding]:
    """Describe operators as an agent of this folder would: those of installed packages, and the *named* files.

    Installed ones needn't be loaded again if an agent of this user has described them, and nothing has changed since.
    What isn't loaded *within_s* seconds, for all of them together, is told as unknown.
    """
    from accio.sdk.descriptions import describe_source
    from accio.sdk.sources import Source, installed_sources, named_source

    asked = tuple(named)
    until = None if within_s is None else monotonic() + within_s
    shared = places.descriptions_folder()
    contents = None if shared is None else shared / "installed"

    def sources() -> Iterator[tuple[str, Source | AccioError]]:
        yield from ((each.distribution, each) for each in installed_sources())
        for text in asked:
            try:
                yield text, named_source(text, Path.cwd())
            except AccioError as error:
                yield text, error

    for text, source in sources():
        try:
            if isinstance(source, AccioError):
                raise source
            left = None if until is None else max(0.0, until - monotonic())
            specs = describe_source(source, None if text in asked else shared, contents, within_s=left).specs
        except TimeoutError:
            yield Finding(
                subject=f"operators of {text}",
                health=Health.UNKNOWN,
                found="loading them takes longer than this look",
                remedy="wait for it: accio doctor -wait" + (f" -operators={text}" if text in asked else ""),
            )
            continue
        except AccioError as error:
            remedy = "mend that, then say again: accio doctor" + (f" -operators={text}" if text in asked else "")
            yield Finding(subject=f"operators of {text}", health=Health.BAD, found=error.message, remedy=remedy)
            continue
        uncacheable = [spec.name for spec in specs if spec.uncacheable]
        some = f"; never cached: {', '.join(uncacheable)} (`accio describe operator` says why)" if uncacheable else ""
        yield good(f"operators of {text}", f"{len(specs)} can be loaded{some}")


# --- the daemon and its agents ---------------------------------------------------------------------------------------


def look_at_daemon(client: "Client", now: datetime) -> Iterator[Finding]:
    """Look at a daemon and at what it says of its agents."""
    try:
        cluster = client.cluster_state()
    except AccioError as error:
        remedy = _remedy_of_silence(client.address) if isinstance(error, Unavailable) else ""
        yield Finding(subject="daemon", health=Health.BAD, found=error.message, remedy=remedy)
        return
    yield _daemon(client.address, cluster)
    if cluster.refusing:
        remedy = "make room on the daemon's disk: accio gc, accio delete run"
        yield Finding(subject="daemon's disk", health=Health.BAD, found=cluster.refusing, remedy=remedy)
    agents = client.list_agents()
    yield from _agents(agents)
    yield from _left_out(agents)
    yield from _clock(agents, now)
    yield from _announced(client.list_operators(), cluster)


def _remedy_of_silence(address: str) -> str:
    """Return what to do about a daemon that can't be asked: whether there is one shows in that it takes connections."""
    path = sockets.socket_path(address)
    host, _, port = address.rpartition(":")
    family = socket.AF_UNIX if path is not None else socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    try:
        with socket.socket(family) as line:
            line.settimeout(0.3)
            line.connect(str(path) if path is not None else (host.strip("[]"), int(port)))
    except OSError:
        return "start one: accio up"
    return (
        "something listens there, but doesn't answer: see what its process does and what its log (logs/daemon.log in "
        "its data folder) says last, then continue or restart it"
    )


def _daemon(address: str, cluster: ClusterView) -> Finding:
    found = (
        f"{cluster.version} at {address}, {cluster.active_runs} active {'run' if cluster.active_runs == 1 else 'runs'}"
    )
    if cluster.version == accio_version():
        return good("daemon", found)
    remedy = f"this client is {accio_version()}: install the same version in both places, then start the daemon again"
    return Finding(subject="daemon", health=Health.DOUBTFUL, found=found, remedy=remedy)


def _agents(agents: Sequence[AgentView]) -> Iterator[Finding]:
    working = [each for each in agents if each.state == "connected"]
    if not working:
        found = "none is connected" if not any(each.state == "draining" for each in agents) else "all of them drain"
        remedy = "start one: accio agent (or accio up, which starts a daemon, too)"
        yield Finding(subject="agents", health=Health.BAD, found=found, remedy=remedy)
    else:
        cpus = sum(each.resources.milli_cpus for each in working) / 1000
        yield good(
            "agents", f"{len(working)} connected, with {cpus:g} CPUs: {', '.join(each.name for each in working[:5])}"
        )
    for each in agents:
        if each.state != "disconnected" and (each.reason or each.state in {"suspect", "lost"}):
            yield Finding(
                subject=f"agent {each.name}",
                health=Health.DOUBTFUL,
                found=f"{each.state}: {each.reason or 'it has not been heard for a while'}",
                remedy=_REMEDIES.get(each.state, ""),
            )


_REMEDIES = {
    "lost": "start it again, or forget it: accio agent remove NAME",
    "suspect": "look at its machine and its network",
    "draining": "accio agent drain -undo NAME, if it is to take nodes again",
}


def _left_out(agents: Sequence[AgentView]) -> Iterator[Finding]:
    """Yield a finding for each agent that can't load the operators of installed packages."""
    for each in agents:
        if each.state != "disconnected" and each.left_out:
            remedy = "mend that there, or remove the package, then start the agent again"
            found = "; ".join(each.left_out)
            yield Finding(subject=f"agent {each.name}", health=Health.DOUBTFUL, found=found, remedy=remedy)


def _clock(agents: Sequence[AgentView], now: datetime) -> Iterator[Finding]:
    """Compare the clocks: the daemon hears a connected agent every few seconds, and says when by its own clock."""
    heard = max((each.last_seen for each in agents if each.state == "connected" and each.last_seen), default=None)
    if heard is None:
        return
    ago = (now - heard).total_seconds()
    if -_EARLY_S <= ago <= _LATE_S:
        yield good("clocks", "this machine's and the daemon's agree")
        return
    which = "behind" if ago > 0 else "ahead of"
    yield Finding(
        subject="clocks",
        health=Health.DOUBTFUL,
        found=f"the daemon's is about {abs(ago):.0f} s {which} this machine's",
        remedy="set both by NTP (timedatectl set-ntp true): times of runs and tokens' ends are told by them",
    )


def _announced(operators: Sequence[OperatorView], cluster: ClusterView) -> Iterator[Finding]:
    if not operators and cluster.agents:
        remedy = "start the agent with -operators=FILE, or install a package that has some"
        yield Finding(subject="operators", health=Health.BAD, found="no agent ever announced any", remedy=remedy)
    elif operators:
        yield good(
            "operators",
            f"{len(operators)} known: {', '.join(each.name for each in operators[:8])}"
            + (", …" if operators[8:] else ""),
        )
