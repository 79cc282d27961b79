"""What differs between two versions of a workflow: parameters, nodes with their inputs, and which takes from which."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from enum import StrEnum
from typing import Any

import orjson

from accio.late import dataclass
from accio_client.graph_layout import Edge, edges_of
from accio_client.views import OperatorDifferenceView, WorkflowView

_APART = frozenset({"op", "name", "inputs"})


class Change(StrEnum):
    """What became of a parameter, a node or an edge between two versions."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    SAME = "same"


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """Something that differs, with its text in both versions; empty where a version has none."""

    name: str
    first: str
    second: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Differing:
    """A parameter or a node, what became of it, and in what it differs."""

    name: str
    change: Change
    details: tuple[Detail, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionDifferences:
    """Two versions with everything of which they are made, in the order of the second, then what only the first has.

    `runs` are the newest runs of both, empty where there is none, and `operators` those nodes whose operators differ
    between these.
    """

    first: WorkflowView
    second: WorkflowView
    facts: tuple[Detail, ...]
    params: tuple[Differing, ...]
    nodes: tuple[Differing, ...]
    edges: Mapping[Edge, Change]
    runs: tuple[str, str] = ("", "")
    operators: tuple[OperatorDifferenceView, ...] = ()

    @property
    def none(self) -> bool:
        """Whether the two are defined alike."""
        return not self.facts and all(each.change is Change.SAME for each in (*self.params, *self.nodes))


def version_differences(first: WorkflowView, second: WorkflowView) -> VersionDifferences:
    """Compare two versions by their definitions."""
    facts = [("workflow", first.id, second.id), ("name", first.name, second.name), ("notes", first.notes, second.notes)]
    return VersionDifferences(
        first=first,
        second=second,
        facts=tuple(Detail(name=name, first=one, second=other) for name, one, other in facts if one != other),
        params=_compared(_parameters(first), _parameters(second)),
        nodes=_compared(_nodes(first), _nodes(second)),
        edges=_edges(_graph(first), _graph(second)),
    )


def drawn_edges(found: VersionDifferences) -> list[Edge]:
    """Return the edges that one picture can hold: those of the second version, and such that were removed as don't lead
    backwards among them.
    """
    kept = [edge for edge, change in found.edges.items() if change is not Change.REMOVED]
    for edge, change in found.edges.items():
        if change is Change.REMOVED and not _leads(edge[1], edge[0], kept):
            kept.append(edge)
    return kept


def source_text(given: Any, shown: Callable[[Any], str] = lambda value: orjson.dumps(value).decode()) -> str:
    """Return where an input comes from: a parameter ($epsilon), an output (Node/port), all children, or a constant."""
    if isinstance(given, Mapping) and "gather" in given:
        return f"all {given['gather']}" + (" that there are" if given.get("partial") else "")
    if isinstance(given, Mapping) and len(given) == 1:
        if "param" in given:
            return f"${given['param']}"
        if "reference" in given:
            return str(given["reference"])
        if "value" in given:
            return shown(given["value"])
    return shown(given)


def version_differences_document(found: VersionDifferences) -> dict[str, Any]:
    """Return the document that `accio diff -json` prints and the web interface shows."""
    return {
        "first": f"{found.first.id}:{found.first.version}",
        "second": f"{found.second.id}:{found.second.version}",
        "same": found.none,
        "facts": [asdict(each) for each in found.facts],
        "params": [asdict(each) for each in found.params],
        "nodes": [asdict(each) for each in found.nodes],
        "edges": [{"from": one, "to": other, "change": change} for (one, other), change in found.edges.items()],
        "runs": [run or None for run in found.runs],
        "operators": [asdict(each) for each in found.operators],
    }


_Texts = Mapping[str, Mapping[str, str]]
"""By parameter or node: what is said of it, by name."""


def _compared(first: _Texts, second: _Texts) -> tuple[Differing, ...]:
    found: list[Differing] = []
    for name in dict.fromkeys((*second, *first)):
        one, other = first.get(name), second.get(name)
        details = _details(one or {}, other or {})
        change = Change.ADDED if one is None else Change.REMOVED if other is None else Change.CHANGED
        found.append(
            Differing(name=name, change=change if details or None in (one, other) else Change.SAME, details=details)
        )
    return tuple(found)


def _details(first: Mapping[str, str], second: Mapping[str, str]) -> tuple[Detail, ...]:
    return tuple(
        Detail(name=name, first=first.get(name, ""), second=second.get(name, ""))
        for name in dict.fromkeys((*second, *first))
        if first.get(name, "") != second.get(name, "")
    )


def _parameters(version: WorkflowView) -> _Texts:
    return {
        each.name: {
            "type": each.kind,
            **({"default": orjson.dumps(each.default, default=str).decode()} if each.has_default else {}),
            **({"help": each.help} if each.help else {}),
        }
        for each in version.params
    }


def _graph(version: WorkflowView) -> list[Mapping[str, Any]]:
    return list(version.definition.get("graph", []))


def _nodes(version: WorkflowView) -> _Texts:
    return {
        str(node.get("name") or node["op"]): {
            "operator": str(node["op"]),
            **{f"input {port}": source_text(given) for port, given in node.get("inputs", {}).items()},
            **{name: orjson.dumps(value).decode() for name, value in node.items() if name not in _APART},
        }
        for node in _graph(version)
    }


def _edges(first: Iterable[Mapping[str, Any]], second: Iterable[Mapping[str, Any]]) -> dict[Edge, Change]:
    before, after = edges_of(first)[1], edges_of(second)[1]
    kept = frozenset(before) & frozenset(after)
    found = {edge: Change.SAME if edge in kept else Change.ADDED for edge in after}
    return found | {edge: Change.REMOVED for edge in before if edge not in kept}


def _leads(start: str, end: str, edges: Iterable[Edge]) -> bool:
    """Return whether edges lead from one node to another."""
    after: dict[str, list[str]] = {}
    for one, other in edges:
        after.setdefault(one, []).append(other)
    seen, waiting = {start}, [start]
    while waiting:
        for each in after.get(waiting.pop(), ()):
            if each not in seen:
                seen.add(each)
                waiting.append(each)
    return end in seen
