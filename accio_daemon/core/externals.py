"""Inputs that stand outside the store (paths, URLs): only agents may see them, and not each agent sees each.

A run pins the content of such a text once, by the digest that an agent gives which offers the operator. Agents that
can't read it, or have other content there than was pinned while the store lacks that, are remembered for as long as
their session and the run last: others are asked, or get the node, until all have been.
"""

from collections.abc import Container, Iterable, Mapping

from accio.domain.failures import Failure
from accio.domain.states import Cause, NodeState, Phase
from accio_daemon.core import endings
from accio_daemon.core.commands import PathsDigested
from accio_daemon.core.outgoing import NodeClass
from accio_daemon.core.owners import Owner
from accio_daemon.core.readying import who_lacks
from accio_daemon.core.records import Agent, Digesting, Execution, Run
from accio_daemon.core.terms import Instant, Pin, SessionNo
from accio_daemon.core.turn import Turn
from accio_daemon.core.world import World


def request_digests(turn: Turn) -> bool:
    """Ask connected agents for the content digests that runs wait for; True if nodes failed as nobody can tell."""
    world = turn.world
    failed = False
    for run in sorted(world.undigested, key=lambda run: run.no):
        left = False
        for text, digesting in list(run.digesting.items()):
            if digesting.request is not None or text not in run.digesting:  # the run may have ended meanwhile
                continue
            agent = _whom_to_ask(world, run, digesting)
            if agent is not None and agent.session is not None:
                _ask(turn, run, text, digesting, agent.session)
                continue
            failed = _fail_unreadable(turn, run, text, digesting) or failed
            left = left or text in run.digesting
        if not left:
            world.undigested.discard(run)
    return failed


def _whom_to_ask(world: World, run: Run, digesting: Digesting) -> Agent | None:
    """Find the least loaded agent that offers an operator that waits, and wasn't asked."""
    operators = {run.plan.nodes[no].operator_no for no in {no for _, no in digesting.waiting}}
    offering = {agent for operator in operators for agent in world.offering(operator)}
    able = [
        agent
        for agent in offering
        if agent.session is not None and agent.session not in digesting.refused and agent.serves(run.owner)
    ]
    return min(able, key=lambda agent: (agent.account.load(), agent.name), default=None)


def _ask(turn: Turn, run: Run, text: str, digesting: Digesting, session: SessionNo) -> None:
    world = turn.world
    digesting.request = number = world.numbers.next_request()
    world.digest_requests[number] = (run, text, session)
    turn.fx.to(session).digests.append((number, [text]))


def session_ended(world: World, session: SessionNo) -> None:
    """Return to the list of open questions what an agent hasn't answered."""
    for request in [no for no, (_, _, asked) in world.digest_requests.items() if asked == session]:
        run, text, _ = world.digest_requests.pop(request)
        if text in run.digesting:
            run.digesting[text].request = None
            world.undigested.add(run)


def digested(turn: Turn, command: PathsDigested) -> None:
    """Pin the digest of a dataset text, so that its nodes go on; or record why an agent has none.

    What an agent answers that wasn't asked has no effect: the question stays open.
    """
    world = turn.world
    run, text, asked = world.digest_requests.get(command.request, (None, "", None))
    if run is None or asked != command.session:
        return
    del world.digest_requests[command.request]
    if run.no not in world.runs:
        return
    digesting = run.digesting[text]
    digesting.request = None
    answer = command.digests.get(text, "the agent gave no answer")
    if not isinstance(answer, Pin):
        digesting.refused[command.session] = answer
        world.undigested.add(run)
        return
    del run.digesting[text]
    run.pins[text] = answer
    turn.fx.pins.append((run.no, text, answer))
    if command.session in world.sessions:
        world.sessions[command.session].contents.keep(answer.digest, answer.size)
    world.ready.extend(digesting.waiting)


