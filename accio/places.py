"""Where things are: the data folder, the configuration folders, the token, the daemon's address.

Every function takes the environment (`os.environ` by default), so that tests give their own. What a user wrote wrong in
a file is an `AccioError` that names the file.
"""

import os
import stat
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import orjson

from accio import sockets
from accio.domain.problems import quote
from accio.errors import BadRequest, FailedPrecondition, Unauthenticated
from accio.late import dataclass
from accio.trust import Join, Trust, split_token

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 7615
SYSTEM_CONFIG = Path("/etc/accio")
CLUSTERS = "clusters.json"
_OF_A_USER = {
    "data": ("XDG_DATA_HOME", "~/.local/share"),
    "config": ("XDG_CONFIG_HOME", "~/.config"),
    "state": ("XDG_STATE_HOME", "~/.local/state"),
    "cache": ("XDG_CACHE_HOME", "~/.cache"),
}
"""Folders of a user by the XDG base directory specification: what names each, and where it is otherwise."""

TOKEN = "token"  # noqa: S105 - the name of a file


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A named daemon of `clusters.json`: where it is, or a join file, which says that, its authority and a token."""

    name: str
    addr: str = ""  # HOST:PORT or unix:PATH
    join: Path | None = None  # its join file

    @property
    def address(self) -> str:
        """Where it is."""
        return self.addr or ("" if self.join is None else parse_address(Join.read(self.join).address))


def data_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the daemon's database and store, and the agents' folders: `ACCIO_DATA_DIR`, else the user's
    data folder.
    """
    found = _data_folder(environment)
    if found is None:
        raise FailedPrecondition(
            f"expected a folder for the data in ACCIO_DATA_DIR, found none, and user {os.getuid()} has no home: set one"
        )
    return found


def _data_folder(environment: Mapping[str, str]) -> Path | None:
    given = environment.get("ACCIO_DATA_DIR", "")
    return folder_named(given, "ACCIO_DATA_DIR") if given else _at_home("data")


def config_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return where settings are: `ACCIO_CONFIG_ROOT`, else the user's folder of them; None for one without a home."""
    given = environment.get("ACCIO_CONFIG_ROOT", "")
    return folder_named(given, "ACCIO_CONFIG_ROOT") if given else _at_home("config")


def state_folder() -> Path | None:
    """Return the folder for small state of this user's programs; None for a user without a home."""
    return _at_home("state")


def descriptions_folder() -> Path | None:
    """Return where agents of this user share descriptions of installed operators, made if need be.

    None for a user without a home, and where others could put descriptions in.
    """
    cache = _at_home("cache")
    if cache is None:
        return None
    folder = cache / "operators"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = folder.stat()
    except OSError:
        return None
    writable = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return folder if found.st_uid == os.geteuid() and not writable else None


def folder_named(text: str, origin: str) -> Path:
    """Return the folder that a user wrote, in which `~` is the home folder; *origin* says where it was written."""
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:  # no HOME, or no such account
        raise BadRequest(f"{origin}: expected a folder, found {text!r}, and no home for its `~`") from None


def _at_home(kind: str) -> Path | None:
    """Return a folder of this user; None without HOME for a user id that no account has, as in a container."""
    if sys.platform == "linux":
        # As platformdirs has it, whose modules take as long to load as all other ways to the daemon together.
        variable, usual = _OF_A_USER[kind]
        named = os.environ.get(variable, "").strip()
        found = Path(named if named.startswith("/") else usual) / "accio"
        try:
            found = found.expanduser()
        except RuntimeError:
            return None
    else:
        import platformdirs

        found = Path(getattr(platformdirs, f"user_{kind}_dir")("accio"))
    return found if found.is_absolute() else None


def agents_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder that holds a state folder per agent of this machine."""
    return data_folder(environment) / "agents"


def find_token(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the bearer token: `ACCIO_TOKEN`, else that in `ACCIO_JOIN`, else the file `token` of the data folder, else
    that of the configuration folder.

    None if there is none. A file that others can read is refused (FailedPrecondition): whoever reads it may run code.
    """
    found = _find_token(environment)
    return None if found is None else split_token(found)[0]


