"""Check the types of the web interface's JavaScript, as its JSDoc comments state them.

TypeScript comes from npm, in the version below. Without Node nothing is checked, which is said; with
ACCIO_REQUIRE_NODE=1 that is a failure. What others wrote (accio_web/static/vendor) is read, and not judged.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

TYPESCRIPT = "typescript@7.0.2"
CONFIG = Path(__file__).with_name("tsconfig.json")


def complaints(output: str) -> list[str]:
    """Return the lines that tell what is wrong with modules of ours."""
    return [line for line in output.splitlines() if "error TS" in line and "/vendor/" not in line.partition("(")[0]]


def main() -> int:
    """Check, print what is wrong, and return the exit code."""
    npx = shutil.which("npx")
    if npx is None:
        print("not checked: there is no Node (npx) here")
        return 1 if os.environ.get("ACCIO_REQUIRE_NODE") else 0
    command = [npx, "--yes", "--package", TYPESCRIPT, "tsc", "--project", str(CONFIG), "--pretty", "false"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wrong = complaints(done.stdout)
    ran = "error TS" in done.stdout or done.returncode == 0
    print("\n".join(wrong) if ran else f"tsc didn't run:\n{done.stdout}{done.stderr}")
    return 0 if ran and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
