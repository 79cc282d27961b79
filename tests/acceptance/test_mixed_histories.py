"""Restores under living agents, copies of agents, one agent's folder at two daemons: in random order, while sweeps run.

In a soak (ACCIO_SOAK) there are many stories, which are longer.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest

from accio.interpreter import python
from tests.acceptance.processes import Cluster, cluster
from tests.acceptance.sweeps import SQUARE

SOAK = bool(os.environ.get("ACCIO_SOAK"))
pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(1800 if SOAK else 180)]

CHILDREN = 200
STEPS = 20 if SOAK else 3
STORIES = range(10) if SOAK else range(1)


class Story:
    """Two daemons, two agents that are the first one's, and what happens to them."""

    def __init__(self, root: Path, chance: Random, one: Cluster, two: Cluster) -> None:
        """Begin with everything in its place."""
        self.root = root
        self.one = one
        self.two = two
        self._chance = chance
        self._count = 0
        for made in (one, two):
            made.start_daemon("--lease", "2s", "--backups", str(root))
        self.agents = {name: one.start_agent(name) for name in ("a1", "a2")}
        one.agents_are("a1", "a2")
        self._back_up()

    def _back_up(self) -> None:
        self._count += 1
        self._backup = self.root / f"{self._count}.db"
        with self.one.client() as client:
            client.push(SQUARE)
            assert client.backup(str(self._backup)).problems == ()

    def restore(self) -> None:
        """The daemon dies, and goes on from a backup that lacks what it was given since; the agents live on."""
        assert self.one.daemon is not None
        self.one.daemon.kill(self._chance.choice((signal.SIGKILL, signal.SIGTERM)))
        self.one.daemon.ended()
        command = python("accio_client.cli.main", "daemon", "restore", str(self._backup))
        done = subprocess.run(command, env=self.one.environment(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        self.one.start_daemon("--lease", "2s", "--backups", str(self.root))

    def clone(self) -> None:
        """An agent's folder is copied under it; the copy ends with the reason."""
        self._count += 1
        copy = self.root / f"copy {self._count}"
        shutil.copytree(self.one.root / "a1", copy, ignore=shutil.ignore_patterns("workers", "*.sock"))
        second = self.one.start_agent("a1", "--state-dir", str(copy))
        assert second.ended() == 1
        assert "folder that was copied" in second.output()

    def kill(self) -> None:
        """An agent dies, and is started again."""
        name = self._chance.choice(sorted(self.agents))
        self.agents[name].kill()
        self.agents[name].ended()
        self.agents[name] = self.one.start_agent(name)

    def lend(self) -> None:
        """An agent dies; its folder serves the other daemon for a while, whose numbers are the same."""
        self.agents["a2"].kill()
        self.agents["a2"].ended()
        lent = self.two.start_agent("a2", "--state-dir", str(self.one.root / "a2"))
        self.two.agents_are("a2")
        with self.two.client() as client:
            client.push(SQUARE)
        self.sweep(self.two, lambda: None)
        lent.kill(self._chance.choice((signal.SIGKILL, signal.SIGTERM)))
        lent.ended()
        self.agents["a2"] = self.one.start_agent("a2")

    def step(self) -> None:
        """Interfere while a sweep runs, whose results are right in the end."""
        happening = self._chance.choice((self.restore, self.clone, self.kill, self.lend))
        self.sweep(self.one, happening)
        self.one.agents_are("a1", "a2")
        self._back_up()

    def sweep(self, made: Cluster, happening: Callable[[], None]) -> None:
        """Submit a sweep of numbers that none had, and look at its results; after a restore it is submitted again."""
        self._count += 1
        numbers = range(self._count * CHILDREN, (self._count + 1) * CHILDREN)
        definition = {"workflow": "square", "params": {"x": {"from": numbers[0], "to": numbers[-1], "step": 1}}}
        with made.client() as client:
            run = client.submit(definition).run.id
        happening()
        with made.client() as client:
            if run not in {each.id for each in client.iterate_runs()}:
                run = client.submit(definition).run.id
            *_, last = client.watch(run, patience=90)
            assert last.run.state == "success", last.first_failure
            values = client.table([run], artifacts="ALL").to_arrow().column("Square/value").to_pylist()
        assert sorted(values) == [number * number for number in numbers]


@pytest.mark.parametrize("seed", STORIES)
def test_results_are_right_whatever_history_they_belong_to(tmp_path: Path, seed: int) -> None:
    """Restores, copies and agents at two daemons lose nothing but what a backup lacks, and mix up no result."""
    with ExitStack() as stack:
        one, two = (stack.enter_context(cluster(tmp_path / name)) for name in ("one", "two"))
        story = Story(tmp_path, Random(seed), one, two)  # noqa: S311 - it must be repeatable
        for _ in range(STEPS):
            story.step()
        assert all(agent.popen.poll() is None for agent in story.agents.values())
