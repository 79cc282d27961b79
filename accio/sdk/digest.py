"""The digest of a Python operator: equal digests promise equal results for equal inputs (docs/operators.md).

It covers the operator's own code and all that it reaches in its distribution, the versions and installed files of the
other distributions that these modules import and those need, and the interpreter's minor version. An explicit
`version=` takes the place of all that. Where something can't be known there is no digest but a reason. `components`
says what the digest covers, piece by piece, so that a difference can be explained.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import blake3

from accio.domain.draws import is_unseeded
from accio.domain.operators import OperatorSpec
from accio.late import dataclass
from accio.sdk import outer_settings
from accio.sdk.environments.contained import ImageNeed
from accio.sdk.environments.python import PythonNeed
from accio.sdk.installed import SDK
from accio.sdk.library import Library
from accio.sdk.reach import Walk
from accio.sdk.reached import Reached

FORMAT = "accio operator 2"
"""Enters every digest; a change of the analysis that changes what digests mean gets another number."""

SHORT = 16
_MOST_REASONS = 3
_MOST_DRAWS = 100
_LONGEST_DRAW = 200  # a label may name many things that one statement binds


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorDigest:
    """`digest` is `blake3:HEX`, or None with the reason in `uncacheable`; `components` maps names to short hashes;
    `draws` tells of random numbers (accio.domain.draws).
    """

    digest: str | None
    uncacheable: str | None
    components: Mapping[str, str]
    draws: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a digest is asked of: the name of the operator, where its analysis begins, what it declares.

    `roots` are pairs of a module and a name in it. `ports` is a text that tells the types of inputs and outputs.
    `files` are paths as they were declared, and `folder` is what they are relative to.
    """

    name: str
    roots: tuple[tuple[str, str], ...]
    ports: str
    takes_randomness: bool
    version: str | None
    files: tuple[str, ...]
    folder: Path


def operator_digest(subject: Subject, library: Library, also_imported: Iterable[str] = ()) -> OperatorDigest:
    """Compute a digest. `also_imported` are modules that are imported in the same process: they may patch anything."""
    parts = {"ports": full_hash(subject.ports)}
    problems = _add_files(subject, parts)
    if subject.version is not None:
        parts["version"] = full_hash(subject.version)
        return _conclude(subject, parts, {"version": subject.version}, problems)
    walk = Walk(library)
    for module, name in subject.roots:
        walk.start(module, name)
    walk.also_executed(also_imported)
    reached = walk.run()
    _add_code(subject, library, reached, parts)
    for package, announced in reached.extended.items():
        if announced:
            parts[f"plugins of {package}"] = full_hash(json.dumps(announced))
    _add_start(library, parts)
    versions = _versions(subject, library, reached)
    _add_contents(library, versions, parts)
    found = _conclude(subject, parts, versions, [*_reasons(subject, reached), *problems])
    return replace(found, draws=_draws(reached))


def _draws(reached: Reached) -> tuple[str, ...]:
    """Return what draws random numbers; who seeds a global generator himself knows what he draws from it."""
    told = (
        f"{name} in {where}"
        for name, where in sorted(reached.draws.items())
        if is_unseeded(name) or name.rpartition(".")[0] not in reached.seeded
    )
    return tuple(draw[:_LONGEST_DRAW] for draw in islice(told, _MOST_DRAWS))


def full_hash(text: str | bytes) -> str:
    """Return the BLAKE3 hash of a text, in hexadecimal digits."""
    return blake3.blake3(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text).hexdigest()


def combine(name: str, parts: Mapping[str, str]) -> str:
    """Return the digest of a program or operator of this name made of these parts: `blake3:HEX`."""
    document = json.dumps([FORMAT, name, sorted(parts.items())], ensure_ascii=True, separators=(",", ":"))
    return f"blake3:{full_hash(document)}"


def with_environment(spec: OperatorSpec, need: PythonNeed | ImageNeed) -> OperatorSpec:
    """Return the spec of a function that runs in an environment of its own. What it reaches there has been counted;
    locked requirements and images count as a whole.
    """
    if spec.digest is None or (isinstance(need, PythonNeed) and need.lock is None):
        return spec
    parts = need.parts() if isinstance(need, PythonNeed) else {"image": full_hash(need.parts()["image"])}
    digest = combine(spec.name, {"operator": spec.digest, **parts})
    shown = {(name, value[:SHORT]) for name, value in parts.items() if name in {"requirements", "image"}}
    return replace(spec, digest=digest, components=tuple(sorted({*spec.components, *shown})))


def no_digest(reasons: Sequence[str]) -> str:
    """Explain why there is no digest, and what to do about it."""
    shown = "; ".join(reasons[:_MOST_REASONS])
    more = f"; and {len(reasons) - _MOST_REASONS} more reasons" if len(reasons) > _MOST_REASONS else ""
    return (
        f"its digest can't be known: {shown}{more}. "
        "Declare version= (and change it with the code), or files= for data files, to have its results cached"
    )


