"""Which top-level statements only define something, and which may change what lies elsewhere.

A definition counts where it is used. A statement with effects (a call, a registration, a patch) counts for everything
that runs with the module imported, so that a doubtful statement is taken to have effects.
"""

import ast
import sys
from collections.abc import Sequence

from accio.sdk.known_calls import is_known, keeps_functions
from accio.sdk.names import Chain, bound_names, chain_of, own_scope
from accio.sdk.plain_values import Names, is_data, only_reads

_DECORATORS = frozenset(
    {
        "abc.abstractmethod",
        "accio.operator",
        "accio.sdk.declare.operator",
        "builtins.classmethod",
        "builtins.property",
        "builtins.staticmethod",
        "contextlib.asynccontextmanager",
        "contextlib.contextmanager",
        "dataclasses.dataclass",
        "enum.unique",
        "functools.cache",
        "functools.cached_property",
        "functools.lru_cache",
        "functools.singledispatch",
        "functools.singledispatchmethod",
        "functools.total_ordering",
        "functools.wraps",
        "numba.jit",
        "numba.njit",
        "typing.final",
        "typing.no_type_check",
        "typing.overload",
        "typing.override",
        "typing.runtime_checkable",
    }
)
_PROPERTY_PARTS = frozenset({"setter", "getter", "deleter"})
_METACLASSES = frozenset({"abc.ABCMeta"})
_CLASS_KEYWORDS = frozenset({"total", "metaclass"})
_RUN_FOR_MEMBERS = frozenset({"__init__", "__new__", "_generate_next_value_"})


def is_inert(statement: ast.stmt, names: Names) -> bool:
    """Return whether running the statement does nothing but define the names that it binds."""
    match statement:
        case ast.Import() | ast.ImportFrom() | ast.Pass():
            return True
        case ast.Expr(value=value):
            return isinstance(value, ast.Constant)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            defaults = [*statement.args.defaults, *(d for d in statement.args.kw_defaults if d is not None)]
            return _are_inert_decorators(statement.decorator_list, names) and _are_inert(defaults, names)
        case ast.ClassDef():
            return _is_inert_class(statement, names)
        case ast.Assign(targets=targets, value=value):
            taken = all(isinstance(target, ast.Name) for target in targets) or is_data(value, names)
            return taken and all(_is_name(target) for target in targets) and _is_inert_value(value, names)
        case ast.AnnAssign(target=target, value=value):
            return _is_name(target) and (value is None or _is_inert_value(value, names))
        case ast.If(test=test, body=body, orelse=orelse):
            return _is_inert_value(test, names) and all(is_inert(part, names) for part in (*body, *orelse))
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=final):
            handled = [part for handler in handlers for part in handler.body]
            return all(is_inert(part, names) for part in (*body, *handled, *orelse, *final))
        case _:
            return type(statement).__name__ == "TypeAlias"  # Python 3.12


def _is_inert_class(node: ast.ClassDef, names: Names) -> bool:
    inside = _InBody(node, names)
    return (
        _are_inert_decorators(node.decorator_list, names)
        and _is_made_plainly(node, names)
        and all(is_inert(part, inside) and not _names_stranger(part, inside) for part in node.body)
        # An import in the body is found where the class is followed, and it must be: what it imports may patch.
        and not any(isinstance(part, ast.Import | ast.ImportFrom) for part in own_scope(node.body))
    )


def _names_stranger(part: ast.stmt, names: Names) -> bool:
    """Return whether a class gets an attribute, made elsewhere, that may take note of that (`__set_name__`)."""
    value = part.value if isinstance(part, ast.Assign | ast.AnnAssign) else None
    chain = None if value is None else chain_of(value)
    return chain is not None and not names.is_own_callable(chain) and not names.is_plain(chain)


class _InBody:
    """What names stand for in the body of a class: what it binds itself goes before what its module does."""

    def __init__(self, node: ast.ClassDef, names: Names) -> None:
        self._names = names
        self._binding: dict[str, list[ast.stmt]] = {}
        for part in node.body:
            for name in bound_names([part]):
                self._binding.setdefault(name, []).append(part)

    def full_name(self, chain: Chain) -> str | None:
        return None if chain[0] in self._binding else self._names.full_name(chain)

    def is_own_callable(self, chain: Chain) -> bool:
        return self._names.is_own_callable(chain)

    def is_plain_class(self, chain: Chain) -> bool:
        return chain[0] not in self._binding and self._names.is_plain_class(chain)

    def is_class(self, chain: Chain) -> bool:
        return chain[0] not in self._binding and self._names.is_class(chain)

    def is_plain(self, chain: Chain) -> bool:
        binding = self._binding.pop(chain[0], None)  # what is looked at is that of the module: n = n + 1
        if binding is None:
            return self._names.is_plain(chain)
        found = all(is_plain_statement(part, chain[1:], self) for part in binding)
        self._binding[chain[0]] = binding
        return found


def is_plain_class(node: ast.ClassDef, names: Names) -> bool:
    """Return whether deriving from a class, or an index at it, runs no code that could take note of that."""
    if not {"__init_subclass__", "__class_getitem__"}.isdisjoint(_methods(node)) or any(
        _is_enumeration(base, names) for base in node.bases
    ):
        return False
    return _is_made_plainly(node, names)


