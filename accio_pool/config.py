"""The file that describes pools (`pools.json`): read whole, with everything that is wrong with it said at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from decimal import Decimal
from pathlib import Path
from typing import Any

from accio.domain.caps import parse_served
from accio.domain.documents import parse_document
from accio.domain.findings import is_ignored
from accio.domain.issues import Issue, pointer
from accio.domain.maintenance import MOST, Maintenance, maintenance_of
from accio.domain.names import suggest
from accio.domain.pools import POOL_NAME_RULE, Budget, PoolSpec, is_pool_name
from accio.domain.problems import ValueProblem, quote
from accio.domain.quantities import parse_duration
from accio.domain.resources import Resources, parse_count, resources_from_json
from accio.domain.windows import parse_windows
from accio.errors import BadRequest, InvalidDefinition
from accio.late import dataclass

ONE_CPU = Resources()
_LONGEST_TEXT = 10_000
_MOST = 10_000
_MOST_HOURS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolConfig:
    """One pool of the file: what the daemon is told of it, and what its provider needs besides."""

    spec: PoolSpec
    options: Mapping[str, str] = field(default_factory=dict)  # of the engine, such as partition and account
    directives: Sequence[str] = ()  # further options of the engine, as they are
    leave_out: Sequence[str] = ()  # options that this site doesn't want to see
    before: Sequence[str] = ()  # lines of the script before the agent
    agent: Sequence[str] = ()  # further options of the agent
    join: str = ""  # the join file of agents, where their hosts see it
    tokens: bool = True  # whether agents are handed tokens of their allocations; older ones don't look for them
    command: str = ""  # how the agent is started there; empty: as this process was
    folder: str = ""  # for scripts and output; empty: in the data folder
    hosts: Sequence[str] = ()  # of pools of machines: their names
    pod: Mapping[str, Any] = field(default_factory=dict)  # of Kubernetes: merged into what a pod is described as
    poll: float = 10.0  # seconds between two looks at the engine


Report = Callable[[Issue], None]


def read_pools(path: Path, providers: Mapping[str, bool]) -> tuple[PoolConfig, ...]:
    """Read the file; *providers* are those that there are, and whether their hosts end (a walltime is needed).

    InvalidDefinition has everything that is wrong with it.
    """
    try:
        document = parse_document(path.read_bytes())
    except OSError as error:
        raise BadRequest(f"{path} can't be read: {error.strerror}") from None
    return parse_pools(document, providers)


def parse_pools(document: Any, providers: Mapping[str, bool]) -> tuple[PoolConfig, ...]:
    """Read the document of a file; see `read_pools`."""
    issues: list[Issue] = []
    top = _Object(document, "", issues, {"pools"})
    listed = top.take("pools", _list, [])
    pools = [_pool(each, f"/pools/{number}", issues, providers) for number, each in enumerate(listed)]
    names = [pool.spec.name for pool in pools]
    issues += [
        Issue(f"/pools/{at}/name", f"there is a pool {name} already")
        for at, name in enumerate(names)
        if name in names[:at]
    ]
    if not issues and not pools:
        issues.append(Issue("/pools", "expected at least one pool, found none"))
    if issues:
        raise InvalidDefinition(issues)
    return tuple(pools)


_KUBERNETES_OPTIONS = {"image", "namespace", "secret", "queue", "gpu"}
_KEYS = {
    "name", "provider", "host", "walltime", "min", "max", "pending", "worth", "keep", "options", "directives",
    "leave_out", "before", "agent", "join", "command", "folder", "poll", "hosts",
    "pod", "tokens", "operators", "owners", "during", "maintenance", "budget",
}  # fmt: skip


def _pool(document: Any, path: str, issues: list[Issue], providers: Mapping[str, bool]) -> PoolConfig:
    found = _Object(document, path, issues, _KEYS)
    spec = _spec(found, providers)
    agent = found.take("agent", _texts, ())
    if any(text.lstrip("-").partition("=")[0] == "owners" for text in agent):
        found.report("agent", "whose nodes hosts are for, and are asked for, stands under `owners` of the pool")
    hosts = found.take("hosts", _texts, ())
    if spec.provider == "ssh" and not hosts:
        found.report("hosts", "expected the names of the machines, as `ssh` takes them")
    if hosts and spec.maximum > len(hosts):
        found.report("max", f"expected at most {len(hosts)}, as there is one agent per machine, found {spec.maximum}")
    options = found.take("options", _options, {})
    if spec.provider == "kubernetes":
        _check_kubernetes(options, path + pointer("options"), issues)
    return PoolConfig(
        spec=spec,
        options=options,
        directives=found.take("directives", _texts, ()),
        leave_out=found.take("leave_out", _texts, ()),
        before=found.take("before", _texts, ()),
        agent=agent,
        join=found.take("join", _text, ""),
        tokens=found.take("tokens", _flag, True),
        command=found.take("command", _text, ""),
        folder=found.take("folder", _text, ""),
        hosts=hosts,
        pod=found.take("pod", _object, {}),
        poll=found.take("poll", _seconds, 1.0 if spec.provider == "local" else 10.0),
    )


def _spec(found: "_Object", providers: Mapping[str, bool]) -> PoolSpec:
    """Read what the daemon is told of a pool: how many of which hosts there may be, when, and for whom."""
    name = found.require("name", _pool_name, "a")
    provider = found.require("provider", lambda value: _one_of(value, providers), "")
    hosts_end = providers.get(provider, False)
    walltime = found.take("walltime", _seconds, None)
    if hosts_end and walltime is None and "walltime" not in found.given:
        found.report("walltime", f'expected how long a host of {provider} is asked for, such as "4h"')
    maximum = found.require("max", lambda value: _whole(value, least=1), 1)
    minimum = found.take("min", lambda value: _whole(value, least=0), 0)
    if minimum > maximum:
        found.report("min", f"expected at most {maximum}, the `max` of the pool, found {minimum}")
    budget = None
    if "budget" in found.given:
        budget = _budget(found.given["budget"], found.path + pointer("budget"), found.issues)
    host = ONE_CPU
    if "host" in found.given:
        host, wrong = resources_from_json(found.given["host"], found.path + pointer("host"))
        found.issues += wrong
    return PoolSpec(
        name=name,
        provider=provider,
        host=host,
        walltime=walltime,
        minimum=minimum,
        maximum=maximum,
        pending=found.take("pending", lambda value: _whole(value, least=1), min(5, maximum)),
        worth=found.take("worth", _seconds, 120.0),
        keep=found.take("keep", _seconds, 300.0),
        operators=found.take("operators", _patterns, ()),
        owners=found.take("owners", _owners, frozenset()),
        during=found.take("during", lambda value: parse_windows(_text(value)), None),
        maintenance=found.take("maintenance", _maintenance, ()),
        budget=budget,
    )


def _maintenance(value: Any) -> tuple[Maintenance, ...]:
    if not isinstance(value, list) or len(value) > MOST:
        raise ValueProblem(
            f"expected a list of at most {MOST} objects with `name`, `from` and `to`, found {quote(value)}"
        )
    return tuple(map(maintenance_of, value))


def _budget(document: Any, path: str, issues: list[Issue]) -> Budget:
    found = _Object(document, path, issues, {"day", "total"})
    if isinstance(document, dict) and not any(key in found.given for key in ("day", "total")):
        issues.append(Issue(path, "expected core-hours of a `day`, in `total`, or both"))
    return Budget(day=found.take("day", _core_hours, None), total=found.take("total", _core_hours, None))


def _core_hours(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not 0 <= value <= _MOST_HOURS:
        raise ValueProblem(f"expected core-hours from 0 to {_MOST_HOURS:,}, found {quote(value)}")
    return float(value)


def _check_kubernetes(options: Mapping[str, str], path: str, issues: list[Issue]) -> None:
    """Check options that aren't passed on: nobody else would say what is wrong with them."""
    if "image" not in options:
        issues.append(Issue(path, "expected the `image` of agents' containers to be there"))
    issues += [
        Issue(
            path + pointer(key),
            f"there is no option {key!r}; expected {', '.join(sorted(_KUBERNETES_OPTIONS))}. What else a pod needs "
            "stands under `pod`",
            suggest(key, _KUBERNETES_OPTIONS),
        )
        for key in options
        if key not in _KUBERNETES_OPTIONS and not is_ignored(key)
    ]


