"""Where operators come from: what installed distributions announce, and what people name."""

import ast
import os
from collections.abc import Iterable
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from accio.errors import BadRequest
from accio.late import dataclass
from accio.sdk.environments import functions
from accio.sdk.extras import has_extras
from accio.sdk.loading import GROUP, distributions_announcing, split_reference
from accio.sdk.modules import distributions_of
from accio.sdk.names import bound_names


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Operators that are loaded together, in one process: those of a distribution, of a file, or one program.

    `references` are what `accio.sdk.loading.load` takes, behind the environment in which that is done if it isn't the
    agent's own (`accio.sdk.environments.functions`).
    """

    distribution: str
    references: tuple[str, ...]


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


def merged(sources: Iterable[Source]) -> list[Source]:
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
