"""Writes docs/states.md from the tables: `python -m accio.domain.states_doc > docs/states.md`."""

import sys
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypeVar

from accio.domain.pools import ALLOCATION_TERMINAL, ALLOCATION_TRANSITIONS, AllocationState
from accio.domain.states import (
    NODE_TERMINAL,
    NODE_TRANSITIONS,
    OPERATOR_FAILURES,
    PHASE_FIELDS,
    PHASE_OPTIONS,
    PHASE_TRANSITIONS,
    PHASES_RESTORED,
    RUN_JUDGED_ANEW,
    RUN_TERMINAL,
    RUN_TRANSITIONS,
    Cause,
    NodeState,
    Phase,
    RunState,
)

S = TypeVar("S", bound=StrEnum)

_HEAD = """# States

Generated from `accio/domain/states.py` and `accio/domain/pools.py`, which are the specification; a test keeps this
page fresh.
"""

_RULES = """## Rules

- A node that didn't succeed cancels all its transitive successors; other branches go on.
- A run has ended when all its nodes have. All success is success; else any killed is killed; else failed.
  A parent follows the same rule over its children.
- The node keeps its place in the queue when its agent is lost, and when it is tried again after a failure.
- `retries` applies to failures of the operator only: {failures}.
"""


_JUDGED_ANEW = """When a child of a parent that is over is deleted, the rule below holds for the children that are left:
"""

_EXECUTIONS = """## Executions

Nodes that want the same result share an *execution*. A queued node's is idle, backing off, queued, or sent ahead to an
agent; a running node's is granted. Only people who read the code see these phases.
"""

_FIELDS = """An execution has these fields in these phases, and nowhere else (`may` says that a field isn't always set):
"""


_ALLOCATIONS = """## Allocations

An *allocation* is one host that a [pool](pools.md) asked an engine for, with one agent on it.
"""


def _diagram(transitions: Mapping[S, Mapping[S, str]], first: Iterable[S], terminal: Iterable[S]) -> list[str]:
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f"    [*] --> {state}" for state in first]
    lines += [f"    {before} --> {after}" for before, moves in transitions.items() for after in moves]
    lines += [f"    {state} --> [*]" for state in transitions if state in set(terminal)]
    return [*lines, "```", ""]


def _table(transitions: Mapping[S, Mapping[S, str]]) -> list[str]:
    lines = ["| from | to | when |", "|---|---|---|"]
    for before, moves in transitions.items():
        lines += [f"| {before} | {after} | {why} |" for after, why in moves.items()]
    return [*lines, ""]


def _fields() -> list[str]:
    lines = ["| phase | has | may have |", "|---|---|---|"]
    for phase in Phase:
        has, may = (", ".join(f"`{name}`" for name in sorted(table[phase])) for table in (PHASE_FIELDS, PHASE_OPTIONS))
        lines.append(f"| {phase} | {has} | {may} |")
    return [*lines, ""]


def document() -> str:
    """Return the page."""
    failures = ", ".join(cause.value for cause in Cause if cause in OPERATOR_FAILURES)
    lines = [
        _HEAD,
        "## Nodes",
        "",
        *_diagram(NODE_TRANSITIONS, (NodeState.WAITING, NodeState.QUEUED), NODE_TERMINAL),
        *_table(NODE_TRANSITIONS),
        "## Runs",
        "",
        *_diagram(RUN_TRANSITIONS, (RunState.SCHEDULED,), RUN_TERMINAL),
        *_table(RUN_TRANSITIONS),
        _JUDGED_ANEW,
        *_table(RUN_JUDGED_ANEW),
        _RULES.format(failures=failures),
        _EXECUTIONS,
        *_diagram(PHASE_TRANSITIONS, (Phase.IDLE, *sorted(PHASES_RESTORED)), (Phase.OVER,)),
        *_table(PHASE_TRANSITIONS),
        _FIELDS,
        *_fields(),
        _ALLOCATIONS,
        *_diagram(ALLOCATION_TRANSITIONS, (AllocationState.REQUESTED,), ALLOCATION_TERMINAL),
        *_table(ALLOCATION_TRANSITIONS),
        "## Causes",
        "",
        "A node that ended otherwise than in success keeps one of these causes:",
        "",
        *[f"- {cause.value}" for cause in Cause],
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(document())