class _Object:
    """An object of the document that is being read: each key at most once, unknown ones reported."""

    def __init__(self, document: Any, path: str, issues: list[Issue], keys: set[str]) -> None:
        self.path = path
        self.issues = issues
        self.given: Mapping[str, Any] = document if isinstance(document, dict) else {}
        if not isinstance(document, dict):
            issues.append(Issue(path, f"expected an object, found {quote(document)}"))
        for key in self.given:
            if key not in keys and not is_ignored(key):
                self.report(
                    key, f"there is no key {key!r} here; expected {', '.join(sorted(keys))}", suggest(key, keys)
                )

    def report(self, key: str, message: str, meant: str | None = None) -> None:
        """Note that something is wrong with a key."""
        self.issues.append(Issue(self.path + pointer(key), message, meant))

    def take(self, key: str, read: Callable[[Any], Any], default: Any) -> Any:
        """Return what *read* makes of a key's value; the default if it isn't there, or is wrong."""
        if key not in self.given:
            return default
        try:
            return read(self.given[key])
        except ValueProblem as problem:
            self.report(key, problem.message)
            return default

    def require(self, key: str, read: Callable[[Any], Any], default: Any) -> Any:
        """Do as `take`, and report a key that isn't there."""
        if key not in self.given:
            self.report(key, "expected it to be there")
        return self.take(key, read, default)


