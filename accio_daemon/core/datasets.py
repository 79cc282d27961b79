"""Dataset texts inside canonical values: which there are, and the form in which they enter a memo key."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from accio.domain.datatypes import DataType, Kind

PREFIX = "blake3:"


def digests_of(text: str) -> str | None:
    """Give the content digest that a dataset text names itself, or None if it is a path, a URL or an artifact's name."""
    return text if text.startswith(PREFIX) else None


def dataset_texts(datatype: DataType, canonical: str) -> Iterator[str]:
    """Give every dataset text of a canonical value."""
    if datatype.kind is Kind.DATASET:
        yield orjson.loads(canonical)
    else:
        yield from _walk(datatype, orjson.loads(canonical))


def _walk(datatype: DataType, value: Any) -> Iterator[str]:
    if datatype.kind is Kind.DATASET:
        yield value
    elif datatype.kind is Kind.MAP:
        keys, values = datatype.args
        for name, item in value.items():
            if keys.kind is Kind.DATASET:
                yield name
            if values.contains(Kind.DATASET):
                yield from _walk(values, item)
    elif datatype.is_collection:
        for item in value:
            yield from _walk(datatype.args[0], item)


def key_text(datatype: DataType, canonical: str, digests: Mapping[str, str]) -> str:
    """Give the form of a value that enters a key: each dataset by its content. Sets of datasets are put in order anew."""
    return _render(datatype, orjson.loads(canonical), digests)


def _render(datatype: DataType, value: Any, digests: Mapping[str, str]) -> str:
    if datatype.kind is Kind.DATASET:
        return f'{{"dataset":"{digests[value]}"}}'
    if not datatype.contains(Kind.DATASET):
        return orjson.dumps(value).decode()
    if datatype.kind is Kind.MAP:
        keys, values = datatype.args
        items = {
            (digests[name] if keys.kind is Kind.DATASET else name): _render(values, item, digests)
            for name, item in value.items()
        }
        return "{" + ",".join(f"{orjson.dumps(name).decode()}:{items[name]}" for name in sorted(items)) + "}"
    rendered = [_render(datatype.args[0], item, digests) for item in value]
    if datatype.kind is Kind.SET:
        rendered = sorted(set(rendered))
    return "[" + ",".join(rendered) + "]"
