"""Which values are plain data, and which expressions do no more than read such data.

The import of a module may change what others find in it with no call that says so. An iterator is advanced by whoever
reads from it, a `defaultdict` makes the entry that it is asked for, and an object of one's own may do anything where an
operator (`a >> b`), an index, an attribute or membership is asked of it. Data are constants, collections of data, what
other packages have, and what known functions make of these. In doubt a value is something else.
"""

import ast
from collections.abc import Iterator
from typing import Protocol

from accio.sdk.known_calls import is_known, keeps_functions, makes_data, makes_iterator
from accio.sdk.names import Chain, bound_names, chain_of


class Names(Protocol):
    """What the names of a module stand for."""

    def full_name(self, chain: Chain) -> str | None:
        """Return the absolute name of something that isn't followed (`numpy.array`, `builtins.len`), else None."""

    def is_own_callable(self, chain: Chain) -> bool:
        """Return whether it is, or may be, a function or class that is followed."""

    def is_plain_class(self, chain: Chain) -> bool:
        """Return whether it is a class that is followed, whose subclasses come into being without running its code."""

    def is_class(self, chain: Chain) -> bool:
        """Return whether it is known to be a class that is followed."""

    def is_plain(self, chain: Chain) -> bool:
        """Return whether it is data, a module, or a function or class of which attributes are asked without effect."""


def only_reads(value: ast.expr, names: Names) -> bool:
    """Return whether evaluating an expression, all of whose calls are known, does no more than read data."""
    reader = _Reader(value, names)
    return all(map(reader.allows, _evaluated(value)))


def is_data(value: ast.expr, names: Names) -> bool:
    """Return whether the value of an expression is data."""
    return _Reader(value, names).is_data(value)


def _evaluated(value: ast.expr) -> Iterator[ast.AST]:
    """Walk what is evaluated with an expression: not the bodies of functions in it."""
    waiting: list[ast.AST] = [value]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(ast.iter_child_nodes(node.args if isinstance(node, ast.Lambda) else node))


class _Reader:
    """Looks at the parts of one expression."""

    def __init__(self, value: ast.expr, names: Names) -> None:
        self._names = names
        # What comprehensions bind is of data if they go over data, which is looked at by itself.
        self._inside = {
            name
            for part in ast.walk(value)
            if isinstance(part, ast.comprehension)
            for name in bound_names([part.target])
        }

    def allows(self, node: ast.AST) -> bool:
        """Return whether a part of the expression, without the parts of that, does no more than read data."""
        match node:
            case ast.BinOp(left=left, right=right):
                return self.is_data(left) and self.is_data(right)
            case ast.UnaryOp(op=operator, operand=operand):
                return isinstance(operator, ast.Not) or self.is_data(operand)
            case ast.Compare(ops=operators, comparators=others):
                asked = (each for op, each in zip(operators, others, strict=True) if isinstance(op, ast.In | ast.NotIn))
                return all(map(self._is_steady, asked))
            case ast.Subscript(value=of):
                chain = chain_of(of)
                return self.is_data(of) and not (chain is not None and self._is_strange_class(chain))
            case ast.Attribute(value=of):
                return self.is_data(of)
            case ast.comprehension(iter=over):
                return self._is_steady(over)
            case ast.Starred(value=of):
                return self._is_steady(of)
            case ast.Call(args=arguments):
                return self._allows_call(node, arguments)
            case _:
                return True

    def _allows_call(self, node: ast.Call, arguments: list[ast.expr]) -> bool:
        """Return whether a known function that goes over its arguments finds data there, and calls nothing else."""
        chain = chain_of(node.func)
        name = None if chain is None else self._names.full_name(chain)
        if name is not None and keeps_functions(name):
            return True
        called = [keyword.value for keyword in node.keywords if keyword.arg == "key"]
        called += arguments if name is not None and name.startswith("itertools.") else []
        return all(map(self._is_steady, arguments)) and not any(map(self._is_bound_method, called))

    def _is_bound_method(self, value: ast.expr) -> bool:
        """Return whether a value may be a method of something that the module has."""
        chain = chain_of(value)
        return chain is not None and len(chain) > 1 and self._names.full_name(chain) is None

    def _is_strange_class(self, chain: Chain) -> bool:
        return self._names.is_class(chain) and not self._names.is_plain_class(chain)

    def _is_steady(self, value: ast.expr) -> bool:
        """Return whether going over a value takes nothing from others: data, or an iterator that nobody else has."""
        return isinstance(value, ast.GeneratorExp) or self._is_new_iterator(value) or self.is_data(value)

    def _is_new_iterator(self, value: ast.expr) -> bool:
        name = self._called(value)
        return name is not None and is_known(name) and makes_iterator(name)

    def _called(self, value: ast.expr) -> str | None:
        chain = chain_of(value.func) if isinstance(value, ast.Call) else None
        return None if chain is None else self._names.full_name(chain)

    def is_data(self, value: ast.expr) -> bool:
        """Return whether a part of the expression has data as its value."""
        chain = chain_of(value)
        if chain is not None:
            return chain[0] in self._inside or self._names.is_plain(chain)
        match value:
            case ast.Constant() | ast.JoinedStr() | ast.Lambda() | ast.Compare():
                return True
            case ast.Attribute(value=of) | ast.Subscript(value=of) | ast.NamedExpr(value=of) | ast.Starred(value=of):
                return self.is_data(of)
            case ast.UnaryOp(operand=of) | ast.ListComp(elt=of) | ast.SetComp(elt=of):
                return self.is_data(of)
            case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts) | ast.BoolOp(values=parts):
                return all(map(self.is_data, parts))
            case ast.BinOp(left=one, right=other) | ast.IfExp(body=one, orelse=other):
                return self.is_data(one) and self.is_data(other)
            case ast.DictComp(key=one, value=other):
                return self.is_data(one) and self.is_data(other)
            case ast.Dict(keys=keys, values=values):
                return all(self.is_data(part) for part in (*keys, *values) if part is not None)
            case ast.Call():
                return self._makes_data(value)
            case _:
                return False

    def _makes_data(self, call: ast.Call) -> bool:
        if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Constant):
            return True  # a method of a constant
        name = self._called(call)
        arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
        return name is not None and is_known(name) and makes_data(name) and all(map(self._holds_data, arguments))

    def _holds_data(self, value: ast.expr) -> bool:
        """Return whether what is found in a value is data; an iterator isn't, but may hold some."""
        if isinstance(value, ast.GeneratorExp):
            return self.is_data(value.elt)
        if isinstance(value, ast.Call) and self._is_new_iterator(value):
            return all(map(self._holds_data, value.args))
        return self.is_data(value)
