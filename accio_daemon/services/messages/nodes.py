"""Nodes, attempts and what nodes gave as messages."""

from collections.abc import Iterable, Mapping

from accio.domain.keys import datasets_of
from accio.domain.operators import OperatorSpec
from accio.domain.series import Packed
from accio.domain.states import NodeState
from accio.v1 import runs_pb2
from accio.wire.failures import failure_message
from accio.wire.series import packed_message
from accio.wire.states import NODE_STATE_MESSAGES
from accio_daemon.core.terms import Checkpoint
from accio_daemon.storage.nodes.node_results import NodeResult
from accio_daemon.storage.nodes.nodes_query import AttemptRow, NodeFacts
from accio_daemon.storage.runs.runs_query import Found


def node_message(found: Found, node: NodeFacts, *, reason: str = "", progress: float = 0.0) -> runs_pb2.Node:
    """Write a node."""
    return runs_pb2.Node(
        run=found.id,
        name=node.name,
        operator=node.operator,
        state=NODE_STATE_MESSAGES[node.state],
        cached=node.cached,
        attempts=len(node.attempts),
        agent=node.agent,
        started_at_ms=node.started_ms or 0,
        ended_at_ms=node.ended_ms or 0,
        failure=None if node.failure is None else failure_message(node.failure),
        reason=reason,
        progress=1.0 if node.state is NodeState.SUCCESS else progress,
    )


def attempt_message(attempt: AttemptRow) -> runs_pb2.Attempt:
    """Write an attempt."""
    return runs_pb2.Attempt(
        id=attempt.id,
        agent=attempt.agent,
        state=attempt.state,
        started_at_ms=attempt.started_ms,
        ended_at_ms=attempt.ended_ms or 0,
        failure=None if attempt.failure is None else failure_message(attempt.failure),
    )


def checkpoint_message(checkpoint: Checkpoint) -> runs_pb2.Checkpoint:
    """Write what an attempt saved for the next one."""
    return runs_pb2.Checkpoint(
        digest=checkpoint.digest,
        bytes=checkpoint.size,
        attempt=checkpoint.number,
        saved_at_ms=checkpoint.saved_ms,
    )


def attempts_of(node: NodeFacts) -> list[int]:
    """Return the attempts whose measurements are a node's, oldest first: of a cached one, the attempt of its source."""
    if node.attempts or node.source is None:
        return [each.id for each in node.attempts]
    return [node.source.attempt]


def series_messages_of(run: str, node: NodeFacts, known: Mapping[int, Iterable[Packed]]) -> list[runs_pb2.NodeSeries]:
    """Write the series of a node's attempts."""
    current = None if node.current is None else node.current.id
    return [
        runs_pb2.NodeSeries(
            run=run, node=node.name, attempt=number, running=attempt == current, series=packed_message(packed)
        )
        for number, attempt in enumerate(attempts_of(node), 1)
        for packed in known.get(attempt, ())
    ]


def artifact_messages(operator: OperatorSpec, found: NodeResult) -> list[runs_pb2.Artifact]:
    """Write the outputs of a node; the size of a value with datasets is that of their content."""
    artifacts = []
    result = found.result
    for port in operator.outputs:
        if result.blobs is not None and port.name in result.blobs:
            digest, size = result.blobs[port.name]
            artifacts.append(runs_pb2.Artifact(port=port.name, type=str(port.type), blob=digest, size=size))
        elif port.name in result.outputs:
            text = result.outputs[port.name]
            datasets = datasets_of(port.type, text)
            size = sum(found.sizes.get(digest, 0) for digest in datasets) if datasets else len(text.encode())
            artifacts.append(runs_pb2.Artifact(port=port.name, type=str(port.type), json=text, size=size))
    return artifacts
