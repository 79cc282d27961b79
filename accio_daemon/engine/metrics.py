"""What the daemon measures of itself, for Prometheus: the engine feeds histograms, each scrape reads the World."""

import asyncio
from collections.abc import Iterable

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from accio_daemon.core.world import World
from accio_daemon.engine.ports import Clock

log = structlog.get_logger()

_TIMES = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
_SIZES = (1, 4, 16, 64, 256, 1024, 4096, 16384)
# Seconds between looks at the event loop, and how late one may be before the log says so.
LOOK = 0.1
LATE = 0.1


class Metrics:
    """The daemon's measurements in one registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.decisions = Counter("accio_decisions", "Commands that the core decided.", registry=self.registry)
        self.commit_seconds = Histogram(
            "accio_commit_seconds", "Duration of a transaction.", buckets=_TIMES, registry=self.registry
        )
        self.commit_rows = Histogram(
            "accio_commit_rows", "Rows of a transaction.", buckets=_SIZES, registry=self.registry
        )
        self.dispatch_seconds = Histogram(
            "accio_dispatch_seconds",
            "From the first decision of a batch until its agents are told.",
            buckets=_TIMES,
            registry=self.registry,
        )
        self.rpc_seconds = Histogram(
            "accio_rpc_seconds", "Duration of a unary call.", ["method"], buckets=_TIMES, registry=self.registry
        )
        self.loop_lag_seconds = Histogram(
            "accio_loop_lag_seconds", "How late the event loop is.", buckets=_TIMES, registry=self.registry
        )

    def observe_world(self, world: World) -> None:
        """Let each scrape read the World."""
        self.registry.register(_WorldCollector(world))

    async def watch_loop(self, clock: Clock) -> None:
        """Measure for ever how late the event loop is; a blocked one is worth a line in the log."""
        while True:
            before = clock.now().mono
            await asyncio.sleep(LOOK)
            lag = max(0.0, clock.now().mono - before - LOOK)
            self.loop_lag_seconds.observe(lag)
            if lag > LATE:
                log.warning("event_loop_was_blocked", seconds=round(lag, 3))


class _WorldCollector(Collector):
    """Reads the World when Prometheus asks, from another thread: a count may be a moment old."""

    def __init__(self, world: World) -> None:
        self._world = world

    def collect(self) -> Iterable[Metric]:
        """Give the gauges and counters of this moment."""
        world = self._world
        nodes = GaugeMetricFamily("accio_nodes", "Nodes in the World by state.", labels=["state"])
        nodes.add_metric(["queued"], world.queue.count)
        agents = list(world.agents.values())
        nodes.add_metric(["running"], sum(sum(agent.running.values()) for agent in agents))
        nodes.add_metric(["sent_ahead"], sum(len(line) for agent in agents for line in agent.prefetched.values()))
        yield nodes
        yield GaugeMetricFamily("accio_active_runs", "Runs that haven't ended.", value=len(world.runs))
        yield GaugeMetricFamily("accio_agents", "Connected agents.", value=len(world.sessions))
        memo = CounterMetricFamily("accio_memo", "Look-ups of the memo by outcome.", labels=["outcome"])
        memo.add_metric(["hit"], world.hits)
        memo.add_metric(["miss"], world.misses)
        yield memo
        yield CounterMetricFamily("accio_late_reports", "Reports of fenced attempts.", value=world.late_reports)
