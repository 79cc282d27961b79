"""What the daemon measures of itself, for Prometheus: the engine feeds histograms, each scrape reads the World."""

from collections import Counter as Tally
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from accio.domain.states import NODE_TERMINAL, NodeState
from accio.metrics import TIMES, loop_lag, serve_metrics
from accio_daemon.core.effects import Effects
from accio_daemon.core.world import World
from accio_daemon.engine.observer import Observer

_SIZES = (1, 4, 16, 64, 256, 1024, 4096, 16384)


class Metrics(Observer):
    """The daemon's measurements in one registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._decisions = Counter("accio_decisions", "Commands that the core decided.", registry=self.registry)
        self._commit_seconds = Histogram(
            "accio_commit_seconds", "Duration of a transaction.", buckets=TIMES, registry=self.registry
        )
        self._commit_rows = Histogram(
            "accio_commit_rows", "Rows of a transaction.", buckets=_SIZES, registry=self.registry
        )
        self._dispatch_seconds = Histogram(
            "accio_dispatch_seconds",
            "From the first decision of a batch until its agents are told.",
            buckets=TIMES,
            registry=self.registry,
        )
        self._rpc_seconds = Histogram(
            "accio_rpc_seconds", "Duration of a unary call.", ["method"], buckets=TIMES, registry=self.registry
        )
        self._loop_lag_seconds = loop_lag(self.registry, "accio")
        self._ended = Counter(
            "accio_ended_nodes", "Nodes that ended since the start, by state.", ["state"], registry=self.registry
        )

    def serve(self, address: str) -> Callable[[], None]:
        """Show Prometheus all of it at HOST:PORT; return what ends that."""
        return serve_metrics(address, self.registry)

    def observe_world(self, world: World) -> None:
        """Read the World at each scrape."""
        self.registry.register(_WorldCollector(world))

    def decided(self, commands: int) -> None:
        """Count commands."""
        self._decisions.inc(commands)

    def committed(self, fx: Effects, seconds: float) -> None:
        """Count what a transaction made durable."""
        self._commit_seconds.observe(seconds)
        self._commit_rows.observe(fx.size())
        for state, number in Tally(row.state for row in fx.nodes.values() if row is not None).items():
            self._ended.labels(state.value).inc(number)

    def dispatched(self, agents: int, seconds: float) -> None:
        """Count the agents that a batch gave work, by how long after its first decision."""
        for _ in range(agents):
            self._dispatch_seconds.observe(seconds)

    def called(self, method: str, seconds: float) -> None:
        """Count a unary call."""
        self._rpc_seconds.labels(method).observe(seconds)

    def was_late(self, seconds: float) -> None:
        """Count a look at the event loop."""
        self._loop_lag_seconds.observe(seconds)


class _WorldCollector(Collector):
    """Reads the World when Prometheus asks, from another thread: a count may be a moment old."""

    def __init__(self, world: World) -> None:
        self._world = world

    def collect(self) -> Iterable[Metric]:
        """Return the gauges and counters of this moment."""
        world = self._world
        agents, runs = list(world.agents.values()), list(world.runs.values())
        running = sum(sum(agent.running.values()) for agent in agents)
        ahead = sum(len(line) for agent in agents for line in agent.prefetched.values())
        ended = Tally[NodeState]()
        for run in runs:
            ended.update(run.nodes_ended)
        total = sum(run.plan.count(run.counts.present) for run in runs)
        nodes = GaugeMetricFamily("accio_nodes", "Nodes of runs that haven't ended, by state.", labels=["state"])
        nodes.add_metric(["waiting"], max(0, total - ended.total() - world.queue.count - running - ahead))
        nodes.add_metric(["queued"], world.queue.count)
        nodes.add_metric(["sent_ahead"], ahead)
        nodes.add_metric(["running"], running)
        for state in sorted(NODE_TERMINAL):
            nodes.add_metric([state.value], ended[state])
        yield nodes
        yield GaugeMetricFamily("accio_queue_length", "Executions that wait for a place.", value=world.queue.count)
        yield GaugeMetricFamily("accio_active_runs", "Runs that haven't ended.", value=len(runs))
        yield GaugeMetricFamily("accio_agents", "Connected agents.", value=len(world.sessions))
        memo = CounterMetricFamily("accio_memo", "Look-ups of the memo by outcome.", labels=["outcome"])
        memo.add_metric(["hit"], world.hits)
        memo.add_metric(["miss"], world.misses)
        yield memo
        yield CounterMetricFamily("accio_late_reports", "Reports of fenced attempts.", value=world.late_reports)
