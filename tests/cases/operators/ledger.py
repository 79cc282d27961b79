"""Where bodies leave what tests look at: a line for each execution, and gates that tests hold closed.

A line is `RUN/NODE attempt pid operator text`, appended with one write to the file that the environment names.
"""

import fcntl
import os
import time
from pathlib import Path

LEDGER = "ACCIO_TEST_LEDGER"
GATES = "ACCIO_TEST_GATES"


def note(operator: str, text: str = "-") -> None:
    """Append a line about this execution."""
    of = os.environ.get
    place = f"{of('ACCIO_RUN', '?')}/{of('ACCIO_NODE', '?')}"
    line = f"{place} {of('ACCIO_ATTEMPT_NO', '?')} {os.getpid()} {operator} {text}\n"
    ledger = os.open(os.environ[LEDGER], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(ledger, line.encode())
    finally:
        os.close(ledger)


def attempt_in_run() -> int:
    """Count the executions of this node in this run, this one (already noted) included."""
    place = f"{os.environ['ACCIO_RUN']}/{os.environ['ACCIO_NODE']} "
    with Path(os.environ[LEDGER]).open(encoding="utf-8") as lines:
        return sum(line.startswith(place) for line in lines)


def pass_gates(label: str) -> None:
    """Wait while the gate of this name is closed; where there is none of this name, while any is.

    A test holds a gate closed by a lock on its file.
    """
    folder = Path(os.environ[GATES])
    gates = sorted(folder.iterdir())
    own = [gate for gate in gates if gate.name == (label or "-")]
    for gate in own or gates:
        with gate.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)


def outcome_of(label: str) -> str:
    """Wait until the test has said whether the step of this label succeeds; give its word."""
    told = Path(os.environ[GATES]).parent / "steps" / label
    while not told.exists():
        time.sleep(0.01)  # noqa: TID251 - a file is all that tests can write
    return told.read_text(encoding="utf-8")
