"""An agent's first steps: it takes its folder, and finds out what it offers while the rest of the program loads."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog

from accio import places
from accio.sdk.catalogue import discover
from accio_agent.agent.disk.state_folder import open_folder
from accio_agent.agent.options import Options

log = structlog.get_logger("accio.agent")


def start(options: Options) -> int:
    """Run an agent until it is stopped; the exit code."""
    address = places.parse_address(options.daemon) if options.daemon else places.daemon_address()
    folder = open_folder(places.agents_folder(), options.name, options.state_dir)
    try:
        with ThreadPoolExecutor(1) as pool:
            finding = pool.submit(
                discover,
                options.operators,
                folder=Path.cwd(),
                cache=folder.path / "catalogue",
                installed=options.installed,
            )
            import uvloop  # this and gRPC take a while, in which operators are described

            from accio_agent.agent.running import run

            catalogue = finding.result()
        for warning in catalogue.warnings:
            log.warning(warning)
        again = True
        while again:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                again = runner.run(run(folder, address, options, catalogue))
    finally:
        folder.close()
    return 0
