"""Pairs and lists in words of the command line."""

import shlex
from collections.abc import Sequence

import orjson

from accio.errors import BadRequest


def given_parameters(arguments: Sequence[str]) -> list[tuple[str, str | None]]:
    """Return names and values of `name=value` arguments, in their order; None for `name:=null`, which is no text."""
    from accio.domain.absence import NO_VALUE  # with all types of values: lists of runs need neither

    pairs: list[tuple[str, str | None]] = []
    for name, value in parameters(arguments):
        if name.endswith(":") and value != NO_VALUE:
            hint = f"{name}=null, which is no value, or {_instead(name[:-1], value)}"
            raise BadRequest(f"expected {hint}, found {name + '=' + value!r}")
        pairs.append((name[:-1], None) if name.endswith(":") else (name, value))
    return pairs


def _instead(name: str, value: str) -> str:
    """Return what was probably meant: a value, or each of the listed values, which parameters of all types take so."""
    texts = values_of_form(value)
    if texts is None:
        return f"{name}={value}"
    return " ".join(f"{name}={shlex.quote(text)}" for text in texts) or f"{name}=VALUE"


def values_of_form(text: str) -> list[str] | None:
    """Return the values that a text lists as a run file does, `{"values": […]}`; None if it is no such form."""
    try:
        listed = list(orjson.loads(text)["values"])
    except (ValueError, LookupError, TypeError):
        return None
    return [each if isinstance(each, str) else orjson.dumps(each).decode() for each in listed]


def parameters(arguments: Sequence[str]) -> list[tuple[str, str]]:
    """Return names and values of `name=value` arguments, in their order."""
    pairs: list[tuple[str, str]] = []
    for argument in arguments:
        name, equal, value = argument.partition("=")
        if not equal or not name:
            raise BadRequest(f"expected NAME=VALUE for a parameter, found {argument!r}")
        pairs.append((name, value))
    return pairs


def tag_list(text: str) -> list[str]:
    """Return the tags of a text, where commas separate them; an empty one has none."""
    return [tag for tag in (each.strip() for each in text.split(",")) if tag]
