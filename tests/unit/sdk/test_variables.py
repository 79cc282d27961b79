"""Environment variables that operators' code reads: their values are a part of the digest."""

from pathlib import Path

import pytest

from accio.domain.operators import OperatorSpec
from accio.sdk.catalogue import discover
from accio.sdk.variables import names_in, values_of
from tests.unit.sdk.packages import write

OPS = "from accio import operator\n{imports}\n@operator\ndef Op(x: int) -> int:\n    return {value}\n"


def _described(folder: Path) -> OperatorSpec:
    (offer,) = discover(["ops.py"], folder=folder, cache=folder / "cache", installed=False).offers
    assert offer.spec.digest is not None, offer.spec.uncacheable
    return offer.spec


@pytest.mark.parametrize(
    ("imports", "value"),
    [
        ("import os\nSCALE = int(os.environ['SCALE'])", "x * SCALE"),
        ("from os import getenv as ask", "x * int(ask('SCALE', '1'))"),
        ("import os\nNAME = 'SCALE'", "x * int(os.environ.get(NAME, 1))"),
        ("from settings import setting", "x * setting('SCALE')"),
        ("import os", "x * int(os.path.expandvars('${SCALE}'))"),
    ],
)
def test_another_value_is_another_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, imports: str, value: str
) -> None:
    """What a variable says when the agent starts counts, however the code asks for it, also with a description that
    was kept; and `why` can name it.
    """
    write(tmp_path, {"settings.py": "import os\ndef setting(name): return int(os.environ[name])\n"})
    write(tmp_path, {"ops.py": OPS.format(imports=imports, value=value)})
    found = {}
    for scale in ("2", "3"):
        monkeypatch.setenv("SCALE", scale)
        found[scale] = _described(tmp_path)
        assert _described(tmp_path).digest == found[scale].digest
    assert found["2"].digest != found["3"].digest
    different = dict(found["2"].components).items() ^ dict(found["3"].components).items()
    assert {name for name, _ in different} == {"environment variable SCALE"}


def test_a_variable_that_appears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that wasn't set counts once it is."""
    write(tmp_path, {"ops.py": OPS.format(imports="import os", value="x * int(os.getenv('SCALE', '1'))")})
    monkeypatch.delenv("SCALE", raising=False)
    without = _described(tmp_path)
    monkeypatch.setenv("SCALE", "3")
    assert _described(tmp_path).digest != without.digest


def test_others_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that the code can't ask for, that say where it runs, or hold a secret leave the digest as it is."""
    write(tmp_path, {"ops.py": OPS.format(imports="import os", value="len([os.getenv('HOME'), os.getenv('A_TOKEN')])")})
    before = _described(tmp_path)
    for name in ("SCALE", "HOME", "A_TOKEN", "SLURM_JOB_ID"):
        monkeypatch.setenv(name, str(tmp_path))
    assert _described(tmp_path).digest == before.digest


def test_code_that_reads_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text alone makes no variable of itself: the code must reach the environment."""
    write(tmp_path, {"ops.py": OPS.format(imports="", value="len('SCALE')")})
    before = _described(tmp_path)
    monkeypatch.setenv("SCALE", "3")
    assert _described(tmp_path).digest == before.digest


def test_names_and_values() -> None:
    """Which texts may be names, and what of them is set."""
    assert names_in(["SCALE", "two words", "$HOME/${scale}", "A_PASSWORD", "OMP_NUM_THREADS"]) == {"SCALE", "scale"}
    assert values_of(["b", "a", "c"], {"a": "1", "b": ""}) == {"a": "1", "b": ""}
