"""What a check of a definition found, as a view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accio.wire.issues import issues_of
from accio_client import views
from accio_client.from_wire import repeat_until, value_view

if TYPE_CHECKING:
    from accio.v1 import workflows_pb2


def validation(message: workflows_pb2.ValidateResponse) -> views.Validation:
    return views.Validation(
        valid=message.valid,
        errors=issues_of(message.errors),
        warnings=issues_of(message.warnings),
        children=message.children or None,
        until=repeat_until(message.until) if message.HasField("until") else None,
        points=tuple({each.name: value_view(each.value) for each in point.values} for point in message.points),
    )
