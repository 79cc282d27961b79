"""What programs of operators find: the search path of who started the agent, not that by which workers find us."""

import json
from pathlib import Path

import pytest

from accio_client import Client
from tests.acceptance.processes import cluster

pytestmark = pytest.mark.acceptance

OPERATORS = """\
import os
import subprocess

from accio import operator

IMPORTED = subprocess.run(["printenv", "PYTHONPATH"], capture_output=True, text=True).stdout.strip()


@operator
def Warm(n: int) -> str:
    return f"{os.environ.get('PYTHONPATH')} {IMPORTED} {len([name for name in os.environ if 'BEFORE_ACCIO' in name])}"


@operator(isolated=True)
def Alone(n: int) -> str:
    return Warm(n)
"""
PROGRAM = {
    "name": "Printed",
    "inputs": [{"name": "n", "type": "integer"}],
    "outputs": [{"name": "value", "type": "string", "stdout": "(?s)(.*)"}],
    "command": "printenv PYTHONPATH || echo none",
    "shell": True,
    "programs": ["printenv"],
}


def value_of(client: Client, operator: str) -> str:
    """Run an operator once, and return what it gave."""
    run = client.submit(operator, n=1).run.id
    client.wait(run, patience=90)
    (found,) = client.table([run], artifacts="ALL").to_arrow().column(f"{operator}/value").to_pylist()
    return str(found).strip()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("named", [True, False])
def test_programs_of_operators_get_the_path_of_who_started_the_agent(tmp_path: Path, *, named: bool) -> None:
    """Another interpreter would load our standard library by PYTHONPATH, a tool our packages in place of its own."""
    operators, program = tmp_path / "paths.py", tmp_path / "printed.json"
    operators.write_text(OPERATORS, encoding="utf-8")
    program.write_text(json.dumps(PROGRAM), encoding="utf-8")
    path = str(tmp_path / "mine") if named else ""
    with cluster(tmp_path) as made:
        made.start_daemon()
        made.start_agent(operators=(str(operators), str(program)), PYTHONPATH=path)
        made.agents_are("a1")
        client = made.client()
        for name in ("Warm", "Alone"):
            assert value_of(client, name) == (f"{path} {path} 0" if named else "None  0")
        assert value_of(client, "Printed") == (path or "none")
