"""What worker processes must not import."""

import subprocess
import sys


def test_workers_import_neither_grpc_nor_asyncio() -> None:
    """Templates fork: nothing that starts threads of its own, or costs much, may be imported there."""
    script = (
        "import sys, accio_agent.worker.__main__, accio_agent.worker.loop, accio_agent.worker.executing\n"
        "print(sorted({'grpc', 'asyncio', 'numpy', 'structlog', 'aiosqlite'} & sys.modules.keys()))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
