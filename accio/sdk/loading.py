"""From references to operators: imports modules and reads declarations of programs, in this process.

A reference is `package.module`, `package.module:attribute` (an operator, a list of them, or a plain function),
`/path/file.py`, `/path/file.py:attribute` or `/path/program.json`. Loading what is loaded already costs nothing.
"""

import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from accio.domain.failures import clip
from accio.domain.issues import Issue
from accio.domain.names import suggest
from accio.errors import AccioError, BadRequest, InvalidDefinition
from accio.late import dataclass
from accio.sdk import search_path
from accio.sdk.bindings import check_displaced, home_of, is_decoration, operator_at
from accio.sdk.commands import Program
from accio.sdk.declare import Declaration, declaration_of, operator
from accio.sdk.environments import functions
from accio.sdk.environments.python import PythonNeed
from accio.sdk.own_sources import compile_own_sources
from accio.sdk.program_file import read_program
from accio.sdk.run import Operator
from accio.sdk.signature import CONTEXT

GROUP = "accio.operators"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """An operator, and for one declared in Python the names where the analysis of its code begins."""

    operator: Operator
    roots: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        return self.operator.spec.name if isinstance(self.operator, Program) else self.operator.name

    @property
    def source(self) -> Path:
        """The file that declares it."""
        if isinstance(self.operator, Program):
            return self.operator.path
        return Path(str(sys.modules[self.roots[0][0]].__file__))

    def files(self) -> list[Path]:
        """Return the files besides Python code that its digest covers, and that it may read whenever it is executed."""
        if isinstance(self.operator, Program):
            return self.operator.needs()
        return [self.source.parent / file for file in self.operator.files]


def load(references: Iterable[str]) -> dict[str, Operator]:
    """Return the operators behind some references, by name; see `load_all`."""
    return {loaded.name: loaded.operator for loaded in load_all(references)}


def load_all(references: Iterable[str]) -> list[Loaded]:
    """Return the operators behind some references.

    Raises BadRequest if one can't be loaded, InvalidDefinition if a declaration is wrong or a name is there twice.
    """
    compile_own_sources()
    found: dict[str, Loaded] = {}
    for reference in references:
        for loaded in _load(reference):
            other = found.setdefault(loaded.name, loaded)
            if not _is_same(other.operator, loaded.operator):
                places = " and ".join(sorted({_place(other.operator), _place(loaded.operator)}))
                message = f"operator {loaded.name} is declared twice: {places}; rename one with name="
                raise InvalidDefinition([Issue("/name", message)])
    return list(found.values())


def modules_of(references: Iterable[str]) -> list[str]:
    """Return the names of the modules that `load_all` has imported for some references."""
    return [_module_of(reference).__name__ for reference in references if not reference.endswith(".json")]


def _load(reference: str) -> Iterator[Loaded]:
    need, _ = functions.split([reference])
    if isinstance(need, PythonNeed):
        raise BadRequest(f"the environment {need.place()} isn't there any more; make it, or start the agent again")
    if reference.endswith(".json"):
        yield Loaded(operator=read_program(Path(reference)))
        return
    module = _module_of(reference)
    place, attribute = split_reference(reference)
    check_displaced(module)
    found = list(_declared_at(module, attribute) if attribute else _declared_in(module))
    if not found and place.endswith(".py"):
        found = [loaded for name in _hinted_functions(module) for loaded in _declared_at(module, name)]
    if not found:
        raise BadRequest(
            f"{reference} declares no operators; an operator is a function or a class under @operator, or in a file "
            "without any a function with type hints for its parameters and its result"
        )
    yield from found


def _hinted_functions(module: ModuleType) -> list[str]:
    """Name the public functions of a module that say what they take and return: those that are meant to be run."""
    return [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
        if value.__annotations__.keys() >= {*inspect.signature(value).parameters, "return"} - {CONTEXT}
    ]


def split_reference(reference: str) -> tuple[str, str]:
    """Return the module or file of a reference, and the attribute in it or an empty text."""
    place, colon, attribute = reference.rpartition(":")
    return (place, attribute) if colon and attribute.isidentifier() else (reference, "")