def _find_token(environment: Mapping[str, str]) -> str | None:
    given = environment.get("ACCIO_TOKEN", "").strip()
    if given:
        return _sendable(given, "in ACCIO_TOKEN")
    if join := find_join(environment):
        return _sendable(join.token, "in the file that ACCIO_JOIN names") if join.token else None
    for folder in (_data_folder(environment), config_folder(environment)):
        found = None if folder is None else _read_token(folder / TOKEN)
        if found:
            return found
    return None


ALLOCATION_TOKEN = "ACCIO_ALLOCATION_TOKEN"  # noqa: S105 - the variable in which pools hand one over
"""Where an agent in an allocation finds the token that is good there alone; it comes before all others."""


def find_join(environment: Mapping[str, str] = os.environ) -> Join | None:
    """Return what the join file says that `ACCIO_JOIN` names; None if it names none."""
    named = environment.get("ACCIO_JOIN", "")
    return Join.read(folder_named(named, "ACCIO_JOIN")) if named else None


def find_trust(environment: Mapping[str, str] = os.environ) -> Trust | None:
    """Return by what the daemon is known: what a join token in `ACCIO_TOKEN`, `ACCIO_JOIN` or a file of tokens says."""
    found = _find_token(environment)
    told = None if found is None else split_token(found)[1]
    join = find_join(environment)
    return told or (None if join is None else join.trust)


