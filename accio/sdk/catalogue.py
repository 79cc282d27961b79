"""The operators that an agent can offer: found by entry points and by name, described once, and remembered.

Descriptions are cached by the content of the files that they rest on, so that a start needn't import what operators
import.
"""

import ast
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson

from accio.domain.draws import doubt_when_loaded
from accio.domain.issues import Issue
from accio.domain.operators import OperatorSpec
from accio.domain.problems import ValueProblem
from accio.errors import AccioError, BadRequest, InvalidDefinition
from accio.faults import place_of, signal_name
from accio.interpreter import PATH, search_path
from accio.late import dataclass
from accio.sdk.describe import Description, issues_of
from accio.sdk.digest import FORMAT, full_hash, with_environment
from accio.sdk.environments import contained, containers, functions
from accio.sdk.environments.contained import ImageNeed, Inner
from accio.sdk.environments.functions import Need
from accio.sdk.extras import has_extras
from accio.sdk.fingerprint import Fingerprint
from accio.sdk.installed import Installed
from accio.sdk.loading import GROUP, distributions_announcing, split_reference
from accio.sdk.modules import distributions_of
from accio.sdk.references import bound_names

RESULT = "result.json"
_DESCRIBE = "accio.sdk.describe"
_ANALYSIS = "4"
"""Another one wherever the analysis finds more: what was described before isn't used then."""
MOST_DESCRIPTIONS = 64
"""How many a cache keeps, the newest: each interpreter and each place of a file has its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Operators that are loaded together, in one process: those of a distribution, of a file, or one program.

    `references` are what `accio.sdk.loading.load` takes, behind the environment in which that is done if it isn't the
    agent's own (`accio.sdk.environments.functions`).
    """

    distribution: str
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An operator and where it is loaded from."""

    spec: OperatorSpec
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """What there is to offer. `warnings` are for people: operators that aren't cached; `left_out` says of each package
    that can't be loaded why.

    `fingerprints` are those of the sources, by distribution; `contents` is where those of installed packages are kept;
    `named` are the distributions that were asked for by name.
    """

    offers: tuple[Offer, ...]
    named: frozenset[str]
    warnings: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    fingerprints: dict[str, Fingerprint]
    contents: Path | None = None

    @property
    def sources(self) -> tuple[Source, ...]:
        """Where the operators come from, each source once."""
        return tuple(dict.fromkeys(offer.source for offer in self.offers))

    @property
    def doubts(self) -> tuple[str, ...]:
        """What to tell people of operators that draw random numbers otherwise than from their context."""
        told = (
            doubt_when_loaded(spec.name, spec.draws, unstable=spec.unstable)
            for spec in (offer.spec for offer in self.offers)
        )
        return tuple(filter(None, told))

    def is_current(self, source: Source) -> bool:
        """Return whether the files of a source are still those that were described: a worker with others would lie."""
        return self.fingerprints[source.distribution].is_current(Installed(self.contents))


def installed_sources() -> list[Source]:
    """Return what installed distributions announce by entry points, one source for each.

    An entry point that names extras of its distribution (`package.operators [extra]`) counts where these are installed.
    """
    found: dict[str, set[str]] = {}
    for point in entry_points(group=GROUP):
        if not has_extras(point):
            continue
        name = point.dist.name if point.dist is not None else point.module.partition(".")[0]
        found.setdefault(name, set()).add(f"{point.module}:{point.attr}" if point.attr else point.module)
    return [Source(distribution=name, references=tuple(sorted(found[name]))) for name in sorted(found)]


def named_source(text: str, folder: Path) -> Source:
    """Return the source behind `--operators TEXT`: a module, a .py file (or a function in it), a program's .json file.

    Relative paths, and modules that are nowhere else, are looked for in *folder*. BadRequest if there is nothing.
    """
    place, attribute = split_reference(text)
    if place.endswith(".py") or text.endswith(".json"):
        path = Path(os.path.normpath(folder / place))
        if not path.is_file():
            raise BadRequest(f"--operators {text}: there is no file {path}")
        environment = () if text.endswith(".json") else functions.named_in(path)
        return Source(
            distribution=str(path), references=(*environment, f"{path}:{attribute}" if attribute else str(path))
        )
    module, colon, attribute = text.partition(":")
    local = _module_file(folder, module)
    if local is not None and not _is_importable(module):
        if colon and not _binds(local, attribute):
            raise BadRequest(f"--operators {text}: {local} defines no {attribute}; name the file")
        return Source(distribution=str(local), references=(*functions.named_in(local), f"{local}{colon}{attribute}"))
    if not _is_importable(module):
        raise BadRequest(
            f"--operators {text}: there is no module {module}; give a module, a file NAME.py or a declaration NAME.json"
        )
    top = module.partition(".")[0]
    names = sorted(distributions_announcing(top)) or list(distributions_of(top)) or [top]
    return Source(distribution=names[0], references=(text,))


def discover(
    named: Iterable[str], *, folder: Path, cache: Path | None, shared: Path | None = None, installed: bool = True
) -> Catalogue:
    """Find and describe operators. *named* are the values of `--operators`, relative to *folder*.

    *cache* is a folder for descriptions, *shared* one for those of what installed packages announce, which are the same
    for all agents of a user; by default it is *cache*. What can't be loaded is an error if it was named (BadRequest,
    InvalidDefinition), and `left_out` if it is only installed. Two operators of one name are refused.
    """
    explicit = [named_source(text, folder) for text in named]
    wanted = {source.distribution for source in explicit}
    announced = installed_sources() if installed else []
    sources = _merged([*announced, *explicit])
    shared = shared or cache
    contents = None if shared is None else shared / "installed"
    offers: list[Offer] = []
    warnings: list[str] = []
    left_out: list[str] = []
    fingerprints: dict[str, Fingerprint] = {}
    with ThreadPoolExecutor() as pool:  # each is described by a process of its own
        describing = [
            pool.submit(describe_source, source, shared if source in announced else cache, contents)
            for source in sources
        ]
    for source, described in zip(sources, describing, strict=True):
        try:
            description = described.result()
        except AccioError as error:
            if source.distribution in wanted:
                raise
            left_out.append(f"the operators of {source.distribution} are left out: {error.message}")
            continue
        fingerprints[source.distribution] = description.fingerprint
        offers += [Offer(spec=spec, source=source) for spec in description.specs]
        warnings += [
            f"operator {spec.name} is never cached: {spec.uncacheable}"
            for spec in description.specs
            if spec.digest is None
        ]
    refuse_duplicates(offers)
    return Catalogue(
        offers=tuple(offers),
        named=frozenset(wanted),
        warnings=tuple(warnings),
        left_out=tuple(left_out),
        fingerprints=fingerprints,
        contents=contents,
    )


def renew(
    catalogue: Catalogue, changed: Collection[str], *, cache: Path | None, shared: Path | None = None
) -> tuple[Catalogue, dict[str, str]]:
    """Describe the *changed* distributions of a catalogue anew. Return the catalogue as it is now, and why some are in
    it as they were: they can't be loaded, or have an operator that another one has, too.

    *cache* and *shared* are the folders that `discover` was given.
    """
    failures: dict[str, str] = {}
    for source in catalogue.sources:
        if source.distribution not in changed:
            continue
        try:
            folder = cache if source.distribution in catalogue.named else shared or cache
            description = describe_source(source, folder, catalogue.contents)
            own = [Offer(spec=spec, source=source) for spec in description.specs]
            others = [offer for offer in catalogue.offers if offer.source != source]
            refuse_duplicates([*others, *own])
        except AccioError as error:
            failures[source.distribution] = error.message
            continue
        fingerprints = catalogue.fingerprints | {source.distribution: description.fingerprint}
        catalogue = replace(catalogue, offers=(*others, *own), fingerprints=fingerprints)
    return catalogue, failures


def refuse_duplicates(offers: Sequence[Offer]) -> None:
    """Raise InvalidDefinition if two sources offer an operator of the same name."""
    first: dict[str, Offer] = {}
    issues = []
    for offer in offers:
        other = first.setdefault(offer.spec.name, offer)
        if other.source.distribution != offer.source.distribution:
            issues.append(
                Issue(
                    "/name",
                    f"there are two operators {offer.spec.name}: one of {other.source.distribution}, one of "
                    f"{offer.source.distribution}; leave one of them out, or rename one with name=",
                )
            )
    if issues:
        raise InvalidDefinition(issues)


def describe_source(
    source: Source, cache: Path | None, contents: Path | None = None, *, within_s: float | None = None
) -> Description:
    """Return the description of a source from the cache, or make it in a process of its own.

    *contents* is a folder in which the contents of installed packages are remembered. Raises TimeoutError where making
    it would take longer than *within_s* seconds, as it may where an environment has to be made or a container started.
    """
    entry = None if cache is None else cache / f"{_key(source)[:32]}.json"
    known = None if entry is None else _read(entry)
    if known is not None and known.fingerprint.is_current(Installed(contents)):
        return known
    need, _ = functions.split(source.references)
    if need is not None and within_s is not None and (isinstance(need, ImageNeed) or not need.is_made):
        raise TimeoutError
    document = (
        _describe_elsewhere(source, contents, within_s) if need is None else _describe_within(need, source, within_s)
    )
    if entry is not None:
        _write(entry, document)
    return _description(document)


def _key(source: Source) -> str:
    return full_hash("\0".join((FORMAT, _ANALYSIS, sys.executable, source.distribution, *source.references)))


def _read(entry: Path) -> Description | None:
    """Read a cached description; None if there is none that can be read."""
    try:
        return _description(orjson.loads(entry.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ValueProblem):
        return None


def _write(entry: Path, document: dict[str, Any]) -> None:
    """Keep a description; a cache that can't be written is only slower."""
    with suppress(OSError):
        entry.parent.mkdir(parents=True, exist_ok=True)
        temporary = entry.with_suffix(f".{os.getpid()}")
        temporary.write_bytes(orjson.dumps(document))
        temporary.replace(entry)
        written = sorted(entry.parent.glob("*.json"), key=lambda each: each.stat().st_mtime_ns, reverse=True)
        for old in written[MOST_DESCRIPTIONS:]:
            old.unlink(missing_ok=True)


