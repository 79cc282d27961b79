"""Source text reduced to what it does: no comments, no layout, no docstrings."""

import ast
import copy
from collections.abc import Callable

from accio.sdk.references import Chain, chain_of

DECLARATIONS = frozenset({"accio.operator", "accio.sdk.declare.operator"})
"""Absolute names of the decorator whose arguments describe the operator, and don't change its results."""


def normal_form(statement: ast.stmt, *, keep_docstrings: bool, is_declaration: Callable[[Chain], bool]) -> str:
    """Give a text that is equal for statements that do the same when they are run by the same interpreter.

    `is_declaration` tells whether a name stands for one of DECLARATIONS: these decorators are left out.
    """
    stripper = _Stripper(keep_docstrings=keep_docstrings, is_declaration=is_declaration)
    return ast.dump(stripper.visit(copy.deepcopy(statement)), annotate_fields=False, include_attributes=False)


class _Stripper(ast.NodeTransformer):
    def __init__(self, *, keep_docstrings: bool, is_declaration: Callable[[Chain], bool]) -> None:
        self._keep_docstrings = keep_docstrings
        self._is_declaration = is_declaration

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._definition(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._definition(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._definition(node)

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> ast.AST:
        node.decorator_list = [decorator for decorator in node.decorator_list if not self._declares(decorator)]
        if not self._keep_docstrings:
            node.body = [statement for statement in node.body if not _is_bare_text(statement)]
        return self.generic_visit(node)

    def _declares(self, decorator: ast.expr) -> bool:
        chain = chain_of(decorator.func if isinstance(decorator, ast.Call) else decorator)
        options = [*decorator.args, *decorator.keywords] if isinstance(decorator, ast.Call) else []
        if any(isinstance(part, ast.Call | ast.NamedExpr) for option in options for part in ast.walk(option)):
            return False  # what computes an option may do anything besides
        return chain is not None and self._is_declaration(chain)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        node.kind = None  # u"…" is "…"
        return node


def _is_bare_text(statement: ast.stmt) -> bool:
    """Tell whether it is a docstring, or a text beside an attribute that serves as one."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