def _fail_unreadable(turn: Turn, run: Run, text: str, digesting: Digesting) -> bool:
    """Fail the nodes for which every agent was asked in vain; those whose operator nobody offers wait."""
    world = turn.world
    refused, owners = digesting.refused, {run.owner}
    hopeless = {
        node.no
        for node in (run.plan.nodes[no] for no in {no for _, no in digesting.waiting})
        if not _others(world, node.node_class, owners, refused, turn.now)
        and any(agent.session in refused for agent in world.offering(node.operator_no))
    }
    if not hopeless:
        return False
    failed = [(instance, no) for instance, no in digesting.waiting if no in hopeless]
    digesting.waiting = [(instance, no) for instance, no in digesting.waiting if no not in hopeless]
    if not digesting.waiting:
        del run.digesting[text]
    message = f"the input dataset {text!r} can't be read: {_said(world, refused)}"
    failure = Failure(cause=Cause.STAGING, message=message)
    for instance, no in failed:
        if instance.states[no] is NodeState.QUEUED and instance.executions[no] is None:
            endings.node_failed(turn, instance, no, NodeState.FAILED, failure)
    return True


# --- agents that were given a node and lack its input ----------------------------------------------------------------


def note_lacking(world: World, execution: Execution, agent: Agent, texts: Iterable[str], why: str) -> bool:
    """Note that an agent lacks inputs of an execution that it was given; False if they aren't inputs of it."""
    missing = [text for text in texts if text in execution.contents]
    if not missing:
        return False
    run = execution.first[0].run
    for text in missing:
        if agent.session is not None:
            run.lacking.setdefault(text, {})[agent.session] = why
        agent.contents.pop(execution.contents[text].digest, None)
    for other in world.executions.values():
        if other.phase is Phase.QUEUED and not other.contents.keys().isdisjoint(missing):
            _regroup(world, other)
    return True


def forget_lacks(world: World, run: Run) -> None:
    """Forget who lacks what: a user tries again, and so may all agents."""
    run.lacking.clear()
    for execution in world.executions.values():
        if execution.phase is Phase.QUEUED and execution.avoid:
            _regroup(world, execution)


def _regroup(world: World, execution: Execution) -> None:
    avoid = who_lacks(world, execution)
    if avoid != execution.avoid:
        world.queue.regroup(execution, avoid)


def is_lacked(world: World, execution: Execution, now: Instant) -> bool:
    """Return whether no other agent is left that could execute it and may have its inputs."""
    said = who_lacks(world, execution)
    if execution.refused:  # for want of space: those that get no new nodes for that reason have none either
        said |= {agent.session for agent in world.sessions.values() if agent.unable and agent.session is not None}
    owners = {execution.payer, *(instance.run.owner for instance, _ in execution.subscribers)}
    return bool(said) and not _others(world, execution.node_class, owners, said, now)


def lacked(world: World, execution: Execution) -> Failure:
    """Return the failure of an execution that no agent is left for, as they lack its input or couldn't execute it."""
    lacking = execution.first[0].run.lacking
    if execution.refused:
        said = _said(world, execution.refused)
        name = execution.node.operator.name
        return Failure(cause=Cause.STAGING, message=f"no agent that offers {name} could execute it: {said}")
    texts = [text for text in execution.contents if text in lacking]
    told = "; ".join(f"{text!r}: {_said(world, lacking[text])}" for text in texts)
    return Failure(
        cause=Cause.STAGING,
        message=f"no agent that offers {execution.node.operator.name} has its input as the run pinned it: {told}",
    )


def _others(
    world: World, node_class: NodeClass, owners: Iterable[Owner], said: Container[SessionNo], now: Instant
) -> bool:
    """Return whether an agent that didn't say so could take a node for one of its owners: it is there, or may be back
    within its lease.
    """
    return any(
        agent.session not in said if agent.session is not None else now.mono - agent.heard_mono <= world.settings.lease
        for agent in world.agents.values()
        if node_class.operator_no in agent.operators and agent.account.could_ever_fit(node_class.resources)
        if any(agent.serves(owner) for owner in owners)
    )


def _said(world: World, reasons: Mapping[SessionNo, str]) -> str:
    """Return who said what, the same reason once."""
    by_reason: dict[str, list[str]] = {}
    for session, reason in reasons.items():
        if session in world.sessions:
            by_reason.setdefault(reason, []).append(world.sessions[session].name)
    return "; ".join(f"{reason} (agent {', '.join(sorted(names))})" for reason, names in by_reason.items())
