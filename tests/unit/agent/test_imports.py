"""What processes must not import when they start."""

import subprocess
import sys


def test_workers_import_neither_grpc_nor_asyncio() -> None:
    """Templates fork: nothing that starts threads of its own, or costs much, may be imported there."""
    script = (
        "import sys, accio_agent.worker.program, accio_agent.worker.loop, accio_agent.worker.executing\n"
        "print(sorted({'grpc', 'asyncio', 'numpy', 'structlog', 'aiosqlite'} & sys.modules.keys()))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_templates_load_nothing_that_computes_digests() -> None:
    """What nodes wait for loads operators, and nothing of what says which version of them it is."""
    script = (
        "import sys, accio_agent.worker.program, accio.sdk.loading\n"
        "print(sorted({'importlib.metadata', 'email', 'logging', 'accio.sdk.digest'} & sys.modules.keys()))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_a_start_loads_nothing_that_only_some_need() -> None:
    """Daemon and agent start without rich, which structlog would load, without a library of ciphers, and without what
    shows metrics or speaks HTTP.
    """
    for program in (
        "accio_daemon.cli, accio_daemon.bootstrap",
        "accio_agent.agent.cli, accio_agent.agent.running",
    ):
        unwanted = {"rich", "cryptography", "pygments", "prometheus_client", "http.client"}
        script = f"import sys, {program}\nprint(sorted({unwanted} & sys.modules.keys()))"
        found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert found.stdout == "[]\n", program
