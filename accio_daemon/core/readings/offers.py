"""In which operators connected agents differ, from each other or from their disks: readings of the World, for people.

The version of an operator that was announced last is the one that new runs pin. Agents that offer another one get none
of their nodes, and nothing fails: so every list and description says it.
"""

from collections.abc import Iterable, Sequence

from accio.domain.operators import OperatorSpec
from accio_daemon.core.records import Agent
from accio_daemon.core.world import World

_NAMED = 3


def differing(world: World, number: int) -> str:
    """Return how agents differ in the operator whose version *number* counts; empty if they agree, or none is there
    that offers it, or can't load some operators.
    """
    used = world.specs[number]
    offering = world.offering(number)
    others = [no for no in _versions(world, used.name) if no != number]
    if not others:
        nobody = not world.offering(number) and left_out(world)
        return f"no connected agent offers {used.name}; {nobody}" if nobody else ""
    rest = {agent for no in others for agent in world.offers[no]}
    how = _difference(used, [world.specs[no] for no in others])
    if not offering:
        return (
            f"no connected agent offers {used.name} as it was announced last; {_names(rest)} {_verb(rest, 'offer')} it "
            f"with {how}: its nodes wait"
        )
    everybody, first = _names(offering | rest), _names(offering)
    return (
        f"{everybody} offer {used.name} with {how}: what {first} {_verb(offering, 'offer')} is used, as it was "
        f"announced last, and {_names(rest)} {_verb(rest, 'get')} none of it"
    )


def stale(world: World, number: int) -> str:
    """Return who has other code of an operator on disk than was announced, and what to do; empty if nobody has."""
    agents = {agent for agent in world.offering(number) if number in agent.stale}
    if not agents:
        return ""
    changed = f"the code of {world.specs[number].name} has changed on disk since {_names(agents)} announced it"
    if all(agent.loading for agent in agents):
        return f"{changed}, which {_verb(agents, 'load')} it now: this may still run it as it was; submit it again soon"
    kept = [agent for agent in agents if not agent.loading]
    if problem := next(
        (agent.cannot_load for agent in sorted(kept, key=lambda each: each.name) if agent.cannot_load), ""
    ):
        return f"{changed}, and can't be loaded: it runs as it was until that is mended ({problem})"
    return f"{changed}: it runs as it was; start {_names(kept)} again to run it as it is now"


def left_out(world: World) -> str:
    """Return which operators agents can't load, and why; empty if there are none. It is what somebody should know who
    misses an operator: where its code can't be imported, nobody knows its name.
    """
    said: dict[str, list[Agent]] = {}
    for agent in sorted(world.sessions.values(), key=lambda each: each.name):
        for each in agent.left_out:
            said.setdefault(each, []).append(agent)
    more = f" (and {len(said) - _NAMED} others)" if len(said) > _NAMED else ""
    return "; ".join(f"at {_names(agents)} {why}" for why, agents in list(said.items())[:_NAMED]) + more


def others_offer(world: World, number: int) -> str:
    """Return who offers other versions of an operator than *number*, and what they are; empty if nobody does."""
    name = world.specs[number].name
    others = [(world.offers[no], world.specs[no]) for no in _versions(world, name) if no != number]
    return ", ".join(f"{_names(agents)} {_verb(agents, 'offer')} {version(spec)}" for agents, spec in others)


def passed_over(world: World, agent: Agent) -> str:
    """Return which operators an agent offers in a version that new runs don't use; empty if there are none."""
    if agent.session is None:
        return ""
    offered = [(world.specs[no].name, no) for no in agent.operators]
    names = sorted(name for name, no in offered if world.latest[name][1] != no)
    return f"gets no new nodes of {_some(names)}: another agent announced other code since" if names else ""


def behind(world: World, agent: Agent) -> str:
    """Return which operators have other code on an agent's disk than it announced; empty if there are none."""
    names = sorted(world.specs[no].name for no in agent.stale)
    if not names:
        return ""
    if agent.loading:
        return f"is loading the code of {_some(names)}, which has changed since it started"
    if agent.cannot_load:
        return f"the code of {_some(names)} has changed since it started, and can't be loaded: {agent.cannot_load}"
    return f"the code of {_some(names)} has changed since it started: start it again"


def version(spec: OperatorSpec) -> str:
    """Name a version for people."""
    return (spec.digest or "a version without a digest").removeprefix("blake3:")[:12]


def _versions(world: World, name: str) -> list[int]:
    """Return the versions of an operator that connected agents offer."""
    return [no for no, agents in world.offers.items() if agents and world.specs[no].name == name]


def _difference(used: OperatorSpec, others: Iterable[OperatorSpec]) -> str:
    parts = sorted({name for other in others for name, _ in set(used.components) ^ set(other.components)})
    packages = [name for name in parts if name.startswith("package ")]
    if parts and len(packages) == len(parts):
        return f"different versions of {', '.join(name.removeprefix('package ') for name in parts[:_NAMED])}"
    what = ", ".join(parts[:_NAMED])
    return f"different code ({what})" if what else "different code"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _names(agents: Iterable[Agent]) -> str:
    names = sorted(agent.name for agent in agents)
    if len(names) > _NAMED + 1:
        return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _verb(agents: Iterable[Agent], verb: str) -> str:
    return verb if len(list(agents)) > 1 else f"{verb}s"
