"""Installed code counts by what is installed, not by a version."""

import base64
import hashlib
import os
from collections.abc import Mapping
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from accio.domain.operators import OperatorSpec
from accio.sdk.catalogue import discover
from accio.sdk.installed import Installed
from accio.sdk.modules import ModuleFinder, Standing
from tests.unit.sdk.packages import write

OPS = "from accio import operator\nfrom labtools import scale\n@operator\ndef Op(x: int) -> int:\n    return scale(x)\n"
FILES = {
    "labtools/__init__.py": "from labtools.inner import scale\n",
    "labtools/inner.py": "def scale(x):\n    return 2 * x\n",
    "labtools/factors.json": "{}",
    "labtools/fast.so": "compiled",
}


def _hashed(text: str) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def _install(
    site: Path, files: Mapping[str, str] = FILES, *, name: str = "labtools", needs: str = "", record: bool = True
) -> None:
    """Install a distribution as an installer does: its files, and then its RECORD."""
    info = f"{name}-1.0.dist-info"
    needed = f"Requires-Dist: {needs}\n" if needs else ""
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needed}"
    write(site, {**files, f"{info}/METADATA": metadata, f"{info}/top_level.txt": f"{name}\n"})
    lines = [f"{path},{_hashed(text)},{len(text)}\n" for path, text in files.items()]
    if record:
        write(site, {f"{info}/RECORD": "".join([*lines, f"{info}/METADATA,,\n", f"{info}/RECORD,,\n"])})


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for installed packages, with one that operators import."""
    found = tmp_path / "site-packages"
    _install(found)
    write(tmp_path, {"lab_ops.py": OPS})
    monkeypatch.syspath_prepend(found)
    return found


def _find(tmp_path: Path) -> OperatorSpec:
    """Describe the operator, with a cache."""
    (offer,) = discover(["lab_ops.py"], folder=tmp_path, cache=tmp_path / "cache", installed=False).offers
    return offer.spec


CHANGES: Mapping[str, Mapping[str, str]] = {
    "code": {"labtools/inner.py": "def scale(x):\n    return 3 * x\n"},
    "code, longer": {"labtools/inner.py": "def scale(x):\n    return 1000 * x\n"},
    "data": {"labtools/factors.json": "[]"},
    "a compiled module": {"labtools/fast.so": "COMPILED"},
    "a new module": {"labtools/plugin.py": ""},
    "a new folder": {"labtools/plugins/one.py": ""},
}


@pytest.mark.parametrize("how", ["installed again", "edited"])
@pytest.mark.parametrize("what", CHANGES)
def test_changed_files_of_one_version(tmp_path: Path, site: Path, what: str, how: str) -> None:
    """Whatever changes of a package, with a new RECORD or without, makes another digest; undone, it is the old one."""
    first = _find(tmp_path)
    assert first.digest is not None
    if how == "edited":
        write(site, CHANGES[what])
    else:
        _install(site, {**FILES, **CHANGES[what]})
    second = _find(tmp_path)
    assert second.digest not in (None, first.digest)
    parts, before = dict(second.components), dict(first.components)
    assert [part for part in parts if parts[part] != before.get(part)] == ["content of package labtools"]
    for name in CHANGES[what].keys() - FILES.keys():
        (site / name).unlink()
        if (site / name).parent.name == "plugins":
            (site / name).parent.rmdir()
    _install(site)
    assert _find(tmp_path).digest == first.digest


def test_an_edit_that_hides_its_time(tmp_path: Path, site: Path) -> None:
    """An edit of equal size, with the old time set back, is seen all the same."""
    first = _find(tmp_path)
    file = site / "labtools/inner.py"
    was = file.stat()
    write(site, CHANGES["code"])
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert _find(tmp_path).digest != first.digest


def test_installed_again_as_it_was(tmp_path: Path, site: Path) -> None:
    """The same files, installed again or touched, have the same digest: results stay."""
    first = _find(tmp_path)
    _install(site)
    for name in FILES:
        (site / name).touch()
    assert _find(tmp_path).digest == first.digest


def test_a_package_without_record(tmp_path: Path, site: Path) -> None:
    """A package that doesn't tell its files counts by all that lies in its folder."""
    (site / "labtools-1.0.dist-info/RECORD").unlink()
    first = _find(tmp_path)
    write(site, CHANGES["data"])
    second = _find(tmp_path)
    assert first.digest is not None
    assert second.digest not in (None, first.digest)


