"""Whether an operator is what its name is bound to: what a module's users would call is what must run.

A decorator above `@operator`, or an assignment further down, may put something else in the operator's place, with a
copy of the declaration (as `functools.wraps` makes one) or without. Such an operator is refused: neither what was
declared nor what took its place is surely what was meant.
"""

from functools import partial
from types import ModuleType

from accio.domain.issues import Issue
from accio.errors import InvalidDefinition
from accio.sdk.declare import Declaration, declaration_of, declared


def home_of(declaration: Declaration) -> str:
    """Name the module in which an operator's function or class is defined."""
    target = declaration.target
    while isinstance(target, partial):
        target = target.func
    return getattr(target, "__module__", None) or ""


def operator_at(module: ModuleType, name: str, value: object) -> Declaration | None:
    """Return the operator that *value*, bound to *name* in *module*, is; None if it is none.

    InvalidDefinition if it only stands for one: if it carries the declaration of something else.
    """
    declaration = declaration_of(value)
    if declaration is not None and declaration.target is not value:
        raise _refusal(declaration, module, name, value)
    return declaration


def is_decoration(module: ModuleType, value: object) -> bool:
    """Return whether *value* was made of an operator that the module has besides, under the name that counts."""
    declaration = declaration_of(value)
    return declaration is not None and declaration.target is not value and _is_in_place(declaration, module)


def check_displaced(module: ModuleType) -> None:
    """Raise InvalidDefinition if *module* has something else, without a declaration, in the place of an operator.

    Also if it imports that from the module that declares the operator.
    """
    for home, declarations in declared():
        for declaration in declarations:
            name = _own_name(declaration)
            value = vars(home).get(name)
            if value is None or declaration_of(value) is not None or _is_in_place(declaration, home):
                continue  # deleted, or `operator_at` looks at it, or in order
            if module is home or any(other is value for other in vars(module).values()):
                raise _refusal(declaration, home, name, value)


def _is_in_place(declaration: Declaration, module: ModuleType) -> bool:
    """Return whether the name of an operator, or else of its function or class, is bound to it; or any, if none is."""
    named = vars(module).get(declaration.name)
    if named is declaration.target:
        return True
    if declaration_of(named) is declaration:
        return False
    bound = vars(module).get(_own_name(declaration))
    if bound is not None:
        return bound is declaration.target
    return any(value is declaration.target for value in vars(module).values())


def _own_name(declaration: Declaration) -> str:
    """Return the name that the definition of the target bound in its module; an empty text if it bound none there."""
    qualified = getattr(declaration.target, "__qualname__", "")
    return qualified if qualified.isidentifier() else ""


def _refusal(declaration: Declaration, module: ModuleType, name: str, value: object) -> InvalidDefinition:
    where = getattr(module, "__file__", None) or module.__name__
    kind = f"the {'class' if isinstance(value, type) else 'function'} {getattr(value, '__qualname__', '')}"
    found = kind if callable(value) and hasattr(value, "__qualname__") else f"a {type(value).__name__}"
    message = (
        f"operator {declaration.name}: in {where} the name {name} is bound to something else ({found}), which runs "
        "would leave out: a decorator stands above @operator, or the name was bound again; put @operator outermost, "
        "above all other decorators"
    )
    return InvalidDefinition([Issue("", message)])
