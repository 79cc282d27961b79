"""The source of one distribution, taken apart once for all of its operators: modules, what their names stand for, and
which of their statements do more than define names.
"""

import ast
import builtins
from collections.abc import Iterable, Mapping

from accio.sdk.effects import is_inert, is_plain_class, is_plain_statement
from accio.sdk.module_source import ParsedModule, Unit, UnreadableSourceError, parse_module
from accio.sdk.modules import ModuleFinder, Standing
from accio.sdk.names import Chain
from accio.sdk.normal import DECLARATIONS, normal_form
from accio.sdk.plain_values import Names

_DEEPEST = 20
"""Classes that are derived from each other further than this aren't looked into."""


class Library:
    """The parsed modules of one distribution, shared by the walks of all its operators."""

    def __init__(self, finder: ModuleFinder, imports: Mapping[str, Iterable[str]] | None = None) -> None:
        """*imports* tells, by top-level name, what packages import that aren't followed."""
        self.finder = finder
        self._imports = imports or {}
        self._parsed: dict[str, ParsedModule] = {}
        self._effects: dict[str, list[Unit]] = {}
        self._normal: dict[tuple[str, int, bool], str] = {}
        self.plain: dict[tuple[str, Chain], bool] = {}
        """Of names by their modules whether they stand for data; what is being looked at counts as something else."""

    def parse(self, name: str) -> ParsedModule:
        """Return a module that is followed, taken apart; UnreadableSourceError if that fails."""
        if name not in self._parsed:
            self._parsed[name] = parse_module(self.finder.find(name))
        return self._parsed[name]

    def imported_by(self, package: str) -> list[str]:
        """Return what a package that isn't followed imports of others."""
        return sorted(self._imports.get(package, ()))

    def follows(self, name: str) -> bool:
        """Return whether there is such a module, and its source is followed."""
        return self.finder.find(name).standing is Standing.FOLLOWED

    def names(self, module: str) -> Names:
        """Return what the names of a module that is followed stand for."""
        return _Names(self, self.parse(module))

    def module_of(self, module: str, chain: Chain, is_absolute: bool) -> str | None:
        """Return the followed module that a chain in *module* stands for, if it does."""
        targets = [chain]
        if not is_absolute:
            targets = [(*imported.target, *chain[1:]) for imported in self.parse(module).imported.get(chain[0], [])]
        return next((name for name in map(".".join, targets) if self.follows(name)), None)

    def effects(self, module: ParsedModule) -> list[Unit]:
        """Return the statements of a module that do more than define names."""
        if module.name not in self._effects:
            names = _Names(self, module)
            self._effects[module.name] = [unit for unit in module.units if not is_inert(unit.node, names)]
        return self._effects[module.name]

    def normal_form(self, unit: Unit, *, keep_docstrings: bool) -> str:
        """Return what a unit does as text (see `normal`); made once, as operators share most of what they reach."""
        key = (unit.module, unit.index, keep_docstrings)
        if key not in self._normal:
            names = self.names(unit.module)
            self._normal[key] = normal_form(
                unit.node,
                keep_docstrings=keep_docstrings,
                is_declaration=lambda chain: names.full_name(chain) in DECLARATIONS,
            )
        return self._normal[key]


class _Names:
    """What the names of one module stand for, as `effects` asks it. `depth` counts the classes derived so far."""

    def __init__(self, library: Library, module: ParsedModule, depth: int = 0) -> None:
        self._library = library
        self._module = module
        self._depth = depth

    def full_name(self, chain: Chain) -> str | None:
        root = chain[0]
        if root in self._module.bindings or self._module.stars:
            return None
        found = self._module.imported.get(root)
        if found is None:
            return ".".join(("builtins", *chain)) if root in vars(builtins) else None
        if len(found) != 1 or self._library.follows(found[0].target[0]):
            return None
        return ".".join((*found[0].target, *chain[1:]))

    def is_own_callable(self, chain: Chain) -> bool:
        if self.full_name(chain) is not None:
            return False
        units = self._module.bindings.get(chain[0])
        return units is None or any(unit.label.startswith(("function", "class", "code")) for unit in units)

    def is_class(self, chain: Chain) -> bool:
        return self._class_of(self._module, chain, self._depth) is not None

    def is_plain(self, chain: Chain) -> bool:
        if self.full_name(chain) is not None:
            return True
        key = (self._module.name, chain)
        if key not in self._library.plain:
            self._library.plain[key] = False
            self._library.plain[key] = self._find_plain(chain)
        return self._library.plain[key]

    def _find_plain(self, chain: Chain) -> bool:
        units, imported = self._module.bindings.get(chain[0], []), self._module.imported.get(chain[0], [])
        if len(units) + len(imported) != 1:
            return False
        if units:
            return is_plain_statement(units[0].node, chain[1:], self)
        target = (*imported[0].target, *chain[1:])
        for end in range(len(target), 0, -1):
            name = ".".join(target[:end])
            if self._library.follows(name):
                if end == len(target):
                    return True  # a module
                try:
                    return _Names(self._library, self._library.parse(name)).is_plain(target[end:])
                except UnreadableSourceError:
                    return False
        return False

    def is_plain_class(self, chain: Chain) -> bool:
        found = self._class_of(self._module, chain, self._depth)
        if found is None:
            return False
        module, node, depth = found
        return is_plain_class(node, _Names(self._library, module, depth + 1))

    def _class_of(
        self, module: ParsedModule, chain: Chain, depth: int
    ) -> tuple[ParsedModule, ast.ClassDef, int] | None:
        """Find the one statement that defines a followed class; None in every doubt, also of a circle."""
        root, rest = chain[0], chain[1:]
        units, imported = module.bindings.get(root, []), module.imported.get(root, [])
        if depth > _DEEPEST or len(units) + len(imported) != 1:
            return None
        if units:
            node = units[0].node
            return (module, node, depth) if isinstance(node, ast.ClassDef) and not rest else None
        target = (*imported[0].target, *rest)
        for end in range(len(target) - 1, 0, -1):
            name = ".".join(target[:end])
            if self._library.follows(name):
                try:
                    return self._class_of(self._library.parse(name), target[end:], depth + 1)
                except UnreadableSourceError:
                    return None
        return None
