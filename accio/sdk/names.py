"""Names in Python source: chains of them, those that imports bring, those that statements bind in their own scope."""

import ast
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from accio.late import dataclass

Chain: TypeAlias = tuple[str, ...]
"""A name with the attributes asked of it: `np.random.default_rng` is ("np", "random", "default_rng")."""


@dataclass(frozen=True, slots=True)
class Imported:
    """One name that an import statement binds: the module it names, and the attribute taken from it, if any."""

    module: str
    attribute: str | None
    bound: str
    is_top: bool

    @property
    def target(self) -> Chain:
        """What the bound name stands for: `import a.b` binds a alone."""
        if self.is_top:
            return (self.module.partition(".")[0],)
        parts = tuple(self.module.split("."))
        return parts if self.attribute is None else (*parts, self.attribute)


def read_import(node: ast.Import | ast.ImportFrom, package: str) -> list[Imported]:
    """Return the names that an import statement binds; a star import binds `*`."""
    if isinstance(node, ast.Import):
        return [
            Imported(alias.name, None, alias.asname or alias.name.partition(".")[0], is_top=alias.asname is None)
            for alias in node.names
        ]
    module = absolute_name(node.module or "", node.level, package)
    return [Imported(module, alias.name, alias.asname or alias.name, is_top=False) for alias in node.names]


def absolute_name(module: str, level: int, package: str) -> str:
    """Resolve a module name with *level* leading dots, as seen from *package*."""
    if level == 0:
        return module
    parts = package.split(".")
    base = ".".join(parts[: len(parts) - level + 1])
    return f"{base}.{module}" if module else base


def chain_of(node: ast.expr) -> Chain | None:
    """Return the chain that an expression is, or None if it is something else."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    return (node.id, *reversed(attributes)) if isinstance(node, ast.Name) else None


def bound_names(statements: Sequence[ast.AST]) -> Iterator[str]:
    """Return the names that *statements* bind in their own scope."""
    for node in own_scope(statements):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name
            case ast.MatchMapping(rest=str(name)):
                yield name
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                for alias in aliases:
                    plain = alias.name.partition(".")[0] if isinstance(node, ast.Import) else alias.name
                    yield alias.asname or plain
            case _:
                continue


def own_scope(nodes: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """Walk what runs in the scope of *nodes* itself: bodies of functions, lambdas and classes are left out.

    Of comprehensions only `:=` belongs to the scope around them; for simplicity all else of them is left out.
    """
    stack = list(reversed(nodes))
    while stack:
        node = stack.pop()
        yield node
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                inner: list[ast.AST] = [*node.decorator_list, *defaults(node.args)]
            case ast.Lambda():
                inner = defaults(node.args)
            case ast.ClassDef():
                inner = [*node.decorator_list, *node.bases, *node.keywords]
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                inner = [part.target for part in ast.walk(node) if isinstance(part, ast.NamedExpr)]
            case _:
                inner = list(ast.iter_child_nodes(node))
        stack.extend(reversed(inner))


def defaults(arguments: ast.arguments) -> list[ast.AST]:
    """Return what the parameters of a function default to: evaluated around it, where it is defined."""
    return [*arguments.defaults, *(default for default in arguments.kw_defaults if default is not None)]
