"""Libraries that start threads or open files of their own, in processes as templates and workers are."""

import subprocess

import pytest

from accio.interpreter import python

MAY_FORK = """
from accio_agent.worker.forking import may_fork
import os
assert may_fork() is {expected}
"""

FIRST_USE = """
import os, sys, io
import pyarrow.csv
from accio_agent.worker.restoring.first_uses import use_all_first
use_all_first()
before = os.listdir("/proc/self/fd")
assert pyarrow.csv.read_csv(io.BytesIO(b"a,b\\n1,2\\n")).num_rows == 1
assert os.listdir("/proc/self/fd") == before
"""


def run(program: str, **environment: str) -> None:
    words = [python("x")[0], "-c", program]
    subprocess.run(words, env={"OPENBLAS_NUM_THREADS": "3", **environment}, check=True, timeout=120)


@pytest.mark.parametrize(
    ("threads", "expected"),
    [
        ("", True),
        ("import numpy, scipy.linalg", True),
        ("import pyarrow, pyarrow.csv", True),
        ("import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()", False),
        ("import blake3; blake3.blake3(max_threads=blake3.blake3.AUTO).update(bytes(1 << 22))", False),
    ],
)
def test_threads_whose_libraries_provide_for_forks_do_not_forbid_them(threads: str, expected: bool) -> None:
    """OpenBLAS and Arrow let their process be forked; a thread of Python, or of a library that doesn't care, not."""
    run(threads + MAY_FORK.format(expected=expected))


def test_an_operator_that_reads_tables_leaves_no_file_open() -> None:
    """What Arrow opens when it first reads a CSV file is there before the first execution."""
    run(FIRST_USE)
