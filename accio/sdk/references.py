"""What a piece of Python source refers to: global names, imports, attributes.

Scopes are told apart as Python does: a name that is local to a function doesn't count, one that only looks local (the
variable of a comprehension elsewhere, a class attribute) does. In doubt a name counts.
"""

import ast
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import field
from typing import TypeAlias

from accio.late import dataclass
from accio.sdk.names import Chain, Imported, bound_names, chain_of, defaults, own_scope, read_import

ALLOW_PICKLE = "allow_pickle"
"""A keyword of NumPy's readers that counts as an attribute if it may be true."""

MEMORY = "memory="
"""An attribute that stands for the keyword by which steps of scikit-learn keep on disk what they have fitted."""

_KEEPING = frozenset(
    {"AgglomerativeClustering", "FeatureAgglomeration", "HDBSCAN", "Pipeline", "make_pipeline", "set_params"}
)

_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_Comprehension: TypeAlias = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True, slots=True)
class Called:
    """A call of something that has a name, with its positional arguments.

    `texts` has the text of each that is a constant one, else None; `chains` the chains that each may stand for, with
    whether they are absolute.
    """

    function: Chain
    is_absolute: bool
    texts: tuple[str | None, ...]
    chains: tuple[list[tuple[Chain, bool]], ...]
    has_keywords: bool

    def imported_module(self, package: str) -> str | None:
        """Return what `importlib.import_module` imports so in *package*; None if that is known at run time only."""
        name = self.texts[0] if self.texts else None
        if name is None or self.has_keywords:
            return None
        if not name.startswith("."):
            return name
        if self.chains[1:2] != ([(("__package__",), False)],):
            return None
        relative = name.lstrip(".")
        parts = package.split(".")
        return ".".join((*parts[: len(parts) - (len(name) - len(relative)) + 1], relative))


@dataclass(slots=True)
class References:
    """What was found. Chains in `names` begin with a global name, those in `absolute` with a module.

    `texts` are constants, which may be names that something else looks up.
    Those in `class_names` begin with a name that the body of a class binds, and may be global before it does, or that a
    text says where a type may stand. `expressions` are texts that others may evaluate: all but docstrings.
    """

    names: set[Chain] = field(default_factory=set)
    class_names: set[Chain] = field(default_factory=set)
    absolute: set[Chain] = field(default_factory=set)
    imports: list[Imported] = field(default_factory=list)
    calls: list[Called] = field(default_factory=list)
    attributes: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    expressions: set[str] = field(default_factory=set)


def find_references(node: ast.AST, package: str) -> References:
    """Return what *node*, a statement or expression at module level, refers to; relative imports start at *package*."""
    walker = _Walker(package)
    walker.visit(node)
    return walker.found


@dataclass(slots=True)
class _Scope:
    """The names that a function, lambda or comprehension has to itself."""

    names: set[str]
    declared_global: set[str] = field(default_factory=set)
    imports: dict[str, list[Imported]] = field(default_factory=dict)


