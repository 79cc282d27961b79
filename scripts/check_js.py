"""Check the types of the web interface's JavaScript, as its JSDoc comments state them.

TypeScript comes from npm, in the version below. Without Node, or a network to fetch it once, nothing is checked, and
that is said; with ACCIO_REQUIRE_NODE=1 it is a failure. What others wrote (accio_web/static/vendor) is not judged.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

TYPESCRIPT = "typescript@7.0.2"
PATIENCE_S = 180
CONFIG = Path(__file__).with_name("tsconfig.json")


def complaints(output: str) -> list[str]:
    """Return the lines that tell what is wrong with modules of ours."""
    return [line for line in output.splitlines() if "error TS" in line and "/vendor/" not in line.partition("(")[0]]


def checked(npx: str) -> str | None:
    """Return what the compiler said; None where it couldn't be fetched, or doesn't run on this Node."""
    command = [npx, "--yes", "--package", TYPESCRIPT, "tsc", "--project", str(CONFIG), "--pretty", "false"]
    environment = os.environ | {"npm_config_fetch_retries": "0", "npm_config_fetch_timeout": "20000"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 or "error TS" in done.stdout else None


def main() -> int:
    """Check, print what is wrong, and return the exit code."""
    npx = shutil.which("npx")
    said = checked(npx) if npx is not None else None
    if said is None:
        print("not checked: there is no Node (npx) here" if npx is None else f"not checked: no {TYPESCRIPT} to be had")
        return 1 if os.environ.get("ACCIO_REQUIRE_NODE") else 0
    wrong = complaints(said)
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
