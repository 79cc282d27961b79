"""Values and people as users have them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from accio.domain.datatypes import parse_type
from accio.domain.values import display
from accio.v1 import values_pb2
from accio_client import views


@lru_cache(maxsize=4096)
def _shown(type_name: str, canonical: str) -> Any:
    return display(parse_type(type_name), canonical)


def user_value(type_name: str, canonical: str) -> Any:
    """Return a value in the form in which it can be submitted again.

    Small ones are remembered, for the children of a sweep repeat them.
    """
    return _shown(type_name, canonical) if len(canonical) < 200 else _shown.__wrapped__(type_name, canonical)


def value_view(message: values_pb2.Value) -> views.ValueView:
    value = user_value(message.type, message.json)
    return views.ValueView(type=message.type, value=value, canonical=message.json)


def person(message: values_pb2.Person) -> views.PersonView:
    return views.PersonView(name=message.name, email=message.email)


def resources(message: values_pb2.Resources) -> views.ResourcesView:
    return views.ResourcesView(
        milli_cpus=message.milli_cpus,
        memory=message.memory,
        disk=message.disk,
        gpus=message.gpus,
        custom=dict(sorted(message.custom.items())),
    )
