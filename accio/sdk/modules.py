"""Where modules come from: followed by their source, or known by the distribution that they are installed with.

A module's source is followed if it belongs to the operator's own distribution, or if no distribution has installed it:
files beside a single-file operator, editable installs, strays in site-packages. Nothing is imported here.
"""

import importlib.machinery
import importlib.util
import site
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import Enum
from functools import cache
from importlib.metadata import distributions, packages_distributions
from pathlib import Path

from accio.late import dataclass
from accio.sdk.installed import SDK, Installed, normal_name, requirements_of, site_of, version_of
from accio.version import DISTRIBUTION


class Standing(Enum):
    """How a module counts in a digest."""

    FOLLOWED = "by its source"
    VERSIONED = "by the installed files of its distribution"
    STANDARD = "by the version of the interpreter"
    COMPILED = "it has no source"
    ABSENT = "it can't be found"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleFacts:
    """What is known of a module without importing it. `distributions` are pairs of name and version.

    `place` is where its name leads, as `place_of` gives it; None of a module that counts with its package.
    """

    name: str
    standing: Standing
    path: Path | None = None
    is_package: bool = False
    folders: tuple[str, ...] = ()
    distributions: tuple[tuple[str, str], ...] = ()
    place: tuple[str, ...] | None = None


class ModuleFinder:
    """Finds modules as the running interpreter would, and remembers them."""

    def __init__(self, own_distributions: frozenset[str], installed: Installed | None = None) -> None:
        """`own_distributions` are the names of the installed distributions whose source is followed."""
        self.installed = installed or Installed()
        self.versions: dict[str, str] = {}
        """What was asked for by `version`."""
        self._places: dict[str, set[str]] = {}
        self._asked: set[str] = set()
        self._own = frozenset(normal_name(name) for name in own_distributions)
        self._found: dict[str, ModuleFacts] = {}

    def find(self, name: str) -> ModuleFacts:
        """Return what is known of the module with this dotted name."""
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def looked_at(self) -> list[ModuleFacts]:
        """Return what is known of every module that was asked for."""
        return list(self._found.values())

    def packages(self) -> set[str]:
        """Return the top-level packages that are known by what is installed."""
        found = (facts.name.partition(".")[0] for facts in self._found.values() if facts.standing is Standing.VERSIONED)
        return {name for name in found if name != SDK}

    def with_requirements(self, distributions: Iterable[str]) -> dict[str, str]:
        """Return the versions of distributions, and of all that they need in turn, by name; not Accio's needs."""
        found: dict[str, str] = {}
        waiting = list(distributions)
        while waiting:
            name = normal_name(waiting.pop())
            name = SDK if name == DISTRIBUTION else name  # digests know it by the name of its package
            if name not in found:
                found[name] = version_of(name)
                if name != SDK:
                    waiting += requirements_of(name)
        return found

    def version(self, distribution: str) -> str:
        """Return the version of a distribution for code that asks for it."""
        return self.versions.setdefault(distribution, version_of(distribution))

    def content(self, distribution: str) -> str:
        """Return a hash of what is installed of a distribution."""
        self._asked.add(distribution)
        return self.installed.content(distribution, self._places.get(normal_name(distribution), ()))

    def contents(self) -> dict[str, tuple[str, ...]]:
        """Return the content of each distribution that was asked for, followed by the places known to be its own."""
        return {
            name: (self.content(name), *sorted(self._places.get(normal_name(name), ()))) for name in sorted(self._asked)
        }

    def _find(self, name: str) -> ModuleFacts:
        parent, _, _ = name.rpartition(".")
        folders: tuple[str, ...] | None = None
        if parent:
            above = self.find(parent)
            if above.standing in {Standing.STANDARD, Standing.VERSIONED}:
                return ModuleFacts(name=name, standing=above.standing, distributions=above.distributions)
            if above.standing is not Standing.FOLLOWED or not above.is_package:
                return ModuleFacts(name=name, standing=Standing.ABSENT)
            folders = above.folders
        if name == SDK:
            return ModuleFacts(name=name, standing=Standing.VERSIONED, distributions=((SDK, version_of(SDK)),))
        if name in sys.builtin_module_names:
            return ModuleFacts(name=name, standing=Standing.STANDARD)
        spec = find_spec(name, folders)
        facts = ModuleFacts(name=name, standing=Standing.ABSENT) if spec is None else self._judge(name, spec)
        return replace(facts, place=place_of(spec))

    def _judge(self, name: str, spec: importlib.machinery.ModuleSpec) -> ModuleFacts:
        folders = tuple(spec.submodule_search_locations or ())
        is_package = spec.submodule_search_locations is not None
        if spec.origin in {"built-in", "frozen"}:
            return ModuleFacts(name=name, standing=Standing.STANDARD)
        if not spec.has_location or spec.origin is None:
            # A namespace package has no code of its own; anything else without a file was made by some program.
            standing = Standing.FOLLOWED if is_package else Standing.COMPILED
            return ModuleFacts(name=name, standing=standing, is_package=is_package, folders=folders)
        path = Path(spec.origin)
        if _is_standard(path):
            return ModuleFacts(name=name, standing=Standing.STANDARD)
        distributions = _providing(name, path) if _is_installed(path) else ()
        names = {normal_name(distribution) for distribution, _ in distributions}
        if distributions and not self._own & names:
            for each in names:
                self._places.setdefault(each, set()).update(folders or (str(path),))
            return ModuleFacts(name=name, standing=Standing.VERSIONED, distributions=distributions)
        standing = Standing.FOLLOWED if path.suffix == ".py" and path.is_file() else Standing.COMPILED
        return ModuleFacts(name=name, standing=standing, path=path, is_package=is_package, folders=folders)


