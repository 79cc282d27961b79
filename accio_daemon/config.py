"""What the daemon can be told, by options and by the environment; options win."""

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from accio import places, sockets
from accio.content.remote import SCHEMES, is_object_store
from accio.domain.policies import FIRST_COME, POLICIES
from accio.domain.problems import ValueProblem
from accio.domain.quantities import parse_duration
from accio.domain.resources import parse_size
from accio.errors import BadRequest, FailedPrecondition
from accio.late import dataclass
from accio_daemon.storage.file.database import FILE_NAME

SYNCHRONOUS = ("FULL", "NORMAL")
OWN_BACKUPS = "backups"
"""The folder, in the data folder, of backups that were given a name alone."""
_SHARED = "shared:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The daemon's settings, checked."""

    address: str  # HOST:PORT, where port 0 takes any that is free, or unix:PATH; empty for the socket alone
    data: Path
    socket: str  # unix:PATH, where clients with this data folder look; empty if there is no place for it
    token_copy: Path | None  # where clients of the same user look, if the data folder is the default one
    backups: tuple[Path, ...] = ()  # folders into which backups may be written; the first one is for names alone
    insecure: bool = False  # nothing is encrypted
    tls: tuple[Path, ...] | None = None  # certificate and key, if they aren't the daemon's own
    sweep_limit: int = 10_000_000
    open_children: int = 10_000
    lease_s: float = 15.0
    max_losses: int = 3
    reserve_after_s: float = 30.0
    synchronous: str = "FULL"
    store_at: str = ""  # the address of an object store, or shared:FOLDER; empty for the data folder's own
    quota: int = 0  # bytes of the store; 0: none
    metrics: str = ""  # HOST:PORT; empty for none
    policy: str = FIRST_COME  # whom the queue serves first
    hide_runs: bool = False  # from all but their owners, their groups and administrators
    crash_at: str | None = None

    @property
    def database(self) -> Path:
        """The database's file."""
        return self.data / FILE_NAME

    @property
    def heartbeat_s(self) -> float:
        """How often an agent gives a sign of life."""
        return min(2.0, self.lease_s / 5)

    @property
    def life_noted_s(self) -> float:
        """How often a sign of life is told to the engine. Half a heartbeat, so that none is passed over for having come
        a little early: else an agent would be silent for two.
        """
        return min(1.0, self.heartbeat_s / 2)

    @property
    def suspect_s(self) -> float:
        """How long an agent may be silent before it gets no new work."""
        return min(6.0, self.lease_s / 2)

    @property
    def certificates(self) -> Path:
        """The folder of the daemon's own authority and certificate."""
        return self.data / "tls"

    @property
    def encrypted(self) -> bool:
        """Whether TLS is spoken at the address: with a certificate that was given, and always beyond this machine."""
        if not self.address or sockets.socket_path(self.address) is not None:
            return False
        return self.tls is not None or not (self.insecure or places.is_loopback(self.address))

    @property
    def objects(self) -> str:
        """The address of the object store that has the blobs; empty if a folder has them."""
        return self.store_at if is_object_store(self.store_at) else ""

    @property
    def store(self) -> Path:
        """The folder of blobs, if it isn't an object store that has them."""
        return Path(self.store_at.removeprefix(_SHARED)) if self.is_shared else self.data / "store"

    @property
    def is_shared(self) -> bool:
        """Whether the folder of blobs is on a file system that hosts share, whose locks can't be relied upon."""
        return self.store_at.startswith(_SHARED)

    @property
    def token(self) -> Path:
        """The file of tokens."""
        return self.data / places.TOKEN