def _description(document: dict[str, Any]) -> Description:
    return Description(
        specs=tuple(OperatorSpec.from_json(spec) for spec in document["specs"]),
        fingerprint=Fingerprint.from_json(document["fingerprint"]),
    )


def _describe_within(need: Need, source: Source, within_s: float | None) -> dict[str, Any]:
    """Describe a source in the environment that its operators name."""
    functions.make_ready(need)
    if isinstance(need, ImageNeed):
        return _describe_in_image(need, source)
    place, files = need.place(), need.needs()
    document = _describe_elsewhere(source, None, within_s)
    if need.place() != place:
        raise BadRequest(f"the requirements {need.lock} changed while the operators of {source.distribution} were read")
    description = _description(document)
    specs = [with_environment(spec, need) for spec in description.specs]
    fingerprint = description.fingerprint.elsewhere(files, () if need.folder is None else need.sites())
    return {"specs": [spec.to_json() for spec in specs], "fingerprint": fingerprint.to_json()}


def _describe_in_image(need: ImageNeed, source: Source) -> dict[str, Any]:
    """Describe a source by the Python of the image that its operators name.

    Its fingerprint is of what the host has: the source, Accio, the pin of the image, which stands for all within it.
    """
    description = _description(_describe_elsewhere(source, None, within_s=None))
    specs = [with_environment(spec, need) for spec in description.specs]
    found, roots = description.fingerprint, _roots(source)
    fingerprint = found.elsewhere(need.needs(), (), lambda path: _on_host(path, roots))
    return {"specs": [spec.to_json() for spec in specs], "fingerprint": fingerprint.to_json()}


