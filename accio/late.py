"""Dataclasses whose methods are generated when the first instance is made, or something asks for the fields.

    from accio.late import dataclass

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Place: …

`dataclasses` compiles six methods for each class as its module is loaded, half a millisecond: a third of what a daemon
loaded was that, and most of its 240 classes aren't used before somebody asks for them. Here a class gets its slots at
once and everything else, from `dataclasses` itself, when it is used. To users and type checkers it is the same class.

What is unusual (`ClassVar`, `InitVar`, an `__init__` of the class's own, no slots) is made at once. Threads may finish
a class at the same time: both set the same, and `__init__`, without which there is no instance, comes last.
"""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(**options: bool) -> Callable[[type], type]:
        """Return the decorator `dataclasses.dataclass(**options)`, which does most of its work late."""

        def decorate(cls: type) -> type:
            return _late(cls, options) if _is_usual(cls, options) else dataclasses.dataclass(**options)(cls)

        return decorate


_OPTIONS = frozenset({"frozen", "slots", "kw_only", "eq", "order"})
_UNUSUAL = ("ClassVar", "InitVar", "KW_ONLY")
_OF_EACH_CLASS = ("__dict__", "__weakref__")


class _Late:
    """An attribute of a class that is there once the class has been finished."""

    def __init__(self, name: str, cls: type, finish: Callable[[], None]) -> None:
        self._name = name
        self._cls = cls
        self._finish = finish

    def __get__(self, instance: object, owner: type) -> Any:
        self._finish()
        found = vars(self._cls)[self._name]
        bind = getattr(found, "__get__", None)
        return found if bind is None else bind(instance, owner)


def _is_usual(cls: type, options: dict[str, bool]) -> bool:
    types = map(str, vars(cls).get("__annotations__", {}).values())
    return (
        options.get("slots", False)
        and options.keys() <= _OPTIONS
        and "__init__" not in vars(cls)
        and "__slots__" not in vars(cls)
        and not any(word in text for text in types for word in _UNUSUAL)
    )


def _late(plain: type, options: dict[str, bool]) -> type:
    """Return *plain* with slots, to be finished later with what `dataclasses` makes of a class like *plain*."""
    namespace = {name: value for name, value in vars(plain).items() if name not in _OF_EACH_CLASS}
    namespace["__qualname__"] = plain.__qualname__
    fields = namespace.get("__annotations__", {})
    inherited = {name for base in plain.__mro__[1:] for name in vars(base).get("__slots__", ())}
    slots = tuple(name for name in fields if name not in inherited)
    kept = {name: value for name, value in namespace.items() if name not in fields}
    cls = type(plain)(plain.__name__, plain.__bases__, {**kept, "__slots__": slots})

    def finish() -> None:
        model = type(plain)(plain.__name__, plain.__bases__, dict(namespace))  # one each: threads don't share it
        dataclasses.dataclass(**{**options, "slots": False})(model)
        made = {name: value for name, value in vars(model).items() if value is not namespace.get(name)}
        for name in sorted(made.keys() - fields.keys() - set(_OF_EACH_CLASS), key="__init__".__eq__):
            setattr(cls, name, made[name])

    for name in ("__dataclass_fields__", "__init__"):
        setattr(cls, name, _Late(name, cls, finish))
    if options.get("frozen"):
        for name, method in (("__getstate__", _state), ("__setstate__", _set_state)):
            setattr(cls, name, method)
    return cls


def _state(self: Any) -> list[object]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _set_state(self: Any, state: list[object]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)  # frozen
