"""Everything that an operator reaches: followed through source text, without running it.

The walk works on top-level statements (units). It begins at the names that stand for the operator, and goes on with
what each statement refers to. A module that is imported also counts with those of its statements that have effects (see
`effects`), because they may change anything. Where a reference can't be told, more is taken: the whole module, or a
problem is noted, and then there is no digest. Missing something is the one thing that must never happen.
"""

import builtins
import pkgutil
from collections.abc import Iterable

from accio.sdk.drawing import draws_if_unseeded
from accio.sdk.evaluated_texts import names_evaluated
from accio.sdk.installed import SDK
from accio.sdk.library import Library
from accio.sdk.module_source import Unit, UnreadableSourceError
from accio.sdk.modules import Standing, is_installed_name
from accio.sdk.names import Chain, Imported
from accio.sdk.reached import Reached
from accio.sdk.references import Called, References
from accio.sdk.unfollowable import (
    IMPORTERS,
    MODULE_ATTRIBUTE_ACCESS,
    OWN_FILE_NAMES,
    VERSION_READERS,
    why_unfollowable,
)

_HARMLESS_MODULE_NAMES = frozenset(
    {"__name__", "__package__", "__qualname__", "__module__", "__annotations__", "__debug__"}
)
_DYNAMIC_BUILTINS = frozenset({"globals", "vars"})


