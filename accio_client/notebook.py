"""How runs look in notebooks: text and HTML that needs no script and no widget, and is updated in its place.

The HTML stands by itself, so that it survives in exports and on sites that show notebooks.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from html import escape
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    from types import TracebackType

    from accio_client.views import RunUpdate, RunView

UPDATE_EVERY_S = 0.5
_COLOURS = {
    "success": "#2e9e5b",
    "running": "#2f78c4",
    "failed": "#cc3d3d",
    "killed": "#b08030",
    "cancelled": "#999999",
    "scheduled": "#d8d8d8",
}
_ORDER = ("success", "failed", "killed", "cancelled", "running")
_WIDTH = 400


class Screen(AbstractContextManager["Screen"], Protocol):
    """Where updates of a run are shown."""

    def show(self, update: RunUpdate) -> None: ...


def screen() -> Screen:
    """Return a cell of the notebook in which this runs; outside of one, nothing is shown."""
    shell = sys.modules.get("IPython")
    running = None if shell is None else shell.get_ipython()
    return Cell() if hasattr(running, "kernel") else Nowhere()


class Nowhere:
    """Shows nothing."""

    def show(self, update: RunUpdate) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Cell:
    """Shows a run below the cell that waits for it, at most twice a second, and its last state at the end."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._next = 0.0
        self._last: Shown | None = None

    def show(self, update: RunUpdate) -> None:
        self._last = Shown(update)
        if monotonic() >= self._next:
            self._draw()

    def _draw(self) -> None:
        from IPython.display import display

        self._next = monotonic() + UPDATE_EVERY_S
        if self._handle is None:
            self._handle = display(self._last, display_id=True)  # type: ignore[no-untyped-call]  # IPython has no types
        else:
            self._handle.update(self._last)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._last is not None:
            self._draw()


class Shown:
    """A run at one moment, with its first failure."""

    def __init__(self, update: RunUpdate) -> None:
        self._run = update.run
        found = update.first_failure
        self._failure = "" if found is None else f"{found.run}/{found.node}: {found.failure.message}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return bundle(self._run, self._failure)


def summary(run: RunView) -> str:
    """Return a line about a run.

    It has its id, workflow, state, what varies and how many children are in each state.
    """
    varied = ", ".join(f"{name} ({param.values})" for name, param in run.params.items() if param.varies)
    parts = [f"{run.id} of {run.workflow_id}: {run.state}"]
    parts += [f"varies {varied}"] if varied else []
    parts += (
        [f"{'up to ' if run.until else ''}{run.repeat} repetitions"]
        if run.kind == "parent" and run.repeat and run.repeat > 1
        else []
    )
    counts = ", ".join(f"{count:,} {state}" for state, count in _counts(run).items())
    parts += [counts] if counts else []
    return "; ".join(parts)


def bundle(run: RunView, failure: str = "") -> dict[str, str]:
    """Return a run as a notebook shows it: as text, and as HTML with a bar of states."""
    text = summary(run) + (f"\nfirst failure: {failure}" if failure else "")
    return {"text/plain": text, "text/html": _html(run, failure)}


def _counts(run: RunView) -> dict[str, int]:
    """Return how many children (of a single run: nodes) are in each state, ended ones first."""
    counts = run.children_by_state if run.kind == "parent" else run.nodes_by_state
    order = {state: at for at, state in enumerate(_ORDER)}
    return {
        str(state): count
        for state, count in sorted(counts.items(), key=lambda pair: order.get(str(pair[0]), len(order)))
        if count
    }


def _html(run: RunView, failure: str) -> str:
    counts = _counts(run)
    facts = [
        f"<b>{escape(run.name or run.workflow_id)}</b> <code>{escape(run.id)}</code> {escape(run.state)}",
        _bar(counts),
        escape(", ".join(f"{count:,} {state}" for state, count in counts.items())),
        *(f"{escape(name)}: {param.values:,} values" for name, param in run.params.items() if param.varies),
        f"seed <code>{run.seed}</code>",
    ]
    if failure:
        facts.append(f'<span style="color:{_COLOURS["failed"]}">first failure: {escape(failure)}</span>')
    return "<div>" + "<br>".join(fact for fact in facts if fact) + "</div>"


def _bar(counts: dict[str, int]) -> str:
    total = sum(counts.values())
    if not total:
        return ""
    parts, left = [], 0.0
    for state, count in counts.items():
        width = _WIDTH * count / total
        colour = _COLOURS.get(state, _COLOURS["scheduled"])
        parts.append(
            f'<rect x="{left:.2f}" width="{width:.2f}" height="12" fill="{colour}">'
            f"<title>{escape(state)}: {count:,}</title></rect>"
        )
        left += width
    return f'<svg width="{_WIDTH}" height="12" role="img">{"".join(parts)}</svg>'