def _module_of(reference: str) -> ModuleType:
    place, _ = split_reference(reference)
    process = os.getpid()
    try:
        if place.endswith(".py"):
            return _import_file(Path(place))
        return importlib.import_module(place)
    except (AccioError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise BadRequest(
            f"the operators of {reference} can't be imported: {_shown(error)}{_line_of(error)}{_remedy_of(error)}"
        ) from error
    finally:
        if os.getpid() != process:  # the module has forked: only its parent goes on here
            os._exit(0)


def _shown(error: BaseException) -> str:
    """Return an exception as a message has it, whatever its author made of its text."""
    try:
        text = clip(str(error))
    except Exception:  # noqa: BLE001 - it is the author's code
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _line_of(error: BaseException) -> str:
    """Return where the module that was to be imported raised, or imported what did; empty if it isn't known."""
    for frame in traceback.extract_tb(error.__traceback__):
        ours = frame.filename == importlib.__file__ or Path(frame.filename).parent == Path(__file__).parent
        if not ours and not frame.filename.startswith("<frozen "):
            return f", at line {frame.lineno} of {Path(frame.filename).name}"
    return ""


def _remedy_of(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return '; what a script does by itself belongs under `if __name__ == "__main__":`'
    if isinstance(error, ImportError) and "relative import" in _shown(error):
        return "; make its folder a package (a file __init__.py in it), or import the module by its name alone"
    return ""


def _import_file(path: Path) -> ModuleType:
    """Import a file by the name that it has in its package, its folder's other modules being importable.

    They come last on the path: none of them takes the place of a module that something else needs. The package of the
    file itself comes from there, also where it is installed too.
    """
    path = path.absolute()
    if not path.is_file():
        raise BadRequest(f"there is no file {path}")
    parts = [] if path.stem == "__init__" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    name = ".".join(parts)
    if not all(part.isidentifier() for part in parts):
        raise BadRequest(f"{path} can't be imported: {name!r} is no module name; rename the file")
    search_path.extend(str(folder))
    if len(parts) > 1 and not _is_standard(parts[0]):
        search_path.pin(parts[0], str(folder))
    if len(parts) == 1 and name not in sys.modules:
        spec = importlib.util.find_spec(name)
        _check_is(path, name, None if spec is None else spec.origin)
    module = importlib.import_module(name)
    _check_is(path, name, module.__file__)
    return module


def _is_standard(top: str) -> bool:
    return top in sys.stdlib_module_names or top in sys.builtin_module_names


def _check_is(path: Path, name: str, origin: str | None) -> None:
    if origin is None or not Path(origin).exists() or not path.samefile(origin):
        raise BadRequest(
            f"{path} can't be imported: the name {name} belongs to {origin or 'another module'}; rename the file"
        )


def _declared_in(module: ModuleType) -> Iterator[Loaded]:
    """Return the operators that a module offers, those that it imports from elsewhere in its distribution included."""
    for name, value in list(vars(module).items()):
        if is_decoration(module, value):
            continue
        declaration = operator_at(module, name, value)
        if declaration is not None and not _belongs_elsewhere(declaration, module):
            yield _rooted(declaration, module, name)


def _is_own(module: ModuleType, value: object) -> bool:
    """Return whether *value* is an operator, or a function that the module defines and doesn't just import."""
    if declaration_of(value) is not None:
        return True
    return inspect.isfunction(value) and value.__module__ == module.__name__


def _declared_at(module: ModuleType, attribute: str) -> Iterator[Loaded]:
    try:
        value = getattr(module, attribute)
    except AttributeError:
        known = [name for name, value in vars(module).items() if _is_own(module, value)]
        meant = suggest(attribute, known)
        hint = f"; did you mean {meant}?" if meant else f"; it has {', '.join(known[:10])}" if known else ""
        raise BadRequest(f"{module.__name__} has no attribute {attribute}{hint}") from None
    members: Sequence[object] = list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
    for member in members:
        declaration = operator_at(module, attribute, member)
        if declaration is None and member is value and inspect.isfunction(value):
            declaration = _declared_plainly(value)
        if declaration is None:
            raise BadRequest(f"{module.__name__}:{attribute} {_what_it_is(member)}")
        yield _rooted(declaration, module, attribute)


def _what_it_is(value: object) -> str:
    """Return what stands where an operator was expected, and what to do about it."""
    if isinstance(value, partial):
        return "is a functools.partial: write a function with type hints that calls it"
    if hasattr(value, "cache_info"):
        return "is kept by functools.cache: leave that out, as results of operators are kept anyway"
    if isinstance(value, type):
        return "is a class: put @operator above it, if it has a method run, or write a function that makes and uses one"
    if callable(value):
        return f"is an object of {type(value).__name__}: write a function with type hints that calls it"
    return f"is of type {type(value).__name__}, and no operator, no list of operators and no function"


def _declared_plainly(function: Callable[..., Any]) -> Declaration | None:
    """Declare a function that is named although nothing decorates it.

    It has promised nothing about its results, so they depend on the seed, and repetitions are executed.
    """
    return declaration_of(operator(unstable=True)(function))


def _rooted(declaration: Declaration, module: ModuleType, name: str) -> Loaded:
    """Find the names by which source text leads to an operator: where it is defined, or else where it was found."""
    home = sys.modules.get(home_of(declaration))
    top = getattr(declaration.target, "__qualname__", "").partition(".")[0]
    roots = []
    if home is not None and top and hasattr(home, top):
        roots.append((home.__name__, top))
    if home is None or getattr(home, top, None) is not declaration.target:
        roots.append((module.__name__, name))
    return Loaded(operator=declaration, roots=tuple(roots))


def _belongs_elsewhere(declaration: Declaration, module: ModuleType) -> bool:
    """Return whether an operator that a module imports is another distribution's, which announces it itself."""
    home, own = home_of(declaration).partition(".")[0], module.__name__.partition(".")[0]
    if home == own:
        return False
    from accio.sdk.modules import distributions_of  # most templates ask nothing about distributions

    others = distributions_announcing(home) or set(distributions_of(home))
    return bool(others) and others.isdisjoint(distributions_announcing(own) or distributions_of(own))


def distributions_announcing(top: str) -> set[str]:
    """Return the distributions whose entry points name the package *top*; they may be editable installs."""
    from importlib.metadata import entry_points  # it loads all that e-mails may consist of

    return {
        point.dist.name
        for point in entry_points(group=GROUP)
        if point.dist is not None and point.module.partition(".")[0] == top
    }


def _is_same(one: Operator, other: Operator) -> bool:
    if isinstance(one, Program) and isinstance(other, Program):
        return one.path == other.path
    return isinstance(one, Declaration) and isinstance(other, Declaration) and one.target is other.target


def _place(operator: Operator) -> str:
    return str(operator.path) if isinstance(operator, Program) else f"module {home_of(operator)}"
