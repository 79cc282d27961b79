"""The peers' own scripts, run on the same machine; each prints a line `RESULT {json}`."""

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

PEERS = {"ray": "ray_.py", "parsl": "parsl_.py", "dask": "dask_.py", "hq": "hq.py"}
WORK = (("a1", "10000"), ("a2", "2500"), ("a4",), ("cold",))
LIMIT_S = 420.0


def run(folder: Path, python: str) -> list[dict[str, Any]]:
    """Run every peer whose script and interpreter are there."""
    found: list[dict[str, Any]] = []
    for peer, script in PEERS.items():
        interpreter = Path(python.format(peer))
        if not (folder / script).is_file() or not interpreter.is_file():
            continue
        for work in WORK:
            environment = dict(
                os.environ, PATH=f"{interpreter.parent}:{os.environ['PATH']}", BENCH_T0=repr(time.monotonic())
            )
            result = _one([str(interpreter), script, *work], folder, environment)
            found.append({"peer": peer, "work": " ".join(work), "result": result})
    return found


def _one(command: list[str], folder: Path, environment: dict[str, str]) -> dict[str, Any] | str:
    try:
        ended = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"not done in {LIMIT_S:g} s"
    lines = [line.removeprefix("RESULT ") for line in ended.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        return f"exit code {ended.returncode}: {ended.stderr[-300:]}"
    result: dict[str, Any] = json.loads(lines[-1])
    return result
