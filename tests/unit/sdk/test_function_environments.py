"""Functions in Python environments of their own: which one a file names, and what of it is in their digests."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from accio.domain.operators import OperatorSpec
from accio.errors import AccioError, FailedPrecondition, InvalidDefinition
from accio.sdk.catalogue import Catalogue, discover
from accio.sdk.descriptions import describe_source
from accio.sdk.environments import functions
from accio.sdk.environments.python import PythonNeed
from accio.sdk.loading import load
from accio.sdk.sources import Source
from accio.version import accio_version
from tests.unit.sdk.test_python_environments import environment, wheel

FIT = """
import tinylib
from accio import operator

@operator(python={python})
def Fit(x: int) -> int:
    return x * tinylib.VALUE
"""
PRYING = """
import json, sys
found = {"prefix": sys.prefix, "value": __import__("tinylib").VALUE}
for name in ("accio.sdk.run", "google.protobuf", "orjson", "grpc", "structlog", "numpy"):
    try:
        __import__(name)
        found[name] = True
    except ImportError:
        found[name] = False
from accio.version import accio_version
print(json.dumps({**found, "version": accio_version()}))
"""


def find(folder: Path, python: object) -> Catalogue:
    """Describe a file whose operator names this environment, by a process of that."""
    (folder / "fit.py").write_text(FIT.format(python=python if isinstance(python, str) else json.dumps(python)))
    return discover(["fit.py"], folder=folder, cache=folder / "cache", installed=False)


def fit(catalogue: Catalogue) -> OperatorSpec:
    (offer,) = catalogue.offers
    return offer.spec


def test_an_environment_is_lent_accio_and_nothing_else(tmp_path: Path) -> None:
    """Its own interpreter and packages, Accio with what that needs, no other package of the agent's."""
    need = PythonNeed(folder=environment(tmp_path / "venv", 7))
    (need.sites()[0] / "pry.py").write_text(PRYING)
    done = subprocess.run(functions.command(need, "pry"), capture_output=True, check=True, encoding="utf-8")
    found = json.loads(done.stdout)
    assert found == {
        "prefix": str(tmp_path / "venv"),
        "value": 7,
        "accio.sdk.run": True,
        "google.protobuf": True,
        "orjson": True,
        "grpc": False,
        "structlog": False,
        "numpy": False,
        "version": accio_version(),
    }


def test_the_packages_that_a_function_reaches_are_in_its_digest(tmp_path: Path) -> None:
    """By what is installed in its environment: an edit there is another operator, a change back the old one."""
    environment(tmp_path / "venv", 7)
    first = find(tmp_path, '"venv"')
    assert "package tinylib" in dict(fit(first).components)
    module = next(tmp_path.glob("venv/lib/python3.*/site-packages/tinylib.py"))
    module.write_text("VALUE = 8\n")
    assert not first.is_current(first.sources[0])
    assert fit(find(tmp_path, '"venv"')).digest != fit(first).digest
    module.write_text("VALUE = 7\n")
    again = find(tmp_path, '"venv"')
    assert fit(again).digest == fit(first).digest
    assert again.is_current(again.sources[0])


@pytest.mark.slow
def test_locked_requirements_are_in_the_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is made once; another lock makes another, and another operator, also of the same code."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    lock = tmp_path / "requirements.txt"
    line = f"tinylib @ {wheel(tmp_path / 'one', 1).as_uri()}\n"
    lock.write_text(line)
    first = find(tmp_path, {"requirements": "requirements.txt"})
    made = list((tmp_path / "home" / "accio" / "python").glob("*/accio-complete"))
    assert len(made) == 1
    stamp = made[0].stat().st_mtime_ns
    (tmp_path / "cache").rename(tmp_path / "old")
    assert fit(find(tmp_path, {"requirements": "requirements.txt"})).digest == fit(first).digest
    assert made[0].stat().st_mtime_ns == stamp
    lock.write_text(f"# the same, told otherwise\n{line}")
    assert not first.is_current(first.sources[0])
    assert fit(find(tmp_path, {"requirements": "requirements.txt"})).digest != fit(first).digest
    made[0].unlink()
    assert fit(find(tmp_path, {"requirements": "requirements.txt"})).digest


def test_an_environment_that_is_gone_is_told(tmp_path: Path) -> None:
    """Where it is to be described, and where its operators are to be loaded."""
    with pytest.raises(FailedPrecondition, match="nowhere is no Python environment"):
        find(tmp_path, '"nowhere"')
    with pytest.raises(AccioError, match="the environment /nowhere isn't there any more"):
        load(["python:/nowhere", str(tmp_path / "fit.py")])


def test_another_version_of_python_needs_accio_in_it(tmp_path: Path) -> None:
    """What Accio needs is compiled for one version: what to do is said, unless it is installed there."""
    place = environment(tmp_path / "venv", 7)
    configuration = place / "pyvenv.cfg"
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    configuration.write_text(configuration.read_text().replace(f"= {ours}", "= 3.99"))
    with pytest.raises(FailedPrecondition, match=f"has Python 3.99, its agent {ours}: make it with Python {ours}, or"):
        find(tmp_path, '"venv"')
    site = next(place.glob("lib/python3.*/site-packages"))
    for name in ("blake3", "orjson", "protobuf", "platformdirs"):
        (site / f"{name}-1.0.dist-info").mkdir()
    functions.make_ready(PythonNeed(folder=place))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (FIT.format(python="HERE"), "operator Fit: python=HERE is read before its file is imported; write it out"),
        (FIT.format(python="3"), 'operator Fit: python: expected the path of an environment, or {"requirements"'),
        (
            FIT.format(python='{"requirements": "no.txt"}'),
            "operator Fit: expected locked requirements in .*/no.txt, found no such file: lock it with `uv pip",
        ),
        (
            FIT.format(python='"a"') + FIT.format(python='"b"').replace("Fit", "Other"),
            r"different environments \(Fit names .*/a, Other names .*/b\): a file is imported in one of them",
        ),
    ],
)
def test_what_names_no_environment_is_refused(source: str, message: str, tmp_path: Path) -> None:
    """Before anything is imported."""
    (tmp_path / "fit.py").write_text(source)
    with pytest.raises(InvalidDefinition, match=message):
        functions.named_in(tmp_path / "fit.py")


def test_operators_of_a_file_share_its_environment(tmp_path: Path) -> None:
    """Those that name none run where the others do; a file that names none is the agent's own business."""
    (tmp_path / "fit.py").write_text(FIT.format(python='"venv"') + "\n@operator\ndef Plain() -> int:\n    return 1\n")
    assert functions.named_in(tmp_path / "fit.py") == (f"python:{tmp_path / 'venv'}",)
    (tmp_path / "plain.py").write_text("from accio import operator\n@operator(python=None)\ndef A() -> int: ...\n")
    assert functions.named_in(tmp_path / "plain.py") == ()
    assert functions.named_in(tmp_path / "absent.py") == ()


def test_an_environment_is_not_overlooked(tmp_path: Path) -> None:
    """An operator that is imported by another file than was named would run without its environment."""
    (tmp_path / "fit.py").write_text(FIT.format(python='"venv"').replace("import tinylib", ""))
    (tmp_path / "other.py").write_text("from fit import Fit\n")
    source = Source(distribution="other", references=(str(tmp_path / "other.py"),))
    with pytest.raises(InvalidDefinition, match="operator Fit: its environment is read from the file that --operators"):
        describe_source(source, None)
