"""Whether an own module changes others while it is imported: runs in worker processes.

An import within an execution stays, with what it did; an operator that doesn't import the module must not find that.
What merely defines something, of its own, stays within the module. What is called for its effect, or written into what
was imported (`jax.config.update(…)`, `registry["x"] = f`, `@register(…)`), doesn't. Only statements that an import runs
are looked at, and in doubt a call counts.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

_HARMLESS = frozenset(
    {
        "addHandler", "basicConfig", "debug", "disable_warnings", "filterwarnings", "info", "insert",
        "makedirs", "manual_seed", "mkdir", "print", "seed", "setLevel", "simplefilter", "warn", "warning",
    }
)  # fmt: skip
"""Last words of calls whose effects others don't find: on logs, files and what is set anew for each execution."""
_REGISTERING = ("regist", "overload", "implement", "hook", "plugin")


def changes_others(path: str) -> bool:
    """Return whether the import of a file may change other modules; True if it can't be read."""
    try:
        tree = ast.parse(Path(path).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return True
    values, code = _defined(tree)
    return any(_changes(statement, values, code) for statement in _run(tree.body))


def _run(statements: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Return the statements that an import runs, those within others, too."""
    for statement in statements:
        yield statement
        if isinstance(statement, ast.If) and "__name__" in _words(getattr(statement.test, "left", statement.test)):
            yield from _run(statement.orelse)  # python -m
        elif not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for name in ("body", "orelse", "finalbody"):
                yield from _run(getattr(statement, name, []))
            for handler in getattr(statement, "handlers", []):
                yield from _run(handler.body)


def _defined(tree: ast.Module) -> tuple[set[str], set[str]]:
    """Return the names that a module binds to values of its own, and those of its functions and classes."""
    values, code = set[str](), set[str]()
    for statement in _run(tree.body):
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            code.add(statement.name)
        targets = getattr(statement, "targets", [getattr(statement, "target", None)])
        values |= {
            part.id
            for each in targets
            if each
            for part in ast.walk(each)
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
        }
    return values, code


def _changes(statement: ast.stmt, values: set[str], code: set[str]) -> bool:
    match statement:
        case ast.Expr(value=ast.Call(func=function)):
            words = _words(function)
            return not words or (words[-1] not in _HARMLESS and words[0] not in values)
        case ast.Assign(targets=targets) | ast.Delete(targets=targets):
            return any(_is_foreign(target, values | code) for target in targets)
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            return _is_foreign(target, values | code)
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return any(_registers(decorator) for decorator in statement.decorator_list)
        case _:
            return False


def _is_foreign(target: ast.expr, own: set[str]) -> bool:
    """Return whether a target is a part of something that the module hasn't made: but for the environment."""
    if isinstance(target, ast.Tuple | ast.List):
        return any(_is_foreign(part, own) for part in target.elts)
    words = _words(target)
    return len(words) != 1 and (not words or words[0] not in own) and words[:2] != ["os", "environ"]


def _registers(decorator: ast.expr) -> bool:
    words = _words(decorator.func if isinstance(decorator, ast.Call) else decorator)
    return any(part in word.lower() for word in words for part in _REGISTERING)


def _words(value: ast.expr) -> list[str]:
    """Return the names that lead to something, from the first one; nothing if it is led to otherwise."""
    words: list[str] = []
    while isinstance(value, ast.Attribute | ast.Subscript | ast.Starred):
        words.append(value.attr if isinstance(value, ast.Attribute) else "")
        value = value.value
    return [value.id, *reversed(words)] if isinstance(value, ast.Name) else []
