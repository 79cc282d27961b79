"""Runs in a notebook: executed by a real kernel, on a private daemon."""

from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

MODEL = """
def double(x: float) -> float:
    if x > 2:
        raise ValueError("too large")
    return 2 * x
"""
CELLS = [
    "import accio_client\nclient = accio_client.local(operators=['model.py:double'], installed=False)",
    "run = client.submit('double', x=accio_client.values(1, 2, 3))\nended = run.wait()",
    "run",
    "print(run.frame()['double/value'].tolist())",
    "client.close()",
]


def test_a_run_is_shown_below_its_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`wait` shows one output, updated in its place, with the first failure; a handle shows its states as HTML."""
    (tmp_path / "model.py").write_text(MODEL)
    monkeypatch.delenv("ACCIO_ADDR", raising=False)
    monkeypatch.setenv("ACCIO_CONFIG_ROOT", str(tmp_path / "config"))
    v4: Any = nbformat.v4  # its functions have no types
    notebook = v4.new_notebook(cells=[v4.new_code_cell(text) for text in CELLS])
    nbclient.NotebookClient(notebook, timeout=200, resources={"metadata": {"path": str(tmp_path)}}).execute()
    waited, shown, printed = (notebook.cells[at].outputs for at in (1, 2, 3))
    (output,) = waited
    assert output.output_type == "display_data"
    assert "first failure" in output.data["text/html"]
    assert "too large" in output.data["text/plain"]
    assert "<svg" in shown[0].data["text/html"]
    assert "2 success, 1 failed" in shown[0].data["text/plain"]
    assert printed[0].text == "[2.0, 4.0, nan]\n"