def test_a_module_that_only_the_record_names(site: Path) -> None:
    """A compiled module beside a package that top_level.txt doesn't list, as duckdb's, belongs to its distribution."""
    _install(site, {**FILES, f"_labfast{EXTENSION_SUFFIXES[0]}": "compiled"})
    facts = ModuleFinder(frozenset()).find("_labfast")
    assert (facts.standing, facts.distributions) == (Standing.VERSIONED, (("labtools", "1.0"),))


@pytest.mark.parametrize("declared", [True, False])
def test_packages_that_packages_need(tmp_path: Path, site: Path, declared: bool) -> None:
    """What a package needs counts with it, whether it says so or only imports it."""
    inner = "from labcore import N\n\ndef scale(x):\n    return N * x\n"
    lazy = "def scale(x):\n    from labcore import N\n    return N * x\n"
    _install(site, {**FILES, "labtools/inner.py": lazy if declared else inner}, needs="labcore>=1" if declared else "")
    _install(site, {"labcore/__init__.py": "N = 2\n"}, name="labcore")
    first = _find(tmp_path)
    _install(site, {"labcore/__init__.py": "N = 3\n"}, name="labcore")
    second = _find(tmp_path)
    assert first.digest is not None
    assert second.digest not in (None, first.digest)


def test_a_file_that_an_installed_package_imports(tmp_path: Path, site: Path) -> None:
    """A module that no distribution has installed counts by its source where a package imports it, too."""
    _install(site, {**FILES, "labtools/inner.py": "import loose\n\ndef scale(x):\n    return loose.factor() * x\n"})
    write(tmp_path, {"loose.py": "def factor():\n    return 2\n"})
    first = _find(tmp_path)
    write(tmp_path, {"loose.py": "def factor():\n    return 3\n"})
    second = _find(tmp_path)
    assert first.digest is not None
    assert second.digest not in (None, first.digest)


def test_the_source_of_an_editable_install(tmp_path: Path, site: Path) -> None:
    """A package that is needed counts by the folder that its direct_url.json names."""
    source = tmp_path / "checkout"
    write(source, {"labcore.py": "N = 2\n", ".git/x.py": "", "data.txt": ""})
    url = f'{{"url": "{source.as_uri()}", "dir_info": {{"editable": true}}}}'
    _install(site, {"labcore.pth": f"{source}\n"}, name="labcore")
    write(site, {"labcore-1.0.dist-info/direct_url.json": url})
    first = Installed().content("labcore")
    write(source, {".git/y.py": "", "data.txt": "1"})
    assert Installed().content("labcore") == first
    write(source, {"labcore.py": "N = 3\n"})
    assert Installed().content("labcore") != first


def test_what_differs_between_machines_does_not_count(tmp_path: Path, site: Path) -> None:
    """Scripts, bytecode and the installer's own notes leave the content as it is."""
    first = Installed().content("labtools")
    record = site / "labtools-1.0.dist-info/RECORD"
    more = f"../bin/lab,{_hashed('x')},1\nlabtools-1.0.dist-info/INSTALLER,{_hashed('pip')},3\n"
    more += "labtools/__pycache__/inner.cpython-311.pyc,,\n"
    record.write_text(record.read_text() + more)
    write(site, {"../bin/lab": "x", "labtools/__pycache__/inner.cpython-311.pyc": ""})
    assert Installed().content("labtools") == first


def test_contents_are_remembered(tmp_path: Path, site: Path) -> None:
    """What was found is kept, unless files were so young that a later change might have left no trace."""
    folder = tmp_path / "contents"
    first = Installed(folder).content("labtools")
    (entry,) = folder.iterdir()
    marked = entry.read_text().replace(first, "0" * 64)
    entry.write_text(marked)
    assert Installed(folder).content("labtools") == first
    later = (site / "labtools-1.0.dist-info/RECORD").stat().st_ctime_ns + 3600 * 10**9
    entry.write_text(marked)
    os.utime(entry, ns=(later, later))
    assert Installed(folder).content("labtools") == "0" * 64
    write(site, CHANGES["data"])
    assert Installed(folder).content("labtools") not in (first, "0" * 64)


def test_big_packages_are_not_read(tmp_path: Path, site: Path) -> None:
    """Files that nobody has touched since their RECORD was written count by the hash that stands there."""
    record = site / "labtools-1.0.dist-info/RECORD"
    stated = _hashed(FILES["labtools/inner.py"])
    newest_ns = max((site / name).stat().st_ctime_ns for name in FILES)
    contents = []
    for claimed in (stated, stated.swapcase().replace("SHA256", "sha256")):
        text = record.read_text().replace(stated, claimed)
        record.write_text(text)
        while record.stat().st_ctime_ns <= newest_ns:  # the clock of the file system is coarse
            record.write_text(text)
        contents.append(Installed().content("labtools"))
    assert contents[0] != contents[1]