def _read_token(path: Path) -> str | None:
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(4096).strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FailedPrecondition(f"the token {path} can't be read: {error.strerror}") from None
    if stat.S_IMODE(mode) & 0o077:
        raise FailedPrecondition(f"the token {path} can be read by others: chmod 600 {path}")
    # The daemon's file has a token and perhaps its owner's name on each line, and comments.
    words = (line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    return _sendable(next((first for first, *_ in words), ""), str(path))


def _sendable(token: str, place: str) -> str:
    """Return a token; Unauthenticated if no call can carry it, as of a damaged file. What it was isn't told."""
    if not (token.isascii() and token.isprintable()):
        raise Unauthenticated(f"the token {place} is none: it holds characters beyond printable ASCII")
    return token


def read_token_file(path: Path) -> str:
    """Return what a file of tokens holds; FailedPrecondition if it is damaged so that it is no text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise FailedPrecondition(
            f"{path} is damaged (no text): put it back from a copy, or delete it and the daemon writes a new one"
        ) from None


def write_token(path: Path) -> str:
    """Write a file with one new token, for its owner only, as a whole or not at all; one that is there stays. Gives
    what the file holds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    import secrets  # with the libraries of ciphers: only who makes a token waits for them

    token = secrets.token_urlsafe(32)
    draft = path.with_name(f".{path.name}.{token[:8]}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
            file.write(token + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # whole at once: clients and agents may look for it already
        except PermissionError:  # a file system without hard links
            draft.rename(path)
    except FileExistsError:
        return read_token_file(path)
    finally:
        draft.unlink(missing_ok=True)
    return token + "\n"


def daemon_address(environment: Mapping[str, str] = os.environ, system: Path = SYSTEM_CONFIG) -> str:
    """Return where the daemon is found: `ACCIO_ADDR`, else what `ACCIO_JOIN` says, else the first cluster, else the
    socket in its data folder.
    """
    given = environment.get("ACCIO_ADDR", "")
    if given:
        return parse_address(given)
    if join := find_join(environment):
        return parse_address(join.address)
    known = clusters(environment, system)
    return known[0].address if known else sockets.socket_address(data_folder(environment), environment)


def cluster_address(name: str, environment: Mapping[str, str] = os.environ, system: Path = SYSTEM_CONFIG) -> str:
    """Return the address of the cluster *name*; BadRequest if no file names it."""
    return _named(name, environment, system).address


def joining(
    environment: Mapping[str, str] = os.environ, name: str | None = None, system: Path = SYSTEM_CONFIG
) -> Mapping[str, str]:
    """Return the environment as if it named the join file of the cluster *name*, if that one has a join file.

    Without a name it is the first cluster, where nothing in the environment says which daemon is meant.
    """
    if name is None and (environment.get("ACCIO_ADDR") or environment.get("ACCIO_JOIN")):
        return environment
    known = [_named(name, environment, system)] if name is not None else clusters(environment, system)[:1]
    if not known or known[0].join is None:
        return environment
    return {**environment, "ACCIO_JOIN": str(known[0].join), "ACCIO_ADDR": known[0].addr}


def _named(name: str, environment: Mapping[str, str], system: Path) -> Cluster:
    known = clusters(environment, system)
    for cluster in known:
        if cluster.name == name:
            return cluster
    names = ", ".join(cluster.name for cluster in known) or "none"
    raise BadRequest(f"no cluster is called {name!r}; known are: {names}")


def clusters(environment: Mapping[str, str] = os.environ, system: Path = SYSTEM_CONFIG) -> tuple[Cluster, ...]:
    """Return the named clusters, the default first: those of the system's file, then those that only the user's file
    has.

    Where both name a cluster, the user's entry takes the place of the system's.
    """
    merged: dict[str, Cluster] = {}
    for folder in (system, config_folder(environment)):
        found = () if folder is None else _read_clusters(folder / CLUSTERS)
        merged.update((cluster.name, cluster) for cluster in found)
    return tuple(merged.values())


def _read_clusters(path: Path) -> Iterable[Cluster]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise FailedPrecondition(f"{path} can't be read: {error.strerror}") from None
    try:
        entries = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"{path}: line {error.lineno}, column {error.colno}: {error.msg}") from None
    if not isinstance(entries, list):
        raise BadRequest(f'{path}: expected a list of {{"name", "addr"}}, found {quote(entries)}')
    found: dict[str, Cluster] = {}
    for number, entry in enumerate(entries):
        cluster = _read_cluster(entry, f"{path}: /{number}", path.parent)
        if cluster.name in found:
            raise BadRequest(
                f"{path}: /{number}: the cluster {cluster.name!r} stands there twice; remove one of the two"
            )
        found[cluster.name] = cluster
    return found.values()


def _read_cluster(entry: object, place: str, folder: Path) -> Cluster:
    if not isinstance(entry, dict):
        raise BadRequest(f'{place}: expected an object with "name" and "addr" (or "join"), found {quote(entry)}')
    name, addr, join = entry.get("name"), entry.get("addr"), entry.get("join")
    if not isinstance(name, str) or not name:
        raise BadRequest(f'{place}: expected a text under "name", found {quote(name)}')
    if join is not None and (not isinstance(join, str) or not join):
        raise BadRequest(f'{place}: expected the path of a join file under "join", found {quote(join)}')
    if not isinstance(addr, str) and (join is None or addr is not None):
        raise BadRequest(f'{place}: expected HOST:PORT under "addr", found {quote(addr)}')
    try:
        return Cluster(
            name=name,
            addr="" if addr is None else parse_address(addr),
            join=None if join is None else folder / folder_named(join, place) if join[0] == "~" else folder / join,
        )
    except BadRequest as error:
        raise BadRequest(f"{place}: {error.message}") from None


def is_loopback(address: str) -> bool:
    """Return whether an address can be reached from this machine only."""
    if sockets.socket_path(address) is not None:
        return True
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    import ipaddress  # few addresses are that of a host, and not all commands look at one

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, which may resolve to anything
        return False


def parse_address(text: str) -> str:
    """Return *text* as HOST:PORT, with the default port if it has none, or as unix:PATH; an IPv6 host stands in
    brackets.
    """
    if text.strip().startswith(sockets.PREFIX):
        return _parse_socket(text.strip())
    host, colon, port = text.strip().rpartition(":")
    if not colon or port.endswith("]"):  # no port: the last colon, if any, is one of an IPv6 address
        host, port = text.strip(), str(DEFAULT_PORT)
    wrong = not host or any(character.isspace() for character in host) or (":" in host and not host.startswith("["))
    if wrong or not port.isascii() or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise BadRequest(
            f"expected an address HOST:PORT, such as {DEFAULT_HOST}:{DEFAULT_PORT}, or unix:PATH, found {text!r}"
        )
    return f"{host}:{int(port)}"


def _parse_socket(text: str) -> str:
    named = text.removeprefix(sockets.PREFIX)
    if not named or "\0" in named:
        raise BadRequest(f"expected unix:PATH with the path of a socket, found {text!r}")
    path = folder_named(named, text)
    if not sockets.fits(path):
        raise BadRequest(
            f"expected a socket's path of at most {sockets.LONGEST_PATH} bytes, found {len(os.fsencode(path))}: {path}"
        )
    return f"{sockets.PREFIX}{path}"
