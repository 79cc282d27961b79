"""Describes the operators of one source: imports them, computes their digests, and says what all this rests on.

The program that the catalogue runs for it is `accio.sdk.describing`.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import field, replace
from pathlib import Path

import orjson

from accio import interpreter
from accio.domain.issues import Issue, pointer
from accio.domain.jsontext import canonical_dump
from accio.domain.operators import InputPort, OperatorSpec, OutputPort
from accio.domain.values import canonical
from accio.errors import AccioError, InvalidDefinition
from accio.late import dataclass
from accio.sdk import search_path
from accio.sdk.commands import Program
from accio.sdk.declare import Declaration, default_text
from accio.sdk.digest import Subject, operator_digest
from accio.sdk.fingerprint import Fingerprint
from accio.sdk.import_watch import watched_imports
from accio.sdk.installed import SDK, Installed
from accio.sdk.library import Library
from accio.sdk.loading import Loaded, load_all, modules_of
from accio.sdk.modules import ModuleFinder, Standing, distributions_of
from accio.sdk.program_digest import with_digest
from accio.sdk.resolution import Resolution


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """The operators of a source, and what their description rests on."""

    specs: tuple[OperatorSpec, ...]
    fingerprint: Fingerprint


@dataclass(slots=True)
class _Foundations:
    """What a fingerprint will be taken of."""

    trees: set[Path] = field(default_factory=set)
    folders: set[Path] = field(default_factory=set)
    files: set[Path] = field(default_factory=set)
    distributions: dict[str, str] = field(default_factory=dict)


def describe(distribution: str, references: Sequence[str], cache: Path | None = None) -> Description:
    """Import and describe the operators behind *references*; the errors are those of `load_all`.

    What is found of installed distributions is kept in *cache*.
    """
    before, path = set(sys.modules), list(sys.path)
    with watched_imports() as imports:
        loaded = load_all(references)
    modules = modules_of(references)
    own = {name for module in modules for name in distributions_of(module)} | {distribution}
    finder = ModuleFinder(frozenset(own), Installed(cache))
    library = Library(finder, imports)
    foundations = _Foundations()
    specs = [_spec(one, distribution, library, modules, foundations) for one in loaded]
    _look_at_loaded(finder, sys.modules.keys() - before)
    _add_modules(library, foundations)
    ahead, behind = _put_around(path)
    fingerprint = Fingerprint.take(
        trees=foundations.trees,
        folders=foundations.folders,
        files=foundations.files,
        distributions=foundations.distributions,
        installed=finder.contents(),
        resolution=Resolution(
            places={
                facts.name: facts.place
                for facts in sorted(finder.looked_at(), key=lambda facts: facts.name)
                if facts.place is not None
            },
            folders=tuple(dict.fromkeys((*search_path.added(), *behind))),
            pins=search_path.pinned(),
            ahead=ahead,
        ),
        extended=(extended := finder.packages()),
        plugins=finder.installed.plugins.hash_of(extended),
    )
    return Description(specs=tuple(specs), fingerprint=fingerprint)


def _put_around(path: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what operators' modules have put before a search path while they were imported, and what behind its
    beginning.
    """
    first = next((at for at, folder in enumerate(sys.path) if folder in path), 0)
    added = set(search_path.added())
    new = [folder for folder in sys.path[first:] if folder not in {*path, *added}]
    return tuple(map(str, sys.path[:first])), tuple(map(str, new))


def _spec(
    loaded: Loaded, distribution: str, library: Library, modules: Sequence[str], foundations: _Foundations
) -> OperatorSpec:
    operator = loaded.operator
    foundations.files.update(loaded.files())
    if isinstance(operator, Program):
        if operator.python is not None and operator.python.lock is None:
            foundations.trees.update(operator.python.sites())
        return replace(with_digest(operator), distribution=distribution)
    if (operator.python or operator.image) is not None and not interpreter.LENT:
        message = (
            f"operator {operator.name}: its environment is read from the file that --operators names, before that is "
            f"imported: name {loaded.source}"
        )
        raise InvalidDefinition([Issue(pointer("image" if operator.image else "python"), message)])
    foundations.files.add(
        loaded.source
    )  # ports come from there, even where an explicit version says all about the code
    subject = Subject(
        name=operator.name,
        roots=loaded.roots,
        ports=ports_text(operator),
        takes_randomness=operator.unstable and operator.takes_context,
        version=operator.version,
        files=operator.files,
        folder=loaded.source.parent,
    )
    digest = operator_digest(subject, library, also_imported=modules)
    return replace(
        spec_of(operator),
        digest=digest.digest,
        uncacheable=digest.uncacheable,
        components=tuple(sorted(digest.components.items())),
        distribution=distribution,
        draws=digest.draws,
    )


