"""The JSON text of a definition that a Python program gives: a file, its text, or a dictionary with Python's values."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from accio.domain.issues import pointer
from accio.domain.numbers import MAX_DIGITS
from accio.domain.problems import quote
from accio.errors import BadRequest
from accio_client.file_names import base_path as as_base_path
from accio_client.file_names import readable
from accio_client.settings import LARGEST_DEFINITION

if TYPE_CHECKING:
    from accio_client.composing import Workflow

Definition: TypeAlias = "Mapping[str, Any] | bytes | Path | Workflow"
"""A document, its JSON text, the file that holds it, or a workflow that was put together in Python."""

_MOST_BITS = int(MAX_DIGITS * math.log2(10))


def read(definition: Definition, base_path: str | None) -> tuple[bytes, str, str]:
    """Return the definition's text, the folder that its relative paths mean, and the id that its file's name gives."""
    if isinstance(definition, Path):
        folder = as_base_path(str(definition.absolute().parent)) if base_path is None else base_path
        with definition.open("rb") as file:
            text = file.read(LARGEST_DEFINITION + 1)  # no more: it may be a device without an end
        return read(text, folder)[0], folder, readable(definition.stem)
    from accio_client.composing import Workflow

    if isinstance(definition, Workflow):
        definition = definition.definition()
    given: object = definition
    if isinstance(given, str):
        raise BadRequest(
            f"expected a definition, found the text {given[:80]!r}: the name of a file is given as Path(…), "
            "JSON as bytes"
        )
    text = definition if isinstance(definition, bytes) else json.dumps(_plain(definition, "")).encode()
    if len(text) > LARGEST_DEFINITION:
        raise BadRequest(f"expected a definition of at most {LARGEST_DEFINITION} bytes, found more")
    folder = as_base_path(os.getcwd()) if base_path is None else base_path  # noqa: PTH109  # with each submission
    return text, folder, ""


def _plain(value: Any, place: str) -> Any:
    """Return *value* in forms that JSON has; BadRequest with its pointer if there is none.

    A number that isn't finite becomes a text: the daemon refuses it, and says where it stands.
    """
    match value:
        case float() if not math.isfinite(value):
            return str(value)
        case int() if value.bit_length() > _MOST_BITS:
            raise BadRequest(
                f"{place or 'the definition'}: expected a number of at most {MAX_DIGITS} digits, found {quote(value)}"
            )
        case None | bool() | int() | float() | str():
            return value
        case Mapping():
            return {_key(key, place): _plain(member, place + pointer(str(key))) for key, member in value.items()}
        case list() | tuple() | range():
            return [_plain(element, place + pointer(str(at))) for at, element in enumerate(value)]
        case os.PathLike():
            return os.fspath(value)
        case _ if callable(numbers := getattr(value, "tolist", None)):  # NumPy's and pandas'
            return _plain(numbers(), place)
        case _:
            raise BadRequest(
                f"{place or 'the definition'}: expected a text, number, truth value, list, dictionary or path, "
                f"found {value!r:.100} of type {type(value).__name__}"
            )


def _key(key: object, place: str) -> str:
    if not isinstance(key, str):
        raise BadRequest(f"{place or 'the definition'}: expected a text as a key, found {key!r:.100}")
    return key
