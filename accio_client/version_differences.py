"""What differs between two versions of a workflow: parameters, nodes with their inputs, and which takes from which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter
from typing import Any

import orjson

from accio.late import dataclass
from accio_client.graph_layout import Edge, edges_of
from accio_client.views import OperatorDifferenceView, WorkflowView

_APART = frozenset({"op", "name", "inputs"})


class Change(StrEnum):
    """What became of a parameter, a node or an edge between two versions.

    A node is renamed where one that is gone and one that is new are said alike but for their names; the name before
    is a detail of it. What takes from it takes the same as before.
    """

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    RENAMED = "renamed"
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
    before, after = _graph(first), _graph(second)
    renamed = _renamed(before, after)
    return VersionDifferences(
        first=first,
        second=second,
        facts=tuple(Detail(name=name, first=one, second=other) for name, one, other in facts if one != other),
        params=_compared(_parameters(first), _parameters(second)),
        nodes=_compared(_nodes(before, renamed), _nodes(after), {now: name for name, now in renamed.items()}),
        edges=_edges(before, after, renamed),
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


_Texts = Mapping[str, Mapping[str, str]]
"""By parameter or node: what is said of it, by name."""


def _compared(first: _Texts, second: _Texts, names_before: Mapping[str, str] | None = None) -> tuple[Differing, ...]:
    """Compare what is said; *names_before* tells what was renamed, by the name of now, which *first* has, too."""
    found: list[Differing] = []
    for name in dict.fromkeys((*second, *first)):
        one, other, before = first.get(name), second.get(name), (names_before or {}).get(name)
        if before is not None:
            detail = Detail(name="name", first=before, second=name)
            found.append(Differing(name=name, change=Change.RENAMED, details=(detail,)))
            continue
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


def _name(node: Mapping[str, Any]) -> str:
    return str(node.get("name") or node["op"])


def _nodes(graph: Iterable[Mapping[str, Any]], renamed: Mapping[str, str] | None = None) -> _Texts:
    """Return what is said of each node, by the names that nodes have once some are *renamed*."""
    now = renamed or {}
    return {now.get(_name(node), _name(node)): _said(node, now) for node in graph}


def _said(node: Mapping[str, Any], renamed: Mapping[str, str]) -> dict[str, str]:
    return {
        "operator": str(node["op"]),
        **{f"input {port}": source_text(_taken(given, renamed)) for port, given in node.get("inputs", {}).items()},
        **{name: orjson.dumps(value).decode() for name, value in node.items() if name not in _APART},
    }


def _taken(given: Any, renamed: Mapping[str, str]) -> Any:
    """Return where an input comes from, by the names that nodes have now."""
    if not renamed or not isinstance(given, Mapping):
        return given
    by = next((each for each in ("reference", "gather") if each in given), None)
    if by is None:
        return given
    source, slash, port = str(given[by]).partition("/")
    return {**given, by: renamed.get(source, source) + slash + port}


def _renamed(first: Iterable[Mapping[str, Any]], second: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the name of now of each node whose name alone is another one.

    Nodes come after those that they take from: these may have been renamed, too. Where several are said alike, none of
    them can be told from the others.
    """
    before, after = {_name(node): node for node in first}, {_name(node): node for node in second}
    gone = [name for name in _in_order(before) if name not in after]
    new: dict[_Key, list[str]] = {}
    for name in after:
        if name not in before:
            new.setdefault(_key(after[name], {}), []).append(name)
    as_it_was = {name: _key(before[name], {}) for name in gone}
    alike = Counter(as_it_was.values())
    renamed: dict[str, str] = {}
    for name in gone:
        meant = new.get(_key(before[name], renamed), [])
        if len(meant) == 1 and alike[as_it_was[name]] == 1:
            renamed[name] = meant[0]
    return renamed


_Key = frozenset[tuple[str, str]]


def _key(node: Mapping[str, Any], renamed: Mapping[str, str]) -> _Key:
    return frozenset(_said(node, renamed).items())


def _in_order(graph: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the nodes of a graph, each behind those that it takes from; as they are, if they go round in a circle."""
    sorter: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(graph, ()))
    for source, target in edges_of(graph.values())[1]:
        sorter.add(target, source)
    try:
        return [name for name in sorter.static_order() if name in graph]
    except CycleError:
        return list(graph)


def _edges(
    first: Iterable[Mapping[str, Any]], second: Iterable[Mapping[str, Any]], renamed: Mapping[str, str]
) -> dict[Edge, Change]:
    after = edges_of(second)[1]
    before = [(renamed.get(one, one), renamed.get(other, other)) for one, other in edges_of(first)[1]]
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
