"""The network between agents and the daemon is cut, one way or both, for less and for longer than the lease."""

import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from accio_client import Client
from tests.acceptance.links import Link, NoNamespaces, namespace, proxy
from tests.acceptance.processes import Cluster, cluster, eventually
from tests.acceptance.sweeps import GATED, THREE, repeated, sweep_of, table

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

LEASE_S = 4.0
KINDS = ("proxy", "namespace")


def _pass_time(seconds: float) -> None:
    """Wait while a cut lasts: its length is what is tested."""
    threading.Event().wait(seconds)


@contextmanager
def _linked(root: Path, kind: str, lease: float = LEASE_S) -> Iterator[tuple[Cluster, Link]]:
    """Return a daemon and an agent a1 behind a link that can be cut."""
    with ExitStack() as stack:
        made = stack.enter_context(cluster(root))
        try:
            link: Any = stack.enter_context((proxy if kind == "proxy" else namespace)(made.port))
        except NoNamespaces as reason:
            pytest.skip(f"no network namespace can be made: {reason}")
        made.start_daemon("--lease", f"{lease:g}s", "--listen", f"0.0.0.0:{made.port}", "--insecure")
        token = (made.data / "token").read_text(encoding="utf-8").split()[0]
        made.start_agent("a1", "--daemon", link.address, "--cpus", "2", before=link.before, ACCIO_TOKEN=token)
        made.agents_are("a1")
        yield made, link


def _begin(made: Cluster, client: Client) -> str:
    client.push(GATED)
    run = client.submit({"workflow": "gated", "params": {"label": "g"}}).run.id
    eventually(lambda: _lines(made, "Gate g begins"), what="the node's beginning")
    return run


def _lines(made: Cluster, event: str) -> list[str]:
    return [line for line in made.executed() if event in line]


def _attempts(client: Client, run: str) -> list[tuple[str, str]]:
    return [(attempt.agent, attempt.state) for attempt in client.get_node(run, "Gate").attempts]


@pytest.mark.parametrize("kind", KINDS)
def test_a_short_cut_repeats_nothing(tmp_path: Path, kind: str) -> None:
    """A node that ends during a cut shorter than the lease is reported afterwards, and isn't executed again."""
    with _linked(tmp_path / "made", kind, lease=60) as (made, link), made.client() as client:
        run = _begin(made, client)
        link.cut()
        made.open_gate("g")
        eventually(lambda: _lines(made, "Gate g ends"), what="the node's end")
        _pass_time(2)
        assert client.get_run(run).run.state == "running"
        link.heal()
        assert client.wait(run).state == "success"
        assert _attempts(client, run) == [("a1", "success")]
        assert len(_lines(made, "Gate g begins")) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_long_cut_moves_the_work(tmp_path: Path, kind: str) -> None:
    """Beyond the lease the node goes to another agent; once healed, the late report is ignored and nothing is left."""
    with _linked(tmp_path / "made", kind) as (made, link), made.client() as client:
        run = _begin(made, client)
        link.cut()
        eventually(lambda: {str(a.name): a.state for a in client.list_agents()}["a1"] == "lost", what="a1's loss")
        made.start_agent("a2")
        made.open_gate("g")
        assert client.wait(run).state == "success"
        link.heal()
        made.agents_are("a1", "a2")
        assert _attempts(client, run) == [("a1", "lost"), ("a2", "success")]
        eventually(lambda: client.cluster_state().running_nodes == 0, what="a free ledger")
        # The agent that was away serves again.
        client.drain_agent("a2")
        other = client.submit({"workflow": "gated", "params": {"label": "after"}}).run.id
        made.open_gate("after")
        assert client.wait(other).state == "success"
        assert _attempts(client, other) == [("a1", "success")]


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_one_way_cut_is_noticed_by_both(tmp_path: Path, direction: str) -> None:
    """If only one direction is held up, the daemon takes the agent for lost and the agent dials again: no half life."""
    with cluster(tmp_path / "made") as made, proxy(made.port) as link:
        made.start_daemon("--lease", f"{LEASE_S:g}s")
        agent = made.start_agent("a1", "--daemon", link.address, "--cpus", "2")
        made.agents_are("a1")
        with made.client() as client:
            run = _begin(made, client)
            link.hold(up=direction == "up", down=direction == "down")
            eventually(
                lambda: {str(a.name): a.state for a in client.list_agents()}["a1"] != "connected",
                what="the daemon's notice",
            )
            eventually(lambda: "no session" in agent.output(), what="the agent's notice")
            link.heal()
            made.agents_are("a1")
            made.open_gate("g")
            assert client.wait(run).state == "success"
            assert [state for _, state in _attempts(client, run)].count("success") == 1


def test_a_sweep_over_a_bad_network_is_as_any(tmp_path: Path) -> None:
    """Resets and stalls throughout a sweep repeat no execution and change no row of its table."""
    children = 150
    rng = random.Random(20261122)  # noqa: S311 - repeatable, not secret
    with cluster(tmp_path / "calm") as made:
        made.start_daemon()
        made.start_agent("a1")
        made.agents_are("a1")
        with made.client() as client:
            client.push(THREE)
            run = client.submit(sweep_of(children)).run.id
            assert client.wait(run).state == "success"
            calm = table(client, run)
    with cluster(tmp_path / "bad") as made, proxy(made.port) as link:
        made.start_daemon()
        made.start_agent("a1", "--daemon", link.address, "--cpus", "2")
        made.agents_are("a1")
        with made.client() as client:
            client.push(THREE)
            run = client.submit(sweep_of(children)).run.id
            for _ in range(12):
                link.hold(up=rng.random() < 0.5, down=rng.random() < 0.5)
                _pass_time(rng.uniform(0.0, 0.2))
                if rng.random() < 0.7:
                    link.reset()
                link.heal()
                _pass_time(rng.uniform(0.0, 0.3))
            assert client.wait(run, patience=90).state == "success"
            assert table(client, run) == calm
        assert repeated(made) == {}
        assert len(made.executed()) == 3 * children
