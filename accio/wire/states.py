"""States of runs and nodes: each has its number. A number of a later version is a KeyError."""

from collections.abc import Mapping

from accio.domain.states import NodeState, RunState
from accio.v1 import runs_pb2

RUN_STATE_MESSAGES: Mapping[RunState, runs_pb2.RunState.ValueType] = {
    state: runs_pb2.RunState.Value(f"RUN_STATE_{state.name}") for state in RunState
}
RUN_STATES: Mapping[int, RunState] = {number: state for state, number in RUN_STATE_MESSAGES.items()}

NODE_STATE_MESSAGES: Mapping[NodeState, runs_pb2.NodeState.ValueType] = {
    state: runs_pb2.NodeState.Value(f"NODE_STATE_{state.name}") for state in NodeState
}
NODE_STATES: Mapping[int, NodeState] = {number: state for state, number in NODE_STATE_MESSAGES.items()}