class _Walker(ast.NodeVisitor):
    def __init__(self, package: str) -> None:
        self.found = References()
        self._package = package
        self._scopes: list[_Scope] = []
        self._classes: list[tuple[int, set[str]]] = []  # the number of scopes around a class, and the names in its body

    # Names and attributes

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Store):
            self._mention((node.id,))
            self._note_locals((node.id,))

    def _note_locals(self, chain: Chain) -> None:
        if chain == ("locals",) and not self._scopes:  # those of a module are its globals
            self._mention(("globals",))

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self.found.texts.add(node.value)
            self.found.expressions.add(node.value)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):  # a docstring
            self.found.texts.add(node.value.value)
        else:
            self.visit(node.value)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if not self._scopes and not _is_called(node.value, "Literal"):  # an alias: Items = list["Item"]
            for part in ast.walk(node.slice):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    self.found.class_names.update(_chains_in(part.value))
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._mention((node.target.id,))
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        chain = chain_of(node)
        if chain is None:
            self.found.attributes.add(node.attr)
            self.visit(node.value)
        else:
            self._mention(chain)

    def visit_Global(self, node: ast.Global) -> None:
        self.found.names.update((name,) for name in node.names)

    def _mention(self, chain: Chain) -> None:
        self.found.attributes.update(chain[1:])
        names, absolute = self._resolve(chain)
        is_class_name = self._classes and self._classes[-1][0] == len(self._scopes) and chain[0] in self._classes[-1][1]
        (self.found.class_names if is_class_name else self.found.names).update(names)
        self.found.absolute.update(absolute)

    def _resolve(self, chain: Chain) -> tuple[list[Chain], list[Chain]]:
        """Return the chain as one of a global name, or as absolute ones if its first name is a local import."""
        root = chain[0]
        for scope in reversed(self._scopes):
            if root in scope.declared_global:
                break
            if root in scope.names:
                return [], [(*found.target, *chain[1:]) for found in scope.imports.get(root, [])]
        return [chain], []

    def visit_Call(self, node: ast.Call) -> None:
        function = chain_of(node.func)
        if function is not None:
            texts = tuple(
                argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else None
                for argument in node.args
            )
            chains = tuple(self._meanings(chain_of(argument)) for argument in node.args)
            self._note_locals(function)
            names, absolute = self._resolve(function)
            for chain in (*names, *absolute):
                is_absolute = chain in absolute
                self.found.calls.append(Called(chain, is_absolute, texts, chains, bool(node.keywords)))
            self.found.attributes.update(function[1:])
        else:
            self.visit(node.func)
        for argument in (*node.args, *node.keywords):
            self.visit(argument)
        for keyword in node.keywords:
            if keyword.arg == ALLOW_PICKLE and not (
                isinstance(keyword.value, ast.Constant) and not keyword.value.value
            ):
                self.found.attributes.add(ALLOW_PICKLE)
            if keyword.arg == "memory" and _name_of(node.func) in _KEEPING and not _is_none(keyword.value):
                self.found.attributes.add(MEMORY)

    def _meanings(self, chain: Chain | None) -> list[tuple[Chain, bool]]:
        names, absolute = ([], []) if chain is None else self._resolve(chain)
        return [*((name, False) for name in names), *((name, True) for name in absolute)]

    # Imports

    def visit_Import(self, node: ast.Import) -> None:
        self._import(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self._import(node)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        self.found.imports += read_import(node, self._package)

    # Scopes

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node)

    def _function(self, node: _Function) -> None:
        for outside in (*node.decorator_list, *defaults(node.args)):
            self.visit(outside)
        for annotation in _annotations(node):
            self._annotation(annotation)
        self._body(node.args, node.body, extra=_type_parameters(node))

    def visit_Lambda(self, node: ast.Lambda) -> None:
        for default in defaults(node.args):
            self.visit(default)
        self._body(node.args, [node.body], extra=())

    def _body(self, arguments: ast.arguments, body: Sequence[ast.AST], *, extra: Sequence[str]) -> None:
        inside = list(own_scope(body))
        declared = {name for node in inside if isinstance(node, ast.Global) for name in node.names}
        outer = {name for node in inside if isinstance(node, ast.Nonlocal) for name in node.names}
        parameters = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        parameters += [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
        names = {parameter.arg for parameter in parameters} | set(bound_names(body)) | set(extra)
        scope = _Scope(names - declared - outer, declared)
        for node in inside:
            if isinstance(node, ast.Import | ast.ImportFrom):
                for imported in read_import(node, self._package):
                    scope.imports.setdefault(imported.bound, []).append(imported)
                    if imported.bound in declared | outer:  # others can use it by that name: take all of it
                        self.found.absolute.add(imported.target)
        self._inside(scope, body)

    def _inside(self, scope: _Scope, nodes: Sequence[ast.AST]) -> None:
        self._scopes.append(scope)
        for node in nodes:
            self.visit(node)
        self._scopes.pop()

    def visit_ListComp(self, node: ast.ListComp) -> None:
        self._comprehension(node)

    def visit_SetComp(self, node: ast.SetComp) -> None:
        self._comprehension(node)

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._comprehension(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self._comprehension(node)

    def _comprehension(self, node: _Comprehension) -> None:
        first = node.generators[0]
        self.visit(first.iter)  # evaluated outside: in [x for x in x] the last x is another one
        names = {name for generator in node.generators for name in bound_names([generator.target])}
        results: list[ast.AST] = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        rest = [generator.iter for generator in node.generators[1:]]
        targets = [generator.target for generator in node.generators]
        conditions = [condition for generator in node.generators for condition in generator.ifs]
        self._inside(_Scope(names), [*targets, *conditions, *rest, *results])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in own_scope(node.body):
            if isinstance(part, ast.Import | ast.ImportFrom):  # methods reach it through self: take all of it
                self.found.absolute.update(imported.target for imported in read_import(part, self._package))
        for outside in (*node.decorator_list, *node.bases, *node.keywords):
            self.visit(outside)
        self._classes.append((len(self._scopes), set(bound_names(node.body))))
        for statement in node.body:
            self.visit(statement)
        self._classes.pop()

    # Annotations

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._annotation(node.annotation)
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)

    def _annotation(self, node: ast.expr) -> None:
        """Visit an annotation, reading texts in it as the types that they stand for."""
        match node:
            case ast.Constant(value=str(text)):
                with suppress(SyntaxError):
                    self._annotation(ast.parse(text, mode="eval").body)
            case ast.Subscript(value=origin, slice=ast.Tuple(elts=[first, *notes])) if _is_called(origin, "Annotated"):
                self.visit(origin)
                self._annotation(first)
                for note in notes:
                    self.visit(note)
            case ast.Subscript(value=origin) if _is_called(origin, "Literal"):
                self.visit(origin)
            case ast.Subscript(value=origin, slice=inner):
                self.visit(origin)
                self._annotation(inner)
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                for element in elements:
                    self._annotation(element)
            case ast.BinOp(left=left, right=right):
                self._annotation(left)
                self._annotation(right)
            case _:
                self.visit(node)


def _chains_in(text: str) -> Iterator[Chain]:
    """Yield the chains in the text of an expression; none in other texts."""
    with suppress(SyntaxError, ValueError):
        for part in ast.walk(ast.parse(text.strip(), mode="eval")):
            chain = chain_of(part) if isinstance(part, ast.Name | ast.Attribute) else None
            if chain is not None:
                yield chain


def _annotations(node: _Function) -> list[ast.expr]:
    arguments = node.args
    parameters = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    parameters += [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
    found = [parameter.annotation for parameter in parameters] + [node.returns]
    return [annotation for annotation in found if annotation is not None]


def _name_of(function: ast.expr) -> str:
    """Return the last name of what is called, whatever it is asked of; nothing if it has none."""
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_called(node: ast.expr, name: str) -> bool:
    chain = chain_of(node)
    return chain is not None and chain[-1] == name


def _type_parameters(node: ast.AST) -> list[str]:
    """Return the names of `def f[T]` (Python 3.12)."""
    return [parameter.name for parameter in getattr(node, "type_params", [])]
