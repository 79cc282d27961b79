"""Whether a file that was touched holds what it held: one that a fingerprint counts, and one that none does."""

import base64
import hashlib
import os
from pathlib import Path

import pytest

from accio.sdk.fingerprint import Fingerprint
from accio.sdk.installed import Installed
from accio.sdk.resolution import Resolution
from accio.sdk.uncounted import is_as_before

NOW_NS = 1_700_000_000 * 10**9
BEFORE, AFTER = NOW_NS - 10**9, NOW_NS + 10**9


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages with one that was installed before, and a module that nobody lists."""
    site = tmp_path / "site-packages"
    notes = site / "touched_dist-1.dist-info"
    notes.mkdir(parents=True)
    code = site / "touched_module.py"
    code.write_text("VALUE = 1\n")
    digest = base64.urlsafe_b64encode(hashlib.sha256(code.read_bytes()).digest()).rstrip(b"=").decode()
    (notes / "METADATA").write_text("Metadata-Version: 2.1\nName: touched-dist\nVersion: 1\n")
    (notes / "RECORD").write_text(
        f"touched_module.py,sha256={digest},10\ntouched_dist-1.dist-info/METADATA,,\ntouched_dist-1.dist-info/RECORD,,\n"
    )
    (site / "unlisted_module.py").write_text("VALUE = 1\n")
    for path in (*notes.iterdir(), *site.iterdir()):
        os.utime(path, ns=(BEFORE, BEFORE))
    monkeypatch.syspath_prepend(site)
    return site


def test_an_installed_file_is_held_against_its_record(site: Path) -> None:
    """Whatever its times say; unless the record is of later, as after another installation."""
    path = site / "touched_module.py"
    path.write_text("VALUE = 1\n")
    assert is_as_before(str(path), NOW_NS)
    path.write_text("VALUE = 2\n")
    os.utime(path, ns=(BEFORE, BEFORE))
    assert not is_as_before(str(path), NOW_NS)
    path.write_text("VALUE = 1\n")
    os.utime(site / "touched_dist-1.dist-info" / "RECORD", ns=(AFTER, AFTER))
    assert not is_as_before(str(path), NOW_NS)


def test_a_file_that_nobody_lists_is_judged_by_when_it_was_written(site: Path) -> None:
    """A link and other rights change nothing; what was written since, or is gone, is another one."""
    path = site / "unlisted_module.py"
    os.link(path, site / "link")
    path.chmod(0o600)
    assert is_as_before(str(path), NOW_NS)
    os.utime(path, ns=(AFTER, AFTER))
    assert not is_as_before(str(path), NOW_NS)
    path.unlink()
    assert not is_as_before(str(path), NOW_NS)


def test_only_what_counts_together_with_a_file_is_compared(site: Path, tmp_path: Path) -> None:
    """An edit of the source doesn't make a package another one, nor the other way round."""
    own, installed = tmp_path / "own", site / "touched_module.py"
    own.mkdir()
    (own / "ops.py").write_text("VALUE = 1\n")
    places = (str(installed),)
    taken = Fingerprint.take(
        trees=[own],
        folders=[],
        files=[],
        distributions={},
        installed={"touched-dist": (Installed().content("touched-dist", places), *places)},
        resolution=Resolution(places={}, folders=(), pins={}),
    )

    def found() -> list[bool | None]:
        return [taken.has_as_was(str(each)) for each in (own / "ops.py", installed, site / "unlisted_module.py")]

    os.link(installed, site / "link")
    assert found() == [True, True, None]
    (own / "ops.py").write_text("VALUE = 2\n")
    assert found() == [False, True, None]
    (own / "ops.py").write_text("VALUE = 1\n")
    installed.write_text("VALUE = 2\n")
    assert found() == [True, False, None]
    (tmp_path / "other").symlink_to(own)
    assert taken.has_as_was(str(tmp_path / "other" / "ops.py"))
