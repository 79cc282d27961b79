"""What documents of every subject are made of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accio.domain.issues import Issue
    from accio_client import views

SCHEMA = "accio/v1"

Document = dict[str, Any]


def document(content: Document) -> Document:
    """Return *content* as a whole document, that is with the name of its schema."""
    return {"schema": SCHEMA, **content}


def instant(at: datetime | None) -> str | None:
    """Return a time in ISO 8601 and UTC, with milliseconds where there are any."""
    if at is None:
        return None
    utc = at.astimezone(UTC)
    text = utc.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{utc.microsecond // 1000:03d}Z" if utc.microsecond >= 1000 else f"{text}Z"


def issues(found: Iterable[Issue]) -> list[Document]:
    return [issue.to_json() for issue in found]


def person(found: views.PersonView) -> Document:
    return {"name": found.name, "email": found.email}


def resources(found: views.ResourcesView) -> Document:
    cpus = found.milli_cpus / 1000
    return {
        "cpus": int(cpus) if cpus.is_integer() else cpus,
        "memory": found.memory,
        "disk": found.disk,
        "gpus": found.gpus,
        "custom": dict(found.custom),
    }
