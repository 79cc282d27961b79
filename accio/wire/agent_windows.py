"""Windows of agents as messages."""

from accio.domain.agent_windows import AgentWindow
from accio.domain.maintenance import Maintenance
from accio.domain.problems import ValueProblem
from accio.errors import BadRequest
from accio.v1 import workload_pb2


def window_message(window: AgentWindow) -> workload_pb2.AgentWindow:
    """Write a window."""
    time = window.time
    return workload_pb2.AgentWindow(
        name=time.name, begins_at_ms=time.begins_ms, ends_at_ms=time.ends_ms, agents=window.agents
    )


def window_of(message: workload_pb2.AgentWindow) -> AgentWindow:
    """Read a window; BadRequest says why it can be none."""
    try:
        time = Maintenance(message.name, message.begins_at_ms, message.ends_at_ms)
        return AgentWindow(time, tuple(message.agents))
    except ValueProblem as problem:
        raise BadRequest(problem.message) from None
