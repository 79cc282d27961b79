"""One module taken apart into its top-level statements, and what each of them binds."""

import ast
from collections.abc import Iterator
from dataclasses import field

from accio.late import dataclass
from accio.sdk.modules import ModuleFacts
from accio.sdk.names import Chain, Imported, bound_names, chain_of, own_scope, read_import
from accio.sdk.references import References, find_references


class UnreadableSourceError(Exception):
    """The source can't be parsed."""


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """A top-level statement: the smallest thing that is followed or not."""

    module: str
    index: int
    node: ast.stmt
    names: tuple[str, ...]

    @property
    def label(self) -> str:
        """Return the name of the source, as `accio why` shows it."""
        kinds = {ast.FunctionDef: "function", ast.AsyncFunctionDef: "function", ast.ClassDef: "class"}
        kind = kinds.get(type(self.node), "constant" if isinstance(self.node, ast.Assign | ast.AnnAssign) else "code")
        return f"{kind} {', '.join(self.names)}" if self.names else "code run by its import"


@dataclass(slots=True)
class ParsedModule:
    """A module's units, and where each of its names comes from.

    `timeline` has what an import runs, in its order: labels, with the index of those that are units. `binders` has what
    binds a name, in its order: star imports by their modules under the name *, too.
    """

    name: str
    package: str
    units: list[Unit] = field(default_factory=list)
    bindings: dict[str, list[Unit]] = field(default_factory=dict)
    imported: dict[str, list[Imported]] = field(default_factory=dict)
    imports: list[Imported] = field(default_factory=list)
    stars: list[str] = field(default_factory=list)
    type_only: set[str] = field(default_factory=set)
    timeline: list[tuple[str, int | None]] = field(default_factory=list)
    binders: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    _references: dict[int, References] = field(default_factory=dict)

    def references(self, unit: Unit) -> References:
        """Return what a unit refers to."""
        if unit.index not in self._references:
            self._references[unit.index] = find_references(unit.node, self.package)
        return self._references[unit.index]

    def order_of(self, name: str, stars: set[str]) -> list[str]:
        """Return what binds a name, one after the other, with those star imports that are among *stars*."""
        found = [*self.binders.get(name, ()), *(each for each in self.binders.get("*", ()) if each[1] in stars)]
        return [label for _, label in sorted(found)]

    @property
    def keeps_annotations_as_text(self) -> bool:
        """Return whether who reads its annotations gets texts (`from __future__ import annotations`)."""
        return any(found.module == "__future__" and found.attribute == "annotations" for found in self.imports)

    def binds(self, name: str) -> bool:
        """Return whether a statement of the module itself binds *name*."""
        return name in self.bindings or name in self.imported

    def full_names(self, chain: Chain) -> set[str]:
        """Return the absolute names that a chain may have if it isn't followed."""
        if self.binds(chain[0]):
            return {".".join((*imported.target, *chain[1:])) for imported in self.imported.get(chain[0], [])}
        return {".".join((star, *chain)) for star in self.stars} | {".".join(("builtins", *chain))}


def parse_module(facts: ModuleFacts) -> ParsedModule:
    """Read and take apart a module that is followed; UnreadableSourceError if that fails."""
    package = facts.name if facts.is_package else facts.name.rpartition(".")[0]
    module = ParsedModule(facts.name, package)
    if facts.path is None:  # a namespace package
        return module
    try:
        tree = ast.parse(facts.path.read_bytes(), filename=str(facts.path))
    except (OSError, SyntaxError, ValueError, RecursionError) as error:
        raise UnreadableSourceError(f"the source of {facts.name} can't be read ({error})") from None
    typing_names = _type_checking_names(tree)
    for statement in _flatten(tree.body, typing_names, module.type_only):
        _add(module, statement)
    return module


def _add(module: ParsedModule, statement: ast.stmt) -> None:
    is_import = isinstance(statement, ast.Import | ast.ImportFrom)
    for node in own_scope([statement]):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for imported in read_import(node, module.package):
                module.imports.append(imported)
                module.timeline.append((f"import {imported.module} {imported.attribute}", None))
                if imported.attribute == "*":
                    module.stars.append(imported.module)
                    _note_binder(module, "*", imported.module)
                else:
                    _note_binder(module, imported.bound, f"import {'.'.join(imported.target)}")
                    module.imported.setdefault(imported.bound, []).append(imported)
    # Names that an import statement binds are followed one by one; the statement as a whole says nothing more.
    if is_import:
        return
    names = tuple(dict.fromkeys(bound_names([statement])))
    unit = Unit(module.name, len(module.units), statement, names)
    module.units.append(unit)
    module.timeline.append((unit.label, unit.index))
    for name in names:
        module.bindings.setdefault(name, []).append(unit)
        _note_binder(module, name, unit.label)


def _note_binder(module: ParsedModule, name: str, label: str) -> None:
    module.binders.setdefault(name, []).append((len(module.timeline), label))


def _flatten(statements: list[ast.stmt], typing_names: set[str], type_only: set[str]) -> Iterator[ast.stmt]:
    """Return the statements that an import runs: not what is there for type checkers or for `python -m`."""
    for statement in statements:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        if isinstance(statement, ast.If) and _is_type_checking(statement.test, typing_names):
            type_only.update(bound_names(statement.body))
            yield from _flatten(statement.orelse, typing_names, type_only)
        elif isinstance(statement, ast.If) and _is_main(statement.test):
            yield from _flatten(statement.orelse, typing_names, type_only)
        else:
            yield statement


def _type_checking_names(tree: ast.Module) -> set[str]:
    """Return the names, dotted ones too, that stand for typing.TYPE_CHECKING in the module."""
    found, other = set[str](), set[str]()
    for node in own_scope(tree.body):
        if isinstance(node, ast.ImportFrom) and node.module == "typing" and node.level == 0:
            found.update(alias.asname or alias.name for alias in node.names if alias.name == "TYPE_CHECKING")
        elif isinstance(node, ast.Import):
            found.update(
                f"{alias.asname or alias.name}.TYPE_CHECKING" for alias in node.names if alias.name == "typing"
            )
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            other.add(node.id)
    return {name for name in found if name.partition(".")[0] not in other}


def _is_type_checking(test: ast.expr, names: set[str]) -> bool:
    chain = chain_of(test)
    return chain is not None and ".".join(chain) in names


def _is_main(test: ast.expr) -> bool:
    match test:
        case ast.Compare(left=ast.Name(id="__name__"), ops=[ast.Eq()], comparators=[ast.Constant(value="__main__")]):
            return True
        case _:
            return False
