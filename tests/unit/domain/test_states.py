"""The state tables are complete, sensible, and what the documentation shows."""

import pytest

from accio.domain.states import (
    NODE_RETRIABLE,
    NODE_TERMINAL,
    NODE_TRANSITIONS,
    OPERATOR_FAILURES,
    PHASE_FIELDS,
    PHASE_OPTIONS,
    PHASE_TRANSITIONS,
    PHASES_STOPPING,
    RUN_JUDGED_ANEW,
    RUN_TERMINAL,
    RUN_TRANSITIONS,
    Cause,
    IllegalMove,
    NodeState,
    Phase,
    RunState,
    check_node_move,
    check_phase_move,
    check_run_judged_anew,
    check_run_move,
    final_state,
)
from accio.domain.states_doc import document
from tests.unit.domain.vectors import DOCS


def test_the_page_is_fresh() -> None:
    """docs/states.md is what the tables generate."""
    assert (DOCS / "states.md").read_text(encoding="utf-8") == document()


def test_every_state_has_its_moves() -> None:
    """No state is missing from its table."""
    assert set(NODE_TRANSITIONS) == set(NodeState)
    assert set(RUN_TRANSITIONS) == set(RunState)


def test_the_moves_of_the_specification_are_there() -> None:
    """The tables hold the moves that docs/states.md draws, and no others."""
    listed = {
        "waiting": "queued success cancelled",
        "queued": "running success failed killed cancelled",
        "running": "success failed killed lost queued",
        "success": "queued",
        "failed": "waiting queued",
        "killed": "waiting queued",
        "lost": "waiting queued",
        "cancelled": "waiting queued",
    }
    assert {state.value: {move.value for move in moves} for state, moves in NODE_TRANSITIONS.items()} == {
        state: set(moves.split()) for state, moves in listed.items()
    }


def test_ended_runs_go_on_by_a_retry_only() -> None:
    """A run leaves an end only for running, and never success."""
    for state in RUN_TERMINAL:
        assert set(RUN_TRANSITIONS[state]) <= {RunState.RUNNING}
    assert not RUN_TRANSITIONS[RunState.SUCCESS]


def test_a_deleted_child_makes_its_parent_no_worse() -> None:
    """What deletions turn an ended parent into is an end as well, and a better one."""
    order = [RunState.SUCCESS, RunState.FAILED, RunState.KILLED]
    for before, after in RUN_JUDGED_ANEW.items():
        assert all(order.index(each) < order.index(before) for each in after)
    with pytest.raises(IllegalMove, match="success into failed"):
        check_run_judged_anew(RunState.SUCCESS, RunState.FAILED)


def test_every_phase_has_its_moves_and_fields() -> None:
    """No phase is missing from its tables, and no field both belongs to a phase and may be missing there."""
    assert set(PHASE_TRANSITIONS) == set(PHASE_FIELDS) == set(PHASE_OPTIONS) == set(Phase)
    assert not [phase for phase in Phase if PHASE_FIELDS[phase] & PHASE_OPTIONS[phase]]


def test_an_attempt_exists_at_an_agent_only() -> None:
    """The phases at an agent are those with an agent and an attempt."""
    at_an_agent = {Phase.AHEAD, Phase.GRANTED, Phase.STOPPING_AHEAD, Phase.STOPPING}
    assert {phase for phase in Phase if {"agent", "attempt"} <= PHASE_FIELDS[phase]} == at_an_agent


def test_what_stops_never_goes_on() -> None:
    """An execution that nobody wants any more leads to its end alone."""
    for phase in PHASES_STOPPING:
        assert set(PHASE_TRANSITIONS[phase]) <= PHASES_STOPPING | {Phase.OVER}
    assert not PHASE_TRANSITIONS[Phase.OVER]


def test_retry_takes_what_did_not_succeed() -> None:
    """What accio retry runs again is every end but success, and each can go back to both beginnings."""
    assert NODE_TERMINAL - {NodeState.SUCCESS} == NODE_RETRIABLE
    for state in NODE_RETRIABLE:
        assert set(NODE_TRANSITIONS[state]) == {NodeState.WAITING, NodeState.QUEUED}


def test_illegal_moves_are_refused() -> None:
    """A move that the tables lack raises, for nodes, runs and executions."""
    check_node_move(NodeState.WAITING, NodeState.QUEUED)
    check_run_move(RunState.SCHEDULED, RunState.RUNNING)
    with pytest.raises(IllegalMove, match="waiting to running"):
        check_node_move(NodeState.WAITING, NodeState.RUNNING)
    with pytest.raises(IllegalMove, match="success to running"):
        check_run_move(RunState.SUCCESS, RunState.RUNNING)
    with pytest.raises(IllegalMove, match="stopping to queued"):
        check_phase_move(Phase.STOPPING, Phase.QUEUED)


@pytest.mark.parametrize(
    ("states", "final"),
    [
        ("success success", RunState.SUCCESS),
        ("", RunState.SUCCESS),
        ("success failed", RunState.FAILED),
        ("success lost", RunState.FAILED),
        ("failed cancelled", RunState.FAILED),
        ("failed killed success", RunState.KILLED),
        ("killed cancelled", RunState.KILLED),
    ],
)
def test_final_state(states: str, final: RunState) -> None:
    """All success is success; else any killed is killed; else failed. Counts work like lists."""
    nodes = [NodeState(state) for state in states.split()]
    assert final_state(nodes) is final
    assert final_state(dict.fromkeys(nodes, 3)) is final


def test_a_parent_follows_the_same_rule() -> None:
    """The final state of a parent comes from the final states of its children."""
    assert final_state([RunState.SUCCESS, RunState.FAILED]) is RunState.FAILED
    assert final_state([RunState.KILLED, RunState.FAILED]) is RunState.KILLED


def test_retries_are_for_the_operator() -> None:
    """The loss of an agent, staging and placement aren't the operator's fault."""
    assert not OPERATOR_FAILURES & {Cause.LOST_AGENT, Cause.STAGING, Cause.CANNOT_BE_PLACED, Cause.KILLED}
