"""The units in examples/systemd, as systemd reads them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNITS = sorted((Path(__file__).resolve().parents[2] / "examples" / "systemd").glob("*.service"))
ANALYZE = shutil.which("systemd-analyze")


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze isn't here (package systemd)")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_units_are_units(unit: Path, tmp_path: Path) -> None:
    """Nothing in them is unknown, misspelt or in the wrong section; the program is there, once it is installed."""
    assert ANALYZE is not None
    text = unit.read_text(encoding="utf-8")
    assert "/opt/accio/bin/accio " in text
    installed = tmp_path / unit.name
    installed.write_text(text.replace("/opt/accio/bin/accio ", f"{sys.executable} "), encoding="utf-8")
    found = subprocess.run([ANALYZE, "verify", str(installed)], capture_output=True, text=True, check=False)
    about = [line for line in found.stderr.splitlines() if unit.stem in line]
    assert (about, found.returncode) == ([], 0), found.stderr
