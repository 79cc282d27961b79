"""Many seeds, one after the other: what they found, and whether everything rare happened at all."""

import logging
import multiprocessing
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import structlog

from tests.simulator.pools import PoolSimulation
from tests.simulator.simulation import Simulation

# What must have happened among a thousand seeds: else a green result would mean nothing.
RARE = (
    "a backup was restored",
    "a client lost its answer",
    "a copy of an agent was refused",
    "a commit found the disk full",
    "a late report was refused",
    "a lease ended",
    "a message arrived twice",
    "a message of a broken stream arrived",
    "a node was lost",
    "a point was repeated more often",
    "a node went on from a checkpoint",
    "a request was refused for want of space",
    "a cap kept nodes waiting",
    "a window kept nodes waiting",
    "agents of others kept nodes waiting",
    "nice nodes waited behind others",
    "a session was superseded",
    "a silent agent made way for another life of it",
    "an agent came back with running work",
    "an agent came back without what it had begun",
    "an agent died",
    "an agent died having begun",
    "an agent died with a report unsent",
    "an agent froze",
    "an agent gave a silent daemon up",
    "an agent said goodbye",
    "an agent served another daemon",
    "an agent set its journal aside",
    "an agent was copied",
    "deciding waited for a commit",
    "reports were handed over again",
    "space that was set aside was used",
    "the daemon died",
    "the daemon died between commit and act",
    "the daemon died during a kill",
    "the daemon died while committing",
    "the daemon died while values were gathered",
    "the disk was full",
    "the disk was slow",
    "values were gathered",
    "work sent ahead was given back",
    "work was sent ahead",
    "work was taken back between decision and send",
)
ENOUGH = 100  # seeds after which every rare state must have occurred
_SLICE = 50  # seeds that one process runs in a row


@dataclass(slots=True)
class Found:
    """What some seeds showed."""

    seeds: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    violations: dict[int, AssertionError] = field(default_factory=dict)  # by seed

    def add(self, other: "Found") -> None:
        """Add what other seeds showed."""
        self.seeds += other.seeds
        self.seen += other.seen
        self.violations |= other.violations

    def missing(self, rare: Sequence[str] = RARE) -> list[str]:
        """Name the rare states that never occurred."""
        return [what for what in rare if not self.seen[what]]


Story = type[Simulation] | type[PoolSimulation]


def explore(
    seeds: Iterable[int],
    *,
    switched_off: frozenset[str] = frozenset(),
    until_found: bool = False,
    story: Story = Simulation,
) -> Found:
    """Run seeds of a story; with *until_found* only up to the first violation."""
    found = Found()
    for seed in seeds:
        simulation = story(seed, switched_off=switched_off)
        found.seeds += 1
        try:
            simulation.run()
        except AssertionError as violation:
            found.violations[seed] = violation
        finally:
            simulation.disk.close()
        found.seen += simulation.loop.seen
        if found.violations and until_found:
            break
    return found


def say_nothing() -> None:
    """Keep what daemons log to themselves: disks fill up all the time."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def explore_all(seeds: range, *, switched_off: frozenset[str] = frozenset(), story: Story = Simulation) -> Found:
    """Run many seeds on all processors; what a seed shows doesn't depend on who runs it."""
    slices = [seeds[start : start + _SLICE] for start in range(0, len(seeds), _SLICE)]
    if len(slices) <= 1:
        return explore(seeds, switched_off=switched_off, story=story)
    found = Found()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), mp_context=context, initializer=say_nothing) as pool:
        for part in pool.map(partial(explore, switched_off=switched_off, story=story), slices):
            found.add(part)
    return found