def _on_host(path: str, roots: Sequence[Path]) -> str | None:
    """Return a path of a container as the host has it; None for what the image has itself."""
    return contained.outside(path) or (path if contained.is_seen(Path(path), roots) else None)


def _roots(source: Source) -> list[Path]:
    """Return the folder of a file, with those of the packages that it is in."""
    folder = Path(source.distribution).parent
    while (folder / "__init__.py").is_file():
        folder = folder.parent
    return [folder]


def _command(source: Source, folder: Path, known: str) -> tuple[list[str], Mapping[str, str]]:
    """Return what describes a source, where its operators are loaded, into a folder; and its environment variables."""
    need, references = functions.split(source.references)
    arguments = (str(folder / RESULT), known, source.distribution, *references)
    outer = os.environ | {PATH: search_path(sys.path)}
    if not isinstance(need, ImageNeed):
        return functions.command(need, _DESCRIBE, *arguments), functions.variables(need, outer)
    inner = Inner(
        module=_DESCRIBE, arguments=arguments, folder=folder, home=folder, label=containers.label_of(folder),
        variables=outer, reads=_roots(source),
    )  # fmt: skip
    return contained.command(need, inner)


def _describe_elsewhere(source: Source, contents: Path | None, within_s: float | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="accio-") as folder:
        result = Path(folder) / RESULT
        command, environment = _command(source, Path(folder), str(contents or ""))
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                env=environment,
                timeout=within_s,
            )
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
        if not result.is_file():
            said = done.stderr.decode(errors="replace").strip()
            last = place_of(said) or said.rpartition("\n")[2]
            how = f"with exit code {done.returncode}" if done.returncode >= 0 else f"by {signal_name(-done.returncode)}"
            raise BadRequest(
                f"the operators of {source.distribution} can't be imported: the interpreter ended {how}"
                + (f" ({last})" if last else "")
            )
        document: dict[str, Any] = orjson.loads(result.read_bytes())
    if "issues" in document:
        raise InvalidDefinition(issues_of(document["issues"]))
    if "error" in document:
        raise BadRequest(document["error"])
    return document


def _merged(sources: Iterable[Source]) -> list[Source]:
    """Join the sources of one distribution."""
    references: dict[str, list[str]] = {}
    for source in sources:
        references.setdefault(source.distribution, []).extend(source.references)
    return [Source(distribution=name, references=tuple(dict.fromkeys(found))) for name, found in references.items()]


def _is_importable(module: str) -> bool:
    """Return whether a module can be found without importing it; of a submodule, whether its top-level package can."""
    try:
        return find_spec(module.partition(".")[0]) is not None
    except (ImportError, ValueError):
        return False


def _binds(path: Path, name: str) -> bool:
    """Return whether a statement of a file binds a name, without importing it."""
    try:
        return name in bound_names(ast.parse(path.read_bytes()).body)
    except (OSError, SyntaxError, ValueError):
        return False


def _module_file(folder: Path, module: str) -> Path | None:
    base = folder.joinpath(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path.absolute()
    return None
