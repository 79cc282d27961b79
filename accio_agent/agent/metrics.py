"""What the agent measures of itself, for Prometheus: each scrape reads its core; nothing is counted for it besides."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from accio.metrics import TIMES, loop_lag
from accio_agent.agent.core.decisions import AgentCore


class Metrics:
    """The agent's measurements in one registry."""

    def __init__(self, core: AgentCore, *, connected: Callable[[], bool], workers: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        self.loop_lag_seconds = loop_lag(self.registry, "accio_agent")
        self.heartbeat_seconds = Histogram(
            "accio_agent_heartbeat_seconds",
            "From a heartbeat until the daemon's answer.",
            buckets=TIMES,
            registry=self.registry,
        )
        self.registry.register(_CoreCollector(core, connected, workers))


class _CoreCollector(Collector):
    """Reads the core when Prometheus asks, from another thread: a count may be a moment old."""

    def __init__(self, core: AgentCore, connected: Callable[[], bool], workers: Callable[[], int]) -> None:
        self._core = core
        self._connected = connected
        self._workers = workers

    def collect(self) -> Iterable[Metric]:
        core = self._core
        attempts, running = core.counts()
        nodes = GaugeMetricFamily("accio_agent_nodes", "Nodes that the agent holds, by state.", labels=["state"])
        nodes.add_metric(["queued"], attempts - running)
        nodes.add_metric(["running"], running)
        yield nodes
        yield GaugeMetricFamily("accio_agent_workers", "Worker processes.", value=self._workers())
        yield GaugeMetricFamily(
            "accio_agent_unacknowledged_reports", "Reports that the daemon doesn't have yet.", value=core.unacknowledged
        )
        yield GaugeMetricFamily("accio_agent_connected", "1 while a daemon is there.", value=int(self._connected()))
        yield CounterMetricFamily("accio_agent_reports", "Attempts that were reported.", value=core.reported)