def read_config(
    *,
    listen: str | None = None,
    data_dir: str | None = None,
    insecure: bool = False,
    open_metrics: bool = False,
    tls: tuple[str, str] | None = None,
    backups: Sequence[str] = (),
    sweep_limit: int = 10_000_000,
    open_children: int = 10_000,
    lease: str = "15s",
    max_losses: int = 3,
    reserve_after: str = "30s",
    synchronous: str = "FULL",
    store: str = "",
    quota: str = "0",
    metrics: str = "",
    policy: str = FIRST_COME,
    hide_runs: bool = False,
    environment: Mapping[str, str] = os.environ,
) -> Config:
    """Check what was given; BadRequest says what is wrong with it."""
    given = listen or environment.get("ACCIO_ADDR", "")
    address = places.parse_address(given) if given else ""
    data = places.folder_named(data_dir, "--data-dir") if data_dir else places.data_folder(environment)
    settings = places.config_folder(environment)
    default = not data_dir and not environment.get("ACCIO_DATA_DIR")
    return Config(
        address=address,
        data=data,
        socket=_socket(data, environment),
        insecure=insecure,
        backups=_backups(data, backups or environment.get("ACCIO_BACKUPS", "").split(os.pathsep)),
        tls=tuple(places.folder_named(each, "--tls") for each in tls) if tls else None,
        token_copy=settings / places.TOKEN if default and settings is not None else None,
        sweep_limit=_count("sweep-limit", sweep_limit),
        open_children=_count("open-children", open_children),
        lease_s=_seconds("lease", lease, least=1.0),
        max_losses=max_losses,
        reserve_after_s=_seconds("reserve-after", reserve_after, least=0.0),
        synchronous=_one_of("synchronous", synchronous.upper(), SYNCHRONOUS),
        store_at=_store(store or environment.get("ACCIO_STORE", "")),
        quota=_size("quota", quota),
        metrics=_metrics(metrics, open_to_all=open_metrics),
        policy=_one_of("policy", policy, POLICIES),
        hide_runs=hide_runs,
        crash_at=environment.get("ACCIO_CRASH_AT") or None,
    )


def _one_of(option: str, text: str, choices: Collection[str]) -> str:
    if text not in choices:
        raise BadRequest(f"--{option}: expected {' or '.join(choices)}, found {text!r}")
    return text


def _count(option: str, number: int) -> int:
    if number < 1:
        raise BadRequest(f"--{option}: expected a number above 0, found {number}")
    return number


def _metrics(text: str, *, open_to_all: bool) -> str:
    if not text:
        return ""
    from accio.metrics import metrics_address  # it loads Prometheus's client

    return metrics_address(text, open_to_all=open_to_all)


def _store(text: str) -> str:
    if text.startswith(_SHARED):
        folder = text.removeprefix(_SHARED)
        if not folder:
            raise BadRequest(f"--store: expected a folder behind {_SHARED}, such as {_SHARED}/scratch/lab/accio")
        return f"{_SHARED}{places.folder_named(folder, '--store')}"
    if text and not is_object_store(text):
        raise BadRequest(
            f"--store: expected an address of {', '.join(f'{each}://' for each in SCHEMES)}, such as "
            f"s3://BUCKET/PREFIX, or a folder that hosts share, such as {_SHARED}/scratch/lab/accio, found {text!r}"
        )
    if "@" in text:
        raise BadRequest("--store: expected no credentials in the address; they come from the environment")
    return text


def _backups(data: Path, named: Sequence[str]) -> tuple[Path, ...]:
    return (data / OWN_BACKUPS, *(places.folder_named(each, "--backups") for each in named if each))


def _socket(data: Path, environment: Mapping[str, str]) -> str:
    try:
        return sockets.socket_address(data, environment)
    except FailedPrecondition:  # no matter for whoever gave an address; the others are told when they want to serve
        return ""


def _seconds(option: str, text: str, *, least: float) -> float:
    try:
        seconds = parse_duration(text).ms / 1000
    except ValueProblem as problem:
        raise BadRequest(f"--{option}: {problem.message}") from None
    if seconds < least:
        raise BadRequest(f"--{option}: expected at least {least:g} seconds, found {text!r}")
    return seconds


def _size(option: str, text: str) -> int:
    try:
        return parse_size(text)
    except ValueProblem as problem:
        raise BadRequest(f"--{option}: {problem.message}") from None
