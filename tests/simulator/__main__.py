"""`scripts/simulate`: run seeds of the simulation, or find out whether a safeguard is needed."""

import argparse
import sys
from time import perf_counter

from tests.simulator import pools, sweep
from tests.simulator.pools import PoolSimulation
from tests.simulator.simulation import SAFEGUARDS, Simulation
from tests.simulator.sweep import ENOUGH, Found, explore_all, say_nothing


def main() -> int:
    """Run what the command line says; 0 if nothing was found that shouldn't be."""
    parser = argparse.ArgumentParser(prog="scripts/simulate", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("--mutation", choices=SAFEGUARDS, action="append", default=[], help="a safeguard to do without")
    parser.add_argument(
        "--mutations", action="store_true", help="do without each safeguard in turn: each must be noticed"
    )
    parser.add_argument("--pools", action="store_true", help="the story of a pool and its engine instead")
    options = parser.parse_args()
    story: sweep.Story = PoolSimulation if options.pools else Simulation
    say_nothing()
    seeds = range(options.seed, options.seed + options.seeds)
    if options.mutations:
        return _table(seeds)
    began = perf_counter()
    found = explore_all(seeds, switched_off=frozenset(options.mutation), story=story)
    seconds = perf_counter() - began
    _show(found, seconds)
    missing = (
        found.missing(pools.RARE if options.pools else sweep.RARE)
        if found.seeds >= ENOUGH and not options.mutation
        else []
    )
    for what in missing:
        _say(f"never happened: {what}")
    return 1 if found.violations or missing else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _show(found: Found, seconds: float) -> None:
    for what, count in sorted(found.seen.items()):
        _say(f"{count:8d}  {what}")
    for seed, violation in list(found.violations.items())[:10]:
        _say(f"seed {seed}: {violation}")
    rate = found.seeds / seconds
    _say(f"{found.seeds} seeds in {seconds:.1f} s, {rate:.1f} a second, {len(found.violations)} violations")


def _table(seeds: range) -> int:
    unnoticed = 0
    for safeguard in SAFEGUARDS:
        found = explore_all(seeds, switched_off=frozenset({safeguard}))
        count = len(found.violations)
        seed, violation = next(iter(found.violations.items()), (None, "NOT NOTICED"))
        share = f"{count:5d} of {found.seeds} seeds ({count / found.seeds:4.0%})"
        _say(f"without {safeguard:20s} {share}  seed {seed}: {str(violation)[:100]}")
        unnoticed += not found.violations
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