class Walk:
    """One walk. `start` names what to begin with; `run` follows everything to its end."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._work: list[Unit] = []
        self._resolved: set[tuple[str, Chain]] = set()
        self._entered: set[tuple[str, Chain]] = set()
        self._whole: set[str] = set()
        self._escaped: set[str] = set()
        self._considered: set[str] = set()
        self._packages: set[str] = set()
        self.reached = Reached()

    def start(self, module: str, name: str) -> None:
        """Begin at a name of a module that is imported."""
        self._execute(module)
        if self._library.follows(module):
            self._name(module, (name,), "the operator")

    def also_executed(self, modules: Iterable[str]) -> None:
        """Add modules that are imported in the same process."""
        for module in modules:
            self._execute(module)

    def run(self) -> Reached:
        """Follow everything, and return what was reached."""
        while self._work:
            self._follow(self._work.pop())
            if not self._work and self.reached.uses_all_classes:
                for name in list(self.reached.executed):
                    self._take_whole(name)
        return self.reached

    # Units

    def _reach(self, unit: Unit) -> None:
        key = (unit.module, unit.index)
        if key not in self.reached.units:
            self.reached.units[key] = unit
            self._work.append(unit)

    def _follow(self, unit: Unit) -> None:
        module = self._library.parse(unit.module)
        where = f"{unit.label} of {unit.module}"
        found = module.references(unit)
        for imported in found.imports:
            self._execute_import(imported, unit.module)
        for chain in sorted(found.names):  # sorted: the order of imports counts
            self._name(unit.module, chain, where)
        for chain in sorted(found.class_names):
            if self._is_bound(unit.module, chain[0], seen=set()) or chain[0] in vars(builtins):
                self._name(unit.module, chain, where)
        for chain in sorted(found.absolute):
            self._absolute(chain, where)
        for call in found.calls:
            self._call(unit.module, call, where)
        self.reached.note_attributes(found.attributes, found.texts, where)
        for text in sorted(found.texts):
            self._text(text, where)
        self._follow_evaluated(unit.module, found, where)

    def _follow_evaluated(self, module: str, found: References, where: str) -> None:
        """Follow names in texts that others may evaluate."""

        def is_bound(name: str) -> bool:
            return self._is_bound(module, name, seen=set())

        functions = found.attributes | {call.function[-1] for call in found.calls}
        for name in sorted(names_evaluated(found.expressions, functions, is_bound)):
            if is_bound(name):
                self._name(module, (name,), where)

    def _text(self, text: str, where: str) -> None:
        """Follow a text that names a followed module, or something in one: another package may look it up. One that
        names an installed package, as `engine="pyarrow"`, has it used.
        """
        chain = tuple(text.replace(":", ".").split("."))
        if not all(map(str.isidentifier, chain)):
            return
        if len(chain) > 1 and self._library.follows(chain[0]):
            self._absolute(chain, where)
        elif is_installed_name(chain[0]) and self._library.finder.find(chain[0]).standing is Standing.VERSIONED:
            self._package(chain[0])

    def _call(self, module: str, call: Called, where: str) -> None:
        if call.is_absolute:
            names = {".".join(call.function)}
        else:
            names = self._library.parse(module).full_names(call.function)
        if names & IMPORTERS:
            self._dynamic_import(module, call, where)
            return
        if names & VERSION_READERS:
            self.reached.note_version_asked(module, call, where)
        if not call.texts and not call.has_keywords:
            self.reached.draws |= {drawn: where for drawn in names if draws_if_unseeded(drawn)}
        if names & MODULE_ATTRIBUTE_ACCESS and call.chains and (len(call.texts) < 2 or call.texts[1] is None):
            for name, is_absolute in call.chains[0]:
                target = self._library.module_of(module, name, is_absolute)
                if target is not None:
                    self.reached.note_problem(where, f"looks up a computed name in the module {target}")
        if call.is_absolute:
            self._absolute(call.function, where)
        else:
            self._name(module, call.function, where)

    def _dynamic_import(self, module: str, call: Called, where: str) -> None:
        name = call.imported_module(self._library.parse(module).package)
        if name is None:
            self.reached.note_problem(where, "imports a module whose name is known at run time only")
            return
        self._execute(name)
        self._absolute(tuple(name.split(".")), where)

    # Names

    def _name(self, module: str, chain: Chain, where: str) -> None:
        """Follow a chain that begins with a name of *module*."""
        if (module, chain) in self._resolved:
            return
        self._resolved.add((module, chain))
        if not self._lookup(module, chain, where, seen=set()):
            self._unknown_name(module, chain[0], where)

    def _lookup(self, module: str, chain: Chain, where: str, seen: set[str]) -> bool:
        """Follow a chain through the statements and star imports of a module; False if they don't bind its name."""
        parsed = self._library.parse(module)
        root, rest = chain[0], chain[1:]
        seen.add(module)
        for imported in parsed.imported.get(root, []):
            target = (*imported.target, *rest)
            self.reached.imports.setdefault((module, root), set()).add(".".join(imported.target))
            self._absolute(target, where)
        for unit in parsed.bindings.get(root, []):
            self._reach(unit)
        found = parsed.binds(root)
        stars = {star for star in parsed.stars if not self._library.follows(star)}
        for star in parsed.stars:
            if self._library.follows(star):
                if star not in seen and not self._has_problem_reading(star):
                    for unit in self._library.parse(star).bindings.get("__all__", []):  # whether it brings the name
                        self._reach(unit)
                    if self._lookup(star, chain, where, seen):
                        found = True
                        stars.add(star)
            else:
                reason = why_unfollowable(".".join((star, *chain)))
                if reason is not None:
                    self.reached.note_problem(where, reason)
        self._note_order(module, root, stars)
        return found or root in parsed.type_only

    def _note_order(self, module: str, name: str, stars: set[str]) -> None:
        """Note what binds a name one after the other, if that decides what it means."""
        order = self._library.parse(module).order_of(name, stars)
        if len(order) > max(1, len(self.reached.orders.get((module, name), ()))):
            self.reached.orders[module, name] = order

    def _unknown_name(self, module: str, name: str, where: str) -> None:
        """Follow a name that no statement binds: a builtin, something that the import system sets, or a mystery."""
        if name in vars(builtins) and not name.startswith("__") and name not in _DYNAMIC_BUILTINS:
            reason = why_unfollowable(f"builtins.{name}")
            if reason is not None:
                self.reached.note_problem(where, reason.partition(" (")[0] + f" ({name})")
        elif name in {"__import__", "__builtins__"}:
            self.reached.note_problem(where, f"uses {name}")
        else:
            self._unknown_attribute(module, name, where)

    def _unknown_attribute(self, module: str, name: str, where: str) -> None:
        """Follow an attribute of a module that no statement binds."""
        if name in OWN_FILE_NAMES:
            self.reached.own_file_readers[where] = None
        elif name == "__doc__":
            self.reached.uses_docstrings = True
        elif name not in _HARMLESS_MODULE_NAMES:
            self._escape(module)
            for star in self._library.parse(module).stars:
                if self._library.follows(star):
                    self._take_whole(star)

    def _absolute(self, chain: Chain, where: str) -> None:
        """Follow an absolute name: a module, or something in one."""
        name = chain[0]
        for count in range(1, len(chain) + 1):
            name = ".".join(chain[:count])
            standing = self._library.finder.find(name).standing
            if standing in {Standing.STANDARD, Standing.VERSIONED}:
                self._package(name)
                self.reached.note_outside(".".join(chain), where)
                return
            if standing is not Standing.FOLLOWED:
                self._execute(name)
                return
            self._execute(name)
            rest = chain[count:]
            if not rest:
                break
            if self._in_module(name, rest, where):
                return
        self._escape(name)

    def _in_module(self, module: str, rest: Chain, where: str) -> bool:
        """Follow attributes of a module; False if the first one is a submodule, and only that."""
        if (module, rest) in self._entered or self._has_problem_reading(module):
            return True
        is_submodule = self._library.finder.find(f"{module}.{rest[0]}").standing is not Standing.ABSENT
        if is_submodule and not self._is_bound(module, rest[0], seen=set()):
            return False
        self._entered.add((module, rest))
        if not self._lookup(module, rest, where, seen=set()):
            parsed = self._library.parse(module)
            if parsed.binds("__getattr__"):
                self._name(module, ("__getattr__",), where)
                if not all(unit.label.startswith("function") for unit in parsed.bindings.get("__getattr__", [])):
                    self._escape(module)  # made elsewhere, perhaps of names of submodules
            else:
                self._unknown_attribute(module, rest[0], where)
        if is_submodule:
            self._both(module, rest, where)
        return True

    def _is_bound(self, module: str, name: str, seen: set[str]) -> bool:
        seen.add(module)
        parsed = self._library.parse(module)
        return parsed.binds(name) or any(
            self._is_bound(star, name, seen)
            for star in parsed.stars
            if star not in seen and self._library.follows(star) and not self._has_problem_reading(star)
        )

    def _both(self, module: str, rest: Chain, where: str) -> None:
        """Follow the submodule of a name that a statement of the package binds too."""
        name = f"{module}.{rest[0]}"
        self._execute(name)
        if not self._library.follows(name):
            return
        if rest[1:]:
            self._in_module(name, rest[1:], where)
        else:
            self._escape(name)

    def _package(self, module: str) -> None:
        """Note the distribution of a module, and what its package imports of others, as none of that is followed."""
        self.reached.packages.update(self._library.finder.find(module).distributions)
        top = module.partition(".")[0]
        if top in self._packages or top == SDK:
            return
        self._packages.add(top)
        self._follow_plugins(top)
        for imported in self._library.imported_by(top):
            facts = self._library.finder.find(imported)
            if facts.standing is Standing.COMPILED and facts.path is None:
                continue  # made at run time by what imports it
            self._execute(imported)
            if facts.standing is Standing.FOLLOWED:
                self._escape(imported)

    def _follow_plugins(self, package: str) -> None:
        """Follow what distributions announce to a package: it imports that by itself."""
        announced = self._library.finder.installed.plugins.of(package)
        self.reached.extended[package] = announced
        for what, value in announced.items():
            module, _, attribute = value.partition("[")[0].replace(" ", "").partition(":")
            chain = (*module.split("."), *filter(None, attribute.split(".")))
            if all(map(str.isidentifier, chain)):
                self._absolute(chain, f"{what.rpartition(' ')[2]}, announced to {package},")

    # Modules

    def _execute_import(self, imported: Imported, importer: str) -> None:
        self._execute(imported.module)
        if imported.attribute not in {None, "*"} and self._library.follows(imported.module):
            submodule = f"{imported.module}.{imported.attribute}"
            if self._library.finder.find(submodule).standing is not Standing.ABSENT and submodule != importer:
                self._execute(submodule)

    def _execute(self, name: str) -> None:
        """Note that a module is imported, and its packages before it."""
        if name in self._considered:
            return
        self._considered.add(name)
        parent, _, _ = name.rpartition(".")
        if parent:
            self._execute(parent)
        facts = self._library.finder.find(name)
        match facts.standing:
            case Standing.FOLLOWED:
                self._execute_followed(name)
            case Standing.VERSIONED:
                self._package(name)
            case Standing.COMPILED:
                self.reached.problems[f"module {name} has no Python source"] = None
            case Standing.ABSENT:
                self.reached.absent.add(name)
            case Standing.STANDARD:
                return

    def _execute_followed(self, name: str) -> None:
        if self._has_problem_reading(name):
            return
        self.reached.executed.append(name)
        module = self._library.parse(name)
        for imported in module.imports:
            self._execute_import(imported, name)
        for unit in self._library.effects(module):
            self._reach(unit)

    def _has_problem_reading(self, name: str) -> bool:
        try:
            self._library.parse(name)
        except UnreadableSourceError as error:
            self.reached.problems[str(error)] = None
            return True
        return False

    def _take_whole(self, name: str) -> None:
        """Reach every statement of a module, and all that it imports."""
        if name in self._whole:
            return
        self._whole.add(name)
        module = self._library.parse(name)
        for unit in module.units:
            self._reach(unit)
        for bound in module.binders:
            if bound != "*":
                self._note_order(name, bound, set(module.stars))
        for bound, found in module.imported.items():
            if any(self._library.follows(imported.target[0]) for imported in found):
                self._name(name, (bound,), f"module {name}")
            else:  # known by version, which its import has noted; its dangers are noted where it is used
                self.reached.imports.setdefault((name, bound), set()).update(".".join(i.target) for i in found)

    def _escape(self, name: str) -> None:
        """Reach all of a module that is used as a value, with its submodules: any attribute may be asked of it."""
        if name in self._escaped or self._has_problem_reading(name):
            return
        self._escaped.add(name)
        self._take_whole(name)
        facts = self._library.finder.find(name)
        for found in pkgutil.iter_modules(list(facts.folders)):
            submodule = f"{name}.{found.name}"
            self._execute(submodule)
            if self._library.follows(submodule):
                self._escape(submodule)
