"""Agents as messages, and what they say besides reports as commands."""

from collections.abc import Iterable

from accio.content.digest import is_digest, parse_digest
from accio.domain.agent_windows import AgentWindow
from accio.domain.caps import parse_served
from accio.domain.failures import clip
from accio.domain.names import is_node_name
from accio.domain.pools import parse_key
from accio.domain.problems import ValueProblem
from accio.domain.quantities import LAST_MS
from accio.errors import BadRequest
from accio.v1 import accio_pb2, agents_pb2
from accio.wire.agent_windows import window_message
from accio.wire.operators import operator_of
from accio.wire.reports import held_of
from accio.wire.resources import resources_message, resources_of
from accio_daemon.core.commands import AgentJoined, AgentSaved, PathsDigested
from accio_daemon.core.terms import AttemptNo, Pin, SessionNo
from accio_daemon.engine.snapshots import AgentView


def agent_message(agent: AgentView) -> accio_pb2.Agent:
    """Write an agent."""
    return accio_pb2.Agent(
        name=agent.name,
        state=agent.state,
        resources=resources_message(agent.resources),
        reserved=resources_message(agent.reserved),
        running=agent.running,
        last_seen_ms=agent.last_seen_ms,
        operators=agent.operators,
        reason=agent.reason,
        version=agent.version,
        lease_left_ms=agent.lease_left_ms,
        prefetched=agent.prefetched,
        owners=agent.owners,
        left_out=agent.left_out,
        window=None if agent.window is None else window_message(AgentWindow(agent.window)),
    )


def joined_of(session: SessionNo, hello: agents_pb2.Hello) -> AgentJoined:
    """Read a Hello; anything that the core couldn't rely on is a BadRequest."""
    if not is_node_name(hello.name):
        raise BadRequest(f"expected an agent's name of letters, digits, '_', '.' and '-', found {hello.name[:200]!r}")
    if not hello.agent_id:
        raise BadRequest("expected the agent's id in its hello, found none")
    names = [operator.name for operator in hello.operators]
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise BadRequest(f"expected each operator once, found {', '.join(twice)} several times")
    return AgentJoined(
        session=session,
        name=hello.name,
        agent_id=hello.agent_id[:200],
        incarnation=hello.incarnation,
        version=hello.version[:200],
        resources=resources_of(hello.resources),
        operators=tuple(operator_of(operator) for operator in hello.operators),
        held=held_of(hello.held),
        draining=hello.draining,
        prefetch_limit=hello.prefetch_limit,
        ends_in=hello.ends_in_ms / 1000 if hello.ends_in_ms else None,
        lasts=hello.lasts_ms / 1000,
        allocation=_allocation_of(hello.allocation),
        owners=_owners_of(hello.owners),
        left_out=tuple(hello.left_out),
    )


def _owners_of(texts: Iterable[str]) -> frozenset[str]:
    try:
        return frozenset(parse_served(text) for text in texts)
    except ValueProblem as problem:
        raise BadRequest(f"whose nodes an agent takes: {problem.message}") from None


def _allocation_of(text: str) -> tuple[str, int] | None:
    if not text:
        return None
    key = parse_key(text)
    if key is None:
        raise BadRequest(f"expected an allocation such as accio-1a2b3c4d-cpu-7, found {text!r}")
    return key.pool, key.number


def digested_of(session: SessionNo, answer: agents_pb2.DigestAnswer) -> PathsDigested:
    """Read content digests; what isn't a digest is an error of its path."""
    digests: dict[str, Pin | str] = {}
    for each in answer.paths:
        if is_digest(each.digest):
            digests[each.path] = Pin(digest=each.digest, size=each.bytes)
        else:
            digests[each.path] = clip(each.error, 1000) or "the agent gave no digest"
    return PathsDigested(session=session, request=answer.request, digests=digests)


def saved_of(session: SessionNo, message: agents_pb2.SavedCheckpoint) -> AgentSaved:
    """Read what an attempt saved; a malformed digest is a BadRequest."""
    return AgentSaved(
        session=session,
        attempt=AttemptNo(message.attempt),
        digest=parse_digest(message.digest),
        size=message.bytes,
        saved_ms=min(max(message.saved_at_ms, 0), LAST_MS),
    )