def spec_of(operator: Declaration) -> OperatorSpec:
    """Return the spec of a declaration, without its digest."""
    return OperatorSpec(
        name=operator.name,
        uncacheable="its digest has not been computed",
        category=operator.category,
        help=operator.help,
        unstable=operator.unstable,
        deprecated=operator.deprecated,
        inputs=tuple(
            InputPort(
                name=port.name,
                type=port.hint.type,
                default=default_text(port),
                optional=port.optional,
                help=port.help,
                choices=tuple(canonical(port.hint.type, value) for value in port.hint.choices),
            )
            for port in operator.inputs
        ),
        outputs=tuple(OutputPort(name=port.name, type=port.hint.type, help=port.help) for port in operator.outputs),
        resources=operator.limits.resources,
        timeout_ms=operator.limits.timeout_ms,
        retries=operator.limits.retries,
        retry_backoff_ms=operator.limits.retry_backoff_ms,
        retry_memory=operator.limits.retry_memory,
        memory_limit=operator.limits.memory_limit,
        isolated=operator.isolated,
    )


def ports_text(operator: Declaration) -> str:
    """Return the names and types of the ports, and whether there is a seed: a stored result depends on them too."""
    return canonical_dump(
        {
            "inputs": sorted([port.name, str(port.hint.type)] for port in operator.inputs),
            "outputs": sorted([port.name, str(port.hint.type)] for port in operator.outputs),
            "unstable": operator.unstable,
        }
    )


def _look_at_loaded(finder: ModuleFinder, names: Iterable[str]) -> None:
    """Count modules that were imported with the operators, whether an analysis came to them or not.

    Those that code has made or put under another name are left out: nothing finds them before that code runs.
    """
    for name in sorted(names):
        spec = getattr(sys.modules.get(name), "__spec__", None)
        if spec is not None and spec.has_location and spec.name == name:
            finder.find(name)


def _add_modules(library: Library, foundations: _Foundations) -> None:
    """Add every module that an analysis looked at."""
    foundations.trees.add(Path(__file__).parent)  # another version of the analysis may see other things
    foundations.distributions.update(library.finder.find(SDK).distributions)
    foundations.distributions.update(library.finder.versions)
    for facts in library.finder.looked_at():
        foundations.distributions.update(facts.distributions)
        if facts.path is not None and facts.standing in {Standing.FOLLOWED, Standing.COMPILED}:
            top = library.finder.find(facts.name.partition(".")[0])
            if top.folders:
                foundations.trees.update(map(Path, top.folders))
            else:
                foundations.folders.add(facts.path.parent)


def main(arguments: Sequence[str]) -> None:
    """Write the description, or what is wrong, as JSON: the program, by its arguments."""
    result, cache, distribution, *references = arguments
    document: dict[str, object]
    try:
        description = describe(distribution, references, Path(cache) if cache else None)
    except InvalidDefinition as error:
        document = {"issues": [issue.to_json() for issue in error.issues]}
    except AccioError as error:
        document = {"error": error.message}
    else:
        document = {
            "specs": [spec.to_json() for spec in description.specs],
            "fingerprint": description.fingerprint.to_json(),
        }
    Path(result).write_bytes(orjson.dumps(document))


def issues_of(document: Sequence[dict[str, str]]) -> list[Issue]:
    """Read the issues that `main` wrote."""
    return [Issue(issue["path"], issue["message"], issue.get("suggestion")) for issue in document]
