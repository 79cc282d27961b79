"""From the bytes of a request to a checked definition. Large ones are checked in a thread, so that heartbeats go on."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from accio.domain.documents import parse_document
from accio.domain.issues import Checked, Issue
from accio.domain.jsontypes import JsonObject
from accio.domain.limits import Limits
from accio.domain.runs import RunDefinition
from accio.domain.validation import check_run, check_workflow
from accio.domain.workflows import Workflow
from accio.errors import BadRequest, InvalidDefinition
from accio.late import dataclass
from accio_daemon.services.calls.catalogue import Catalogue, Lookup, Operators

T = TypeVar("T")

DEFINITION_LIMIT = 4_000_000
"""Bytes of a definition; with the rest of its request it stays below the limit of a message."""

BYTES_OF_NODE = 200
"""Of a definition, about; a node costs as much time wherever all of a workflow's are looked at."""

_LARGE = 64 * 1024
_WALKING = frozenset({"sample", "where", "union"})
"""Keys of a run definition for which many points may be looked at, however short it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedRun:
    """The outcome of checking a run definition, with what it was checked against."""

    outcome: Checked[RunDefinition]
    lookup: Lookup
    operators: Operators


async def check_workflow_bytes(
    catalogue: Catalogue, data: bytes, *, default_id: str, base_path: str, limits: Limits
) -> Checked[Workflow]:
    """Check a workflow definition; what isn't even JSON comes back as its errors."""
    operators = await catalogue.operators()

    def check() -> Checked[Workflow]:
        return check_workflow(
            _parsed(data),
            operators.specs,
            default_id=default_id or None,
            base_path=_folder(base_path),
            limits=limits,
        )

    return _told_of_lacking(await _checked(check, len(data)), catalogue.left_out)


async def check_run_bytes(catalogue: Catalogue, data: bytes, *, base_path: str, limits: Limits) -> CheckedRun:
    """Check a run definition; what isn't even JSON comes back as its errors."""
    operators = await catalogue.operators()
    nothing = Lookup(found=None, known_ids=(), known_versions=())
    try:
        document = await off_loop(lambda: _parsed(data), len(data))
    except InvalidDefinition as error:
        return CheckedRun(outcome=_refused(error), lookup=nothing, operators=operators)
    lookup = await catalogue.lookup(document.get("workflow"))

    def check() -> Checked[RunDefinition]:
        return check_run(
            document,
            workflows=lookup,
            operators=operators.specs,
            limits=limits,
            base_path=_folder(base_path),
            fit=operators.fit,
        )

    nodes = len(lookup.found.workflow.graph) if lookup.found else 0
    # A few bytes may ask for many points to be looked at.
    size = _LARGE if _WALKING.intersection(document) else len(data) + BYTES_OF_NODE * nodes
    outcome = _told_of_lacking(await _checked(check, size), catalogue.left_out)
    return CheckedRun(outcome=outcome, lookup=lookup, operators=operators)


def _told_of_lacking(outcome: Checked[T], left_out: Callable[[], str]) -> Checked[T]:
    """Say where operators are missed which others agents can't load."""
    missing = next((at for at, each in enumerate(outcome.errors) if each.lacks is not None), None)
    if missing is None or not (lacking := left_out()):
        return outcome
    errors = list(outcome.errors)
    errors[missing] = replace(errors[missing], message=f"{errors[missing].message}; {lacking}")
    return replace(outcome, errors=tuple(errors))


def value_of(outcome: Checked[T]) -> T:
    """Return what was checked, or raise InvalidDefinition with everything that is wrong."""
    if outcome.value is None:
        raise InvalidDefinition(outcome.errors, outcome.warnings)
    return outcome.value


def _parsed(data: bytes) -> JsonObject:
    if len(data) > DEFINITION_LIMIT:
        raise InvalidDefinition(
            [Issue("", f"expected a definition of at most {DEFINITION_LIMIT} bytes, found {len(data)}")]
        )
    return parse_document(data)


def _folder(base_path: str) -> str | None:
    if base_path and not base_path.startswith("/"):
        raise BadRequest(f"expected an absolute folder as base path, found {base_path[:200]!r}")
    return base_path or None


async def _checked(check: Callable[[], Checked[T]], size: int) -> Checked[T]:
    try:
        return await off_loop(check, size)
    except InvalidDefinition as error:
        return _refused(error)


def _refused(error: InvalidDefinition) -> Checked[T]:
    return Checked(value=None, errors=error.issues, warnings=error.warnings)


async def off_loop(work: Callable[[], T], size: int) -> T:
    """Do the work for a definition of *size* bytes: small ones at once, large ones in a thread."""
    return work() if size < _LARGE else await asyncio.to_thread(work)
