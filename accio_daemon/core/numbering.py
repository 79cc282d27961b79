"""The numbers of what the World makes. None is ever given again, in this life of the daemon or a later one."""

from accio_daemon.core.terms import AgentNo, AttemptNo, ExecutionNo, RunNo

# Bits of an attempt's number below the epoch: numbers stay unique across restarts without a row being written for each.
ATTEMPT_BITS = 40


class Numbering:
    """State: the last number of each kind that was given; those that were never written are named by nothing durable.

    Those of requests are good for this life alone.
    """

    __slots__ = ("_attempt", "_request", "agent", "allocation", "execution", "operator", "run")

    def __init__(self, epoch: int) -> None:
        self.run = self.agent = self.operator = self.execution = self.allocation = 0
        self._request = 0
        self._attempt = epoch << ATTEMPT_BITS

    def next_run(self) -> RunNo:
        """Number a run."""
        self.run += 1
        return RunNo(self.run)

    def next_agent(self) -> AgentNo:
        """Number an agent."""
        self.agent += 1
        return AgentNo(self.agent)

    def next_operator(self) -> int:
        """Number an operator version."""
        self.operator += 1
        return self.operator

    def next_execution(self) -> ExecutionNo:
        """Number an execution."""
        self.execution += 1
        return ExecutionNo(self.execution)

    def next_attempt(self) -> AttemptNo:
        """Number an attempt."""
        self._attempt += 1
        return AttemptNo(self._attempt)

    def next_allocation(self) -> int:
        """Number an allocation of a pool."""
        self.allocation += 1
        return self.allocation

    def next_request(self) -> int:
        """Number a question to agents or readers."""
        self._request += 1
        return self._request
