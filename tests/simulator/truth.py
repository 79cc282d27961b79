"""What operators of the simulation compute, and what a run must therefore come to, whatever happens on the way.

A node's output is a hash of its operator, its inputs and its seed, as a number in digits, so a wrong input anywhere
shows in every result that follows from it.
"""

from collections import Counter
from hashlib import blake2b

import orjson

from accio.domain.datatypes import parse_type
from accio.domain.failures import Failure
from accio.domain.jsontext import json_string
from accio.domain.operators import InputPort, OperatorSpec, OutputPort
from accio.domain.seeds import node_seed
from accio.domain.states import Cause, NodeState
from accio.domain.workflows import Constant, FromChildren, FromNode, FromParam, NodeDefinition
from accio_agent.agent.core.outcome import Ending, Outcome
from accio_daemon.core.commands import AgentSaved, Report, SubmitRun
from accio_daemon.core.outgoing import Assignment
from accio_daemon.core.terms import AttemptNo, SessionNo
from tests import builders
from tests.simulator.agent import Work
from tests.simulator.events import Loop

STEP = builders.step("Step")
RANDOM = builders.step("Random", digest="2", unstable=True)
FLAKY = builders.step("Flaky", digest="3", retries=2, backoff_ms=700)
WRONG = builders.step("Wrong", digest="4", retries=1)
POISON = builders.step("Poison", digest="5")
LARGE = builders.step("Large", digest="6", demand=builders.offer(2, gpus=1))
SECRET = builders.step("Secret", digest=None)
JOIN = OperatorSpec(
    name="Join",
    digest="blake3:" + "7" * 64,
    inputs=(InputPort(name="label", type=builders.STRING), InputPort(name="xs", type=parse_type("list(string)"))),
    outputs=(OutputPort(name="data", type=builders.STRING),),
    resources=builders.offer(1),
)
OPERATORS = (STEP, RANDOM, FLAKY, WRONG, POISON, LARGE, SECRET, JOIN)

FLAKY_FAILURES = 2
TIMES = {"Step": (0.001, 0.01), "Random": (0.001, 0.01), "Flaky": (0.1, 1.0), "Wrong": (0.1, 2.0), "Poison": (0.5, 2.0),
         "Large": (1.0, 12.0), "Secret": (0.01, 4.0), "Join": (0.001, 2.0)}  # fmt: skip


def output(operator: str, inputs: str, seed: int | None) -> str:
    """Return what an operator computes, as canonical JSON text."""
    digest = blake2b(f"{operator} {inputs} {seed}".encode(), digest_size=8).digest()
    return json_string(str(int.from_bytes(digest)))


def told(text: str, seconds: float) -> bytes:
    """Return a worker's report of a success as the agent keeps it, unread."""
    return orjson.dumps({"outputs": {"data": text}, "wall_us": int(seconds * 1e6)})


def saved_of(session: SessionNo, attempt: AttemptNo) -> AgentSaved:
    """Return what the daemon hears of a checkpoint that an attempt saved."""
    return AgentSaved(session=session, attempt=attempt, digest=f"blake3:{attempt:064x}", size=1, saved_ms=0)


def report_of(seq: int, attempt: int, ending: Ending) -> Report:
    """Read what an agent sends of an attempt, as accio.wire.reports does."""
    if isinstance(ending, bytes):
        body = orjson.loads(ending)
        return builders.success(seq, AttemptNo(attempt), body["outputs"], wall_us=body["wall_us"])
    assert isinstance(ending, Outcome), "workers of the simulator write serialised reports"
    return builders.failure(seq, AttemptNo(attempt), ending.failure.cause, ending.failure.message)


class Machine:
    """Executes attempts: how long it takes is chance, what comes out isn't."""

    def __init__(self, loop: Loop, names: dict[int, str]) -> None:
        """Know operators by *names*, under their numbers at the daemon."""
        self._loop = loop
        self._names = names
        self._failures: Counter[tuple[str, str]] = Counter()

    def execute(self, sent: Assignment) -> Work:
        """Decide how an attempt goes."""
        operator = self._names[sent.node_class.operator_no]
        seconds = self._loop.between(*TIMES[operator])
        if operator == "Poison":
            return Work(seconds=seconds, ending=b"", deadly=True)
        if operator == "Wrong" or (operator == "Flaky" and self._fails(sent)):
            failure = Failure(cause=Cause.EXCEPTION, message="boom")
            return Work(seconds=seconds, ending=Outcome(failure=failure, wall_us=int(seconds * 1e6)))
        text = output(operator, sent.inputs, sent.seed)
        return Work(seconds=seconds, ending=told(text, seconds))

    def _fails(self, sent: Assignment) -> bool:
        self._failures[("Flaky", sent.inputs)] += 1
        return self._failures[("Flaky", sent.inputs)] <= FLAKY_FAILURES


def expected(command: SubmitRun, index: int) -> list[tuple[NodeState, str | None]]:
    """Return each node's state and output in a world without faults, in the order of the graph."""
    sweep = command.definition.sweep
    seed = command.seed if sweep.is_single else sweep.child_seed(index, command.seed)
    params = sweep.child(index)
    found: dict[str, tuple[NodeState, str | None]] = {}
    for node in command.workflow.graph:
        if any(isinstance(source, FromChildren) for source in node.inputs.values()):
            continue  # it is the sweep's own
        if any(found[before][0] is not NodeState.SUCCESS for before in node.predecessors()):
            found[node.name] = (NodeState.CANCELLED, None)
        elif node.op == "Wrong":
            found[node.name] = (NodeState.FAILED, None)
        elif node.op == "Poison":
            found[node.name] = (NodeState.LOST, None)
        else:
            own = node_seed(seed, node.name) if node.op == "Random" else None
            found[node.name] = (NodeState.SUCCESS, output(node.op, _inputs(node, params, found), own))
    return list(found.values())


def _inputs(node: NodeDefinition, params: dict[str, str], found: dict[str, tuple[NodeState, str | None]]) -> str:
    values: dict[str, str] = {}
    for port, source in node.inputs.items():
        match source:
            case Constant(text=text):
                values[port] = text
            case FromParam(param=param):
                values[port] = params[param]
            case FromNode(node=before):
                values[port] = str(found[before][1])
            case FromChildren():
                raise AssertionError("a node of a child gathers nothing")
    return "{" + ",".join(f"{orjson.dumps(port).decode()}:{values[port]}" for port in sorted(values)) + "}"
