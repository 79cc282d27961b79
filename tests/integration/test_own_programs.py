"""What the programs that start others have in common."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

POOL = {"name": "here", "provider": "local", "max": 1, "host": {"cpus": 1, "memory": "1GiB"}}
CODE = """
import os, runpy, sys
class Looking:
    def find_spec(self, name, path=None, target=None):
        if name == "grpc":
            print("gRPC finds", os.environ.get("GRPC_ENABLE_FORK_SUPPORT"), flush=True)
            os._exit(0)
sys.meta_path.insert(0, Looking())
module, *sys.argv[1:] = sys.argv[1:]
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    "command",
    [
        "accio_daemon",
        "accio_daemon check",
        "accio_agent",
        "accio_pool serve pools.json",
        "accio_web",
        "accio_client.cli.main get agents",
    ],
)
def test_grpc_is_loaded_by_programs_that_have_told_it_to_leave_forks_alone(command: str, tmp_path: Path) -> None:
    """Each program that starts others sets what gRPC reads as it is loaded, also where it was started by itself."""
    (tmp_path / "pools.json").write_text(json.dumps({"pools": [POOL]}))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "ACCIO_DATA_DIR": str(tmp_path / "data")}
    environment.pop("GRPC_ENABLE_FORK_SUPPORT", None)
    done = subprocess.run(
        [sys.executable, "-c", CODE, *command.split()],
        capture_output=True, text=True, env=environment, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.stdout == "gRPC finds 0\n", done.stderr