def _pool_name(value: Any) -> str:
    if not isinstance(value, str) or not is_pool_name(value):
        raise ValueProblem(f"expected a pool's name ({POOL_NAME_RULE}), found {quote(value)}")
    return value


def _one_of(value: Any, known: Mapping[str, bool]) -> str:
    if not isinstance(value, str) or value not in known:
        raise ValueProblem(f"expected one of the providers {', '.join(sorted(known))}, found {quote(value)}")
    return value


def _whole(value: Any, *, least: int) -> int:
    number = parse_count(value)
    if not least <= number <= _MOST:
        raise ValueProblem(f"expected a whole number from {least} to {_MOST}, found {quote(value)}")
    return number


def _seconds(value: Any) -> float:
    seconds = parse_duration(value).ms / 1000
    if seconds <= 0:
        raise ValueProblem(f'expected a time such as "90s" or "4h", found {quote(value)}')
    return seconds


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value or len(value) > _LONGEST_TEXT or "\0" in value:
        raise ValueProblem(f"expected a text, found {quote(value)}")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueProblem(f"expected true or false, found {quote(value)}")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueProblem(f"expected a list, found {quote(value)}")
    return value


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueProblem(f"expected an object, found {quote(value)}")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    found = tuple(_text(each) for each in _list(value))
    if any("\n" in each for each in found):
        raise ValueProblem("expected texts of one line each")
    return found


def _patterns(value: Any) -> tuple[str, ...]:
    """Read patterns of operators' names; `*` alone says nothing."""
    found = _texts(value)
    if not found:
        raise ValueProblem("expected patterns of operators' names, such as Train*, found none")
    return () if "*" in found else found


def _owners(value: Any) -> frozenset[str]:
    """Read whose nodes are meant; `*` alone says nothing."""
    found = _texts(value)
    if not found:
        raise ValueProblem("expected owners as addresses, names or group:NAME, found none")
    return frozenset() if "*" in found else frozenset(map(parse_served, found))


def _options(value: Any) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise ValueProblem(f"expected an object of options, found {quote(value)}")
    for key, each in value.items():
        if not isinstance(each, str) or not each:
            raise ValueProblem(f"expected a text of option {quote(key)}, found {quote(each)}")
    return {key: _text(each) for key, each in value.items()}
