"""What is read out of what the interpreter says when a signal ends it."""

import subprocess
from pathlib import Path

from accio.faults import FAULT, of_operators, place_of
from accio.interpreter import PATH, python

DUMP = """before
Fatal Python error: Segmentation fault

Thread 0x00007f04 (most recent call first):
  File "/usr/lib/python3.11/threading.py", line 320 in wait

Current thread 0x00007f0490fc2b80 (most recent call first):
  File "/data/ada/model.py", line 3 in solve
  File "/usr/lib/python3/dist-packages/accio/sdk/execution.py", line 226 in _call
  File "/usr/lib/python3/dist-packages/accio_agent/worker/loop.py", line 99 in run
  File "<frozen runpy>", line 88 in _run_code

Extension modules: numpy.core._multiarray_umath (total: 1)
"""


def test_frames_of_accio_are_left_out() -> None:
    """What is left is what the operator did; what isn't about a fault stays as it is."""
    told = of_operators(DUMP)
    assert told.startswith("before\n" + FAULT)
    assert 'File "/data/ada/model.py", line 3 in solve' in told
    assert [each for each in ("accio", "frozen", "Extension") if each in told] == []
    plain = '  File "/usr/lib/python3/dist-packages/accio/sdk/execution.py", line 226 in _call\n'
    assert of_operators(plain) == plain


def test_the_place_is_that_of_the_thread_that_met_it() -> None:
    """The other threads aren't to blame; without a fault there is no place."""
    assert place_of(DUMP) == 'Fatal Python error: Segmentation fault, File "/data/ada/model.py", line 3 in solve'
    assert place_of("Traceback (most recent call last):") == ""


def test_a_real_one(tmp_path: Path) -> None:
    """The interpreter still says it in this form."""
    (tmp_path / "aborting.py").write_text("import os\ndef broken():\n    os.abort()\nbroken()\n")
    command = python("aborting")
    done = subprocess.run(command, env={PATH: str(tmp_path)}, capture_output=True, text=True, check=False)
    assert place_of(done.stderr) == f'Fatal Python error: Aborted, File "{tmp_path}/aborting.py", line 3 in broken'
