"""Pairs and lists in words of the command line."""

from collections.abc import Sequence

from accio.errors import BadRequest


def given_parameters(arguments: Sequence[str]) -> list[tuple[str, str | None]]:
    """Return names and values of `name=value` arguments, in their order; None for `name:=null`, which is no text."""
    from accio.domain.absence import NO_VALUE  # with all types of values: lists of runs need neither

    pairs: list[tuple[str, str | None]] = []
    for name, value in parameters(arguments):
        if name.endswith(":") and value != NO_VALUE:
            hint = f"{name}=null, which is no value, or {name[:-1]}={value}"
            raise BadRequest(f"expected {hint}, found {name + '=' + value!r}")
        pairs.append((name[:-1], None) if name.endswith(":") else (name, value))
    return pairs


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
    """Tags separated by commas; an empty text means none."""
    return [tag for tag in (each.strip() for each in text.split(",")) if tag]
