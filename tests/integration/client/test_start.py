"""What a short command loads: each module costs time before the first answer, so the list is kept here."""

import os
import subprocess
import sys
from pathlib import Path

from accio.v1 import accio_pb2
from tests.integration.client.fake_daemon import FakeDaemon, run

CODE = """
import sys
from accio_client.cli.main import main
code = main(["get", "runs"])
print(*sys.modules, file=sys.stderr)
sys.exit(code)
"""
OTHERS = {
    "click",
    "cython_runtime",
    "google",
    "h2",
    "hpack",
    "hyperframe",
    "orjson",
    "sitecustomize",
    "typing_extensions",
}
NEVER = {"asyncio", "ssl"}
"""Modules of Python's own that take as long as gRPC, and come with it."""
OWN = {
    "accio": "channels errors exits late places sockets trust",
    "accio.domain": "absence cache_mode canonical containers datatypes display documents ids issues jsontext jsontypes "
    "named_content names numbers problems quantities series states values",
    "accio.v1": "accio_pb2 artifacts_pb2 bounds_pb2 pools_pb2 runs_pb2 values_pb2 workflows_pb2 workload_pb2",
    "accio.wire": "cache_modes issues states",
    "accio_client": "blocking brief client clock connection deadlines definition_text documents file_names "
    "handles json_values moments one_node other_processes services settings sync sync_calls sync_handles turns",
    "accio_client.calls": "access analysis caller cluster half_characters handles measurements numbers owners pools "
    "results runs selecting timelines versions windows workflows",
    "accio_client.cli": "acting catalogue findings main output pairs runs runs_shown session spelling text times",
    "accio_client.documents": "basics nodes runs",
    "accio_client.from_wire": "access checks cluster live node_counts nodes pools runs storage timeline values "
    "watching workflows workload",
    "accio_client.views": "runs",
}
ALLOWED = {*OWN, *(f"{package}.{name}" for package, names in OWN.items() for name in names.split())}


def test_a_list_loads_no_more_than_it_needs(daemon: FakeDaemon) -> None:
    """`accio get runs` loads the modules of this list: no NumPy, no tables, no sweeps, no gRPC, no other subjects."""
    daemon.answers["List"] = accio_pb2.ListResponse(runs=[run()])
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 2), done.stderr
    every = {name for name in done.stderr.split() if not name.startswith("_")}
    loaded = {name for name in every if name.partition(".")[0] not in sys.stdlib_module_names}
    own = {name for name in loaded if name.partition(".")[0] in ("accio", "accio_client")}
    assert own - ALLOWED == set()
    assert {name.partition(".")[0] for name in loaded - own} - OTHERS == set()
    assert every & NEVER == set()