def distributions_of(module: str) -> tuple[str, ...]:
    """Name the distributions that have installed the top-level package of *module*; none if it lies elsewhere."""
    spec = find_spec(module.partition(".")[0], None)
    places = [] if spec is None else [spec.origin, *(spec.submodule_search_locations or ())]
    # Asked first, because reading the records of all distributions takes about a third of a second.
    installed = [Path(place) for place in places if place is not None and _is_installed(Path(place))]
    return tuple(name for name, _ in _providing(module, installed[0])) if installed else ()


def place_of(spec: importlib.machinery.ModuleSpec | None) -> tuple[str, ...]:
    """Return where a name leads: its file, and the folders of a package; nothing if it leads nowhere.

    A folder that a search path names twice gives a namespace package the same portion twice: it counts once.
    """
    if spec is None:
        return ()
    return (spec.origin or "", *dict.fromkeys(map(str, spec.submodule_search_locations or ())))


def _providing(module: str, path: Path) -> tuple[tuple[str, str], ...]:
    """Return the distributions that say that a top-level package is theirs, and are installed where the module lies."""
    resolved = path.resolve()
    top = module.partition(".")[0]
    for names in (_packages_distributions().get(top, ()), _recorded_distributions(top)):
        here = [name for name in set(names) if (site := site_of(name)) is not None and resolved.is_relative_to(site)]
        if here:
            return tuple(sorted((name, version_of(name)) for name in here))
    return ()


@cache
def _recorded_distributions(top: str) -> tuple[str, ...]:
    """Return the distributions whose records name a top-level module, whatever they say of their packages: `_duckdb` is
    duckdb's.
    """
    begins = (f"{top}.", f"{top}/")
    return tuple(
        found.name for found in distributions() if any(str(file).startswith(begins) for file in found.files or ())
    )


def find_spec(name: str, folders: Sequence[str] | None) -> importlib.machinery.ModuleSpec | None:
    """Find a module as an import would, without importing it; *folders* are those of its package, if it is in one."""
    loaded = sys.modules.get(name)
    if loaded is not None:
        spec: importlib.machinery.ModuleSpec | None = getattr(loaded, "__spec__", None)
        return importlib.machinery.ModuleSpec(name, None) if spec is None else spec
    try:
        if folders is not None:
            # By its last word: the spec of a namespace package asks for its package, which need not be imported here.
            return importlib.machinery.PathFinder.find_spec(name.rpartition(".")[2], list(folders))
        return importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None


def is_installed_name(name: str) -> bool:
    """Return whether something of a top-level name lies among installed packages: cheaply, of any word."""
    return name in _installed_names()


@cache
def _installed_names() -> frozenset[str]:
    folders = (folder for folder in _installed_folders() if folder.is_dir())
    return frozenset(path.name.partition(".")[0] for folder in folders for path in folder.iterdir())


@cache
def _packages_distributions() -> dict[str, list[str]]:
    return {top: list(names) for top, names in packages_distributions().items()}


@cache
def _standard_folders() -> tuple[Path, ...]:
    return tuple({Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")})


@cache
def _installed_folders() -> tuple[Path, ...]:
    folders = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()}
    return tuple({Path(folder).resolve() for folder in (*folders, site.getusersitepackages())})


def _is_installed(path: Path) -> bool:
    resolved = path.resolve()
    return bool({"site-packages", "dist-packages"} & set(resolved.parts)) or any(
        resolved.is_relative_to(folder) for folder in _installed_folders()
    )


def _is_standard(path: Path) -> bool:
    """Return whether a file belongs to the standard library, be it a link to elsewhere as Debian's `sitecustomize`."""
    resolved, folders = path.resolve(), _standard_folders()
    return not _is_installed(path) and any(
        place.is_relative_to(folder) for folder in folders for place in (resolved, path.parent.resolve())
    )
