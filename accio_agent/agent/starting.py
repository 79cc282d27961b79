"""An agent's first steps: it takes its folder, and finds out what it offers while the rest of the program loads."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from accio import places
from accio.collector import spare_imported
from accio.sdk.catalogue import discover
from accio_agent.agent.disk.state_folder import DESCRIPTIONS, open_folder
from accio_agent.agent.options import Options
from accio_agent.agent.privileges import work_as

if TYPE_CHECKING:
    from accio.channels import Door
    from accio.trust import Trust

log = structlog.get_logger("accio.agent")

_COLLECTED_AFTER = (5_000, 50, 20)
"""Objects that were made and aren't freed yet: by Python's own measure, a few hundred, after every few attempts."""


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
        for warning in (*catalogue.warnings, *catalogue.doubts, *catalogue.left_out):
            log.warning(warning)
        spare_imported(*_COLLECTED_AFTER)
        again = True
        while again:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                again = runner.run(run(folder, door, find_token, options, catalogue))
    finally:
        folder.close()
    return 0


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