def _is_made_plainly(node: ast.ClassDef, names: Names) -> bool:
    """Return whether no code but that of its body runs when the class is made."""
    for keyword in node.keywords:
        chain = chain_of(keyword.value)
        if keyword.arg not in _CLASS_KEYWORDS:
            return False
        if keyword.arg == "metaclass" and (chain is None or names.full_name(chain) not in _METACLASSES):
            return False
    # An enumeration calls methods of its own while it is made.
    if any(_is_enumeration(base, names) for base in node.bases) and _methods(node) & _RUN_FOR_MEMBERS:
        return False
    return all(_is_inert_base(base, names) for base in node.bases)


def is_plain_statement(node: ast.stmt, attributes: Chain, names: Names) -> bool:
    """Return whether a statement binds a name to data, or to something else of which *attributes* can be asked."""
    match node:
        case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
            return is_data(value, names)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return _are_inert_decorators(node.decorator_list, names)
        case ast.ClassDef():
            return _is_asked_plainly(node, names) and (not attributes or _is_plain_member(node, attributes[0], names))
        case _:
            return type(node).__name__ == "TypeAlias"


def _is_asked_plainly(node: ast.ClassDef, names: Names) -> bool:
    """Return whether a name is bound to a class that answers operators and questions for attributes as any other."""
    decorators = [each.func if isinstance(each, ast.Call) else each for each in node.decorator_list]
    classes = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
    classes += [keyword.value for keyword in node.keywords if keyword.arg == "metaclass"]
    chains = [chain_of(each) for each in (*decorators, *classes)]
    known = [chain is not None and names.full_name(chain) is not None for chain in chains]
    return all(known[: len(decorators)]) and all(
        is_known_one or (chain is not None and names.is_plain(chain))
        for is_known_one, chain in zip(known[len(decorators) :], chains[len(decorators) :], strict=True)
    )


def _is_plain_member(node: ast.ClassDef, name: str, names: Names) -> bool:
    """Return whether a class is asked for what it is called, a method, or an attribute that is data."""
    if name.startswith("__"):
        return True
    inside = _InBody(node, names)
    binding = [part for part in node.body if name in bound_names([part])]
    return bool(binding) and all(
        isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef) or is_plain_statement(part, (), inside)
        for part in binding
    )


def _methods(node: ast.ClassDef) -> set[str]:
    return {part.name for part in node.body if isinstance(part, ast.FunctionDef)}


def _is_enumeration(base: ast.expr, names: Names) -> bool:
    chain = chain_of(base)
    name = None if chain is None else names.full_name(chain)
    return name is not None and name.startswith("enum.")


def _is_inert_base(base: ast.expr, names: Names) -> bool:
    inner = base.value if isinstance(base, ast.Subscript) else base
    chain = chain_of(inner)
    if chain is None:
        return False
    if names.is_plain_class(chain):
        return True
    name = names.full_name(chain)
    return name is not None and _is_standard_name(name)


def _is_standard_name(name: str) -> bool:
    return name.partition(".")[0] in sys.stdlib_module_names or name.startswith("builtins.")


def _are_inert_decorators(decorators: Sequence[ast.expr], names: Names) -> bool:
    for decorator in decorators:
        function = decorator.func if isinstance(decorator, ast.Call) else decorator
        chain = chain_of(function)
        if chain is None:
            return False
        is_part_of_property = len(chain) == 2 and chain[1] in _PROPERTY_PARTS
        if not is_part_of_property and names.full_name(chain) not in _DECORATORS:
            return False
        if isinstance(decorator, ast.Call):
            arguments = [*decorator.args, *(keyword.value for keyword in decorator.keywords)]
            if not _are_inert(arguments, names):
                return False
    return True


def _are_inert(values: Sequence[ast.expr], names: Names) -> bool:
    return all(_is_inert_value(value, names) for value in values)


def _is_inert_value(value: ast.expr, names: Names) -> bool:
    for node in ast.walk(value):
        if isinstance(node, ast.Await | ast.Yield | ast.YieldFrom):
            return False
        if isinstance(node, ast.Call) and not _is_inert_call(node, names):
            return False
    return only_reads(value, names)


def _is_inert_call(node: ast.Call, names: Names) -> bool:
    if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Constant):
        return True  # a method of a constant: ", ".join(…)
    chain = chain_of(node.func)
    name = None if chain is None else names.full_name(chain)
    if name is None or not is_known(name):
        return False
    arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
    if keeps_functions(name):
        return True
    for argument in arguments:
        for part in ast.walk(argument):
            found = chain_of(part) if isinstance(part, ast.Name | ast.Attribute) else None
            if found is not None and names.is_own_callable(found):
                return False  # it may be called: sorted(…, key=own)
    return True


def _is_name(target: ast.expr) -> bool:
    if isinstance(target, ast.Tuple | ast.List):
        return all(_is_name(element) for element in target.elts)
    return isinstance(target.value if isinstance(target, ast.Starred) else target, ast.Name)
