"""An agent's first steps: it takes its folder, and finds out what it offers while the rest of the program loads."""

import asyncio
import gc
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from accio import places
from accio.sdk.catalogue import discover
from accio_agent.agent.disk.state_folder import DESCRIPTIONS, open_folder
from accio_agent.agent.options import Options
from accio_agent.agent.privileges import work_as

if TYPE_CHECKING:
    from accio.channels import Door
    from accio.trust import Trust

log = structlog.get_logger("accio.agent")

_LOOK_AFTER = 5_000  # objects that were made and aren't freed yet


def start(options: Options) -> int:
    """Run an agent until it is stopped; the exit code."""
    if options.daemon:
        address = places.parse_address(options.daemon)
    else:
        os.environ.update(places.joining())
        address = places.daemon_address()
    trust = places.find_trust()
    find_token: Callable[[], str | None] = places.find_token
    if options.user is not None:
        find_token = work_as(options.user, address)
    folder = open_folder(places.agents_folder(), options.name, options.state_dir)
    try:
        with ThreadPoolExecutor(1) as pool:
            finding = pool.submit(
                discover,
                options.operators,
                folder=Path.cwd(),
                cache=folder.path / DESCRIPTIONS,
                shared=places.descriptions_folder(),
                installed=options.installed,
            )
            import uvloop  # this and gRPC take a while, in which operators are described

            from accio_agent.agent.running import run

            door = _door(address, trust)
            catalogue = finding.result()
        for warning in (*catalogue.warnings, *catalogue.left_out):
            log.warning(warning)
        _spare_the_collector()
        again = True
        while again:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                again = runner.run(run(folder, door, find_token, options, catalogue))
    finally:
        folder.close()
    return 0


def _spare_the_collector() -> None:
    """Make the collector of cycles never look at what was imported, and rarely at what is new.

    What an attempt is made of is freed by its reference count: Python's own thresholds would have it looked for after
    every few hundred.
    """
    gc.freeze()
    gc.set_threshold(_LOOK_AFTER, 50, 20)


def _door(address: str, trust: "Trust | None") -> "Door":
    """Return the way to the daemon, having said so if nothing protects it."""
    from accio.channels import Door  # it loads gRPC

    door = Door(address, trust)
    if door.exposed:
        log.warning(
            "NOT ENCRYPTED: whoever sees the traffic to the daemon can run programs here; start it without --insecure, "
            "and give this agent its join file (--join)",
            daemon=address,
        )
    return door