def file_parts(files: Sequence[str], folder: Path) -> tuple[dict[str, str], list[str]]:
    """Hash declared files by content, folders with all that they hold; also give what couldn't be read."""
    parts: dict[str, str] = {}
    problems: list[str] = []
    for file in files:
        path = folder / file
        found = (
            sorted(p for p in path.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
            if path.is_dir()
            else [path]
        )
        for one in found:
            name = str(one.relative_to(path)) if one != path else ""
            label = f"file {file}" + (f"/{name}" if name else "")
            try:
                parts[label] = blake3.blake3().update_mmap(one).hexdigest()
            except OSError as error:
                problems.append(f"its declared file {file} can't be read ({error.strerror})")
        if not found:
            problems.append(f"its declared folder {file} is empty")
    return parts, problems


def _conclude(
    subject: Subject, parts: dict[str, str], versions: Mapping[str, str], problems: Sequence[str]
) -> OperatorDigest:
    components = {name: value[:SHORT] for name, value in parts.items()} | dict(versions)
    if problems:
        return OperatorDigest(digest=None, uncacheable=no_digest(problems), components=components)
    whole = parts | {name: full_hash(value) for name, value in versions.items()}
    return OperatorDigest(digest=combine(subject.name, whole), uncacheable=None, components=components)


def _add_files(subject: Subject, parts: dict[str, str]) -> list[str]:
    found, problems = file_parts(subject.files, subject.folder)
    parts.update(found)
    return problems


def _add_code(subject: Subject, library: Library, reached: Reached, parts: dict[str, str]) -> None:
    home = subject.roots[0][0] if subject.roots else ""
    texts: dict[str, list[str]] = {}
    for key in sorted(reached.units):
        unit = reached.units[key]
        text = library.normal_form(unit, keep_docstrings=reached.uses_docstrings)
        texts.setdefault(_label(unit.label, unit.module, home), []).append(text)
    for label, found in texts.items():
        parts[label] = full_hash("\n".join(found))
    imports: dict[str, list[str]] = {}
    for (module, name), targets in sorted(reached.imports.items()):
        imports.setdefault(_label("imports", module, home), []).append(f"{name} = {', '.join(sorted(targets))}")
    for module in sorted({module for module, _ in reached.units}):
        if library.parse(module).keeps_annotations_as_text:
            imports.setdefault(_label("imports", module, home), []).append("annotations are texts")
    for (module, name), order in sorted(reached.orders.items()):
        imports.setdefault(_label("order of bindings", module, home), []).append(f"{name} = {', '.join(order)}")
    for label, lines in imports.items():
        parts[label] = full_hash("\n".join(lines))
    _add_order(library, reached, home, parts)


def _add_order(library: Library, reached: Reached, home: str, parts: dict[str, str]) -> None:
    """Add the order of statements that have effects: within a module, and of the modules."""
    modules = []
    for name in reached.executed:
        module = library.parse(name)
        if not library.effects(module):
            continue
        modules.append(name)
        labels = [label for label, index in module.timeline if index is None or (name, index) in reached.units]
        parts[_label("order of statements", name, home)] = full_hash("\n".join(labels))
    if len(modules) > 1:
        parts["order of imports"] = full_hash("\n".join(modules))


def _label(what: str, module: str, home: str) -> str:
    """Name a component: of the operator's own module by its name alone, of others with their module."""
    if module == home:
        return what
    kind, _, names = what.partition(" ")
    if kind in {"function", "class", "constant"}:
        return f"{kind} " + ", ".join(f"{module}.{name}" for name in names.split(", "))
    return f"{what} of {module}"


def _versions(subject: Subject, library: Library, reached: Reached) -> dict[str, str]:
    versions = {"python": outer_settings.of_interpreter()}
    packages = set(reached.packages)
    if subject.takes_randomness:  # ctx.rng needs no import by the operator
        packages.update(name for name, _ in library.finder.find("numpy").distributions)
    found = library.finder.with_requirements(packages)
    versions.update({f"package {name}": version for name, version in found.items()})
    versions.update({f"variable {name}": value for name, value in outer_settings.of_packages(reached.extended).items()})
    versions.update({f"module {name}": "absent" for name in reached.absent})
    versions.update({f"version of {name}": library.finder.version(name) for name in reached.versions})
    return versions


def _add_start(library: Library, parts: dict[str, str]) -> None:
    """Add what runs as the interpreter starts, and may change anything, but what comes with the interpreter."""
    for name in ("sitecustomize", "usercustomize"):
        facts = library.finder.find(name)
        if facts.path is not None and name in sys.modules:
            parts[f"module {name}"] = full_hash(facts.path.read_bytes())


def _add_contents(library: Library, versions: Mapping[str, str], parts: dict[str, str]) -> None:
    """Count packages by what is installed: another build may carry the same version. Accio's own counts by that."""
    for name in versions:
        kind, _, package = name.partition(" ")
        if kind == "package" and package != SDK:
            parts[f"content of package {package}"] = library.finder.content(package)


def _reasons(subject: Subject, reached: Reached) -> list[str]:
    reasons = sorted(reached.problems)
    if not subject.files:
        reasons += [f"{where} finds its own files, and files= names none" for where in sorted(reached.own_file_readers)]
    return reasons
