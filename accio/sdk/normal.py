"""Source text reduced to what it does: no comments, no layout, no docstrings."""

import ast
from collections.abc import Callable
from typing import Any

from accio.sdk.names import Chain, chain_of

DECLARATIONS = frozenset({"accio.operator", "accio.sdk.declare.operator"})
"""Absolute names of the decorator whose arguments describe the operator, and don't change its results."""

_LONGEST_NUMBER = 10_000
"""Bits of numbers in source that Python still turns into decimal digits."""


def normal_form(statement: ast.stmt, *, keep_docstrings: bool, is_declaration: Callable[[Chain], bool]) -> str:
    """Return a text that is equal for statements that do the same when they are run by the same interpreter.

    `is_declaration` tells whether a name stands for one of DECLARATIONS: these decorators are left out.
    """
    stripper = _Stripper(keep_docstrings=keep_docstrings, is_declaration=is_declaration)
    return ast.dump(stripper.strip(statement), annotate_fields=False, include_attributes=False)


class _Stripper:
    """Copies what it changes, and leaves the given tree unchanged: copying all of it would cost most of the time."""

    def __init__(self, *, keep_docstrings: bool, is_declaration: Callable[[Chain], bool]) -> None:
        self._keep_docstrings = keep_docstrings
        self._is_declaration = is_declaration

    def strip(self, node: ast.AST) -> ast.AST:
        """Return the node, or a copy if something of it is left out."""
        if isinstance(node, ast.Constant):
            if isinstance(node.value, int) and node.value.bit_length() > _LONGEST_NUMBER:
                return ast.Tuple([ast.Constant(hex(node.value)), ast.Constant(...)])  # decimal digits can't be had
            return ast.Constant(node.value) if node.kind else node  # u"…" is "…"
        if isinstance(node, ast.Name):
            return node
        changed: dict[str, Any] = {}
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            changed = self._without_ornaments(node)
        for name, value in ast.iter_fields(node):
            part = changed.get(name, value)
            if isinstance(part, list):
                stripped: Any = [self.strip(each) if isinstance(each, ast.AST) else each for each in part]
                if any(new is not old for new, old in zip(stripped, part, strict=True)):
                    changed[name] = stripped
            elif isinstance(part, ast.AST):
                stripped = self.strip(part)
                if stripped is not part:
                    changed[name] = stripped
        if not changed:
            return node
        return type(node)(**{name: changed.get(name, value) for name, value in ast.iter_fields(node)})

    def _without_ornaments(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> dict[str, Any]:
        decorators = [decorator for decorator in node.decorator_list if not self._declares(decorator)]
        if self._keep_docstrings:
            return {"decorator_list": decorators}
        body = [statement for statement in node.body if not _is_bare_text(statement)]
        return {"decorator_list": decorators, "body": body}

    def _declares(self, decorator: ast.expr) -> bool:
        chain = chain_of(decorator.func if isinstance(decorator, ast.Call) else decorator)
        options = [*decorator.args, *decorator.keywords] if isinstance(decorator, ast.Call) else []
        if any(isinstance(part, ast.Call | ast.NamedExpr) for option in options for part in ast.walk(option)):
            return False  # what computes an option may do anything besides
        return chain is not None and self._is_declaration(chain)


def _is_bare_text(statement: ast.stmt) -> bool:
    """Return whether it is a docstring, or a text beside an attribute that serves as one."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
