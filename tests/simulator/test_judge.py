"""What the judge of the simulation takes for wrong, and what it doesn't."""

from accio_daemon.core.commands import AgentHeard, Tick
from accio_daemon.core.effects import Effects
from tests import builders
from tests.simulator.cluster import Cluster
from tests.simulator.events import Loop
from tests.simulator.judge import Judge


def test_an_agent_may_be_back_before_what_its_silence_led_to_is_durable() -> None:
    """How long an agent was silent counts when its work is given up, not when that is committed."""
    cluster, loop = Cluster(), Loop(0)
    loop.clock = cluster.clock
    judge = Judge(loop, cluster.disk)
    judge.daemon_starts()
    away, other = cluster.join("w1"), cluster.join("w2")
    cluster.submit(builders.graph({"A": []}))
    away = cluster.holder("A")
    other = next(agent for agent in cluster.agents.values() if agent is not away)
    attempt = away.attempt_of("A")
    away.end(builders.success(away.next_seq, attempt, {"data": '"A"'}))
    judge.finished(away.name, attempt)
    cluster.leave(away)
    cluster.rejoin(away)  # what has ended holds no grant, so its loss is no loss of the node
    cluster.leave(away)
    judge.heard(away.name)
    cluster.tick(cluster.settings.lease - 1, silent=(away.name,))
    loop.run_until(loop.now)
    judge.decided(Effects(), cluster.world)

    assert other.session is not None
    cluster.clock.advance(2.0)
    cluster.daemon.post(AgentHeard(session=other.session))
    cluster.daemon.post(Tick())
    cluster.daemon.decide()
    judge.decided(cluster.daemon.batch.fx, cluster.world)
    assert attempt not in cluster.world.by_attempt
    judge.heard(away.name)
    loop.run_until(loop.now + 1.0)
    batch = cluster.daemon.seal()
    assert batch is not None
    judge.before_commit(batch.fx, batch.rows, cluster.world)
    cluster.daemon.commit()
    cluster.close()
