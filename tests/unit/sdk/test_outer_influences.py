"""Digests: what decides results from outside of code that is named. Plugins that others announce to a package,
variables that packages look at by themselves, what runs as the interpreter starts.
"""

from pathlib import Path

import pytest

from accio.domain.operators import OperatorSpec
from accio.sdk.descriptions import describe_source
from accio.sdk.sources import Source, named_source
from tests.unit.sdk.packages import described, write

OPS = "{imports}\nfrom accio import operator\n\n@operator\ndef Op(x: int) -> int:\n    return {value}\n"
ENTRY = "[scipy.extensions]\nmine = extending.first:Entry\n"
METADATA = "Metadata-Version: 2.1\nName: extending\nVersion: 1\n"
RECORD = "".join(f"{name},,\n" for name in ("extending/__init__.py", "extending/first.py"))


def extend(site: Path, *, entry: str = ENTRY, value: int = 1) -> None:
    """Install a distribution that announces something to another package."""
    info = "extending-1.dist-info"
    files = {"METADATA": METADATA, "RECORD": RECORD, "entry_points.txt": entry}
    write(site, {f"{info}/{name}": text for name, text in files.items()})
    write(site, {"extending/__init__.py": "", "extending/first.py": f"class Entry:\n    value = {value}\n"})


def found(folder: Path, imports: str = "import scipy", value: str = "x", **variables: str) -> OperatorSpec:
    """Describe an operator in a fresh interpreter with these variables."""
    write(folder, {"ops.py": OPS.format(imports=imports, value=value)})
    return described(folder, "ops", **variables)["Op"]


@pytest.mark.parametrize("installed", [True, False], ids=["installed", "own source"])
def test_a_plugin_of_a_package_counts(tmp_path: Path, installed: bool) -> None:
    """Another distribution announces it, no code names it, and its import by the package decides what that does."""
    site = tmp_path / ("site-packages" if installed else "checkout")
    variables = {"PYTHONPATH": f"{tmp_path}:{site}"}
    before = found(tmp_path, **variables)
    extend(site)
    added = found(tmp_path, **variables)
    extend(site, value=2)
    edited = found(tmp_path, **variables)
    assert len({before.digest, added.digest, edited.digest} - {None}) == 3
    assert "plugins of scipy" in dict(added.components)


@pytest.mark.parametrize(
    "entry", ["[console_scripts]\nscipy = extending.first:Entry\n", "[scipyx.a]\na = extending:b\n"]
)
def test_what_is_announced_to_others_does_not_count(tmp_path: Path, entry: str) -> None:
    """Scripts, and plugins of packages that aren't used."""
    site = tmp_path / "site-packages"
    variables = {"PYTHONPATH": f"{tmp_path}:{site}"}
    before = found(tmp_path, **variables)
    extend(site, entry=entry)
    assert before.digest is not None
    assert found(tmp_path, **variables).digest == before.digest


def test_a_variable_that_a_package_looks_at_counts(tmp_path: Path) -> None:
    """Where it is set, and for operators that use the package alone."""
    plain = found(tmp_path)
    set_ = found(tmp_path, SCIPY_ARRAY_API="1")
    assert None not in (plain.digest, set_.digest)
    assert plain.digest != set_.digest
    assert ("variable SCIPY_ARRAY_API", "1") in set_.components
    assert found(tmp_path, KERAS_BACKEND="torch", SCIPY_ARRAY_API="").digest == plain.digest
    without = {found(tmp_path, "import math", **more).digest for more in ({}, {"SCIPY_ARRAY_API": "1"})}
    assert len(without) == 1


def test_assertions_that_are_left_out_count(tmp_path: Path) -> None:
    """With PYTHONOPTIMIZE an assertion fails nothing, and what it does isn't done."""
    digests = {found(tmp_path, "", **more).digest for more in ({}, {"PYTHONOPTIMIZE": "1"})}
    assert len(digests - {None}) == 2


def test_what_runs_as_the_interpreter_starts_counts(tmp_path: Path) -> None:
    """It may patch anything before an operator is imported."""
    digests = [found(tmp_path, "import math", "math.tau").digest]
    for number in (1, 2):
        write(tmp_path, {"sitecustomize.py": f"import math\nmath.tau = {number}\n"})
        digests.append(found(tmp_path, "import math", "math.tau").digest)
    assert len({*digests} - {None}) == 3


def described_again(source: Source, cache: Path) -> str | None:
    """The digest of a source's only operator, from the cache if that is still good."""
    (spec,) = describe_source(source, cache).specs
    return spec.digest


def test_a_description_that_is_kept_rests_on_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new plugin, and a variable that is set, put a kept description out of date; undone, all is as before."""
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    write(tmp_path, {"ops.py": OPS.format(imports="import scipy", value="x")})
    source, cache = named_source("ops.py", tmp_path), tmp_path / "cache"
    first = described_again(source, cache)
    assert first is not None
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    second = described_again(source, cache)
    monkeypatch.delenv("SCIPY_ARRAY_API")
    assert described_again(source, cache) == first
    extend(site)
    third = described_again(source, cache)
    assert len({first, second, third}) == 3
    (site / "extending-1.dist-info/entry_points.txt").unlink()
    assert described_again(source, cache) == first
