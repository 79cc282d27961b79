"""Which folders and files, besides the operators', hold code that counts as theirs."""

import json
import sys
from pathlib import Path

import pytest

from accio_agent.worker.restoring.own_places import own_places


class Site:
    """A folder of installed packages on the module path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "site-packages"
        self.folder.mkdir()

    def install(self, name: str, *files: str, origin: object = None, installer: str = "pip") -> None:
        notes = self.folder / f"{name}-1.0.dist-info"
        notes.mkdir()
        for file in files:
            path = self.folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
        lines = [f"{file},sha256=x,0\n" for file in files]
        (notes / "RECORD").write_text("".join([*lines, f"{notes.name}/RECORD,,\n", "../../bin/tool.py,,\n"]))
        (notes / "INSTALLER").write_text(f"{installer}\n")
        if origin is not None:
            (notes / "direct_url.json").write_text(json.dumps(origin))

    def places(self, *sources: str) -> set[str]:
        found = own_places([self.folder / source for source in sources])
        return {place.removeprefix(f"{self.folder}/") for place in found}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    found = Site(tmp_path)
    monkeypatch.setattr(sys, "path", [str(found.folder)])
    return found


def test_what_an_index_delivered_is_not_own(site: Site) -> None:
    """Packages that were installed by their names aren't the operators' own."""
    site.install("numbers", "numbers/__init__.py")
    assert site.places() == set()


def test_all_of_a_distribution_that_declares_operators_is_own(site: Site) -> None:
    """Other packages, modules and parts of name spaces of the same distribution count as own."""
    site.install("lab", "ops/__init__.py", "core/__init__.py", "core/deep/a.py", "single.py", "space/part/b.py")
    site.install("other", "space/other.py")
    assert site.places("ops/__init__.py") == {"ops/", "core/", "single.py", "space/part/b.py"}


@pytest.mark.parametrize(
    "origin",
    [
        {"url": "file:///srv/me/tools", "dir_info": {}},
        {"url": "https://example.org/tools.git", "vcs_info": {"vcs": "git", "commit_id": "1"}},
        {"url": "file:///tmp/tools-1.0-py3-none-any.whl", "archive_info": {}},
    ],
)
def test_what_came_from_elsewhere_is_own(site: Site, origin: object) -> None:
    """Packages that were installed from a folder, a repository or a file count as own."""
    site.install("tools", "tools/__init__.py", origin=origin)
    assert site.places() == {"tools/"}


def test_the_source_of_an_editable_install_is_own(site: Site) -> None:
    """The folder counts in which an editable install has its source."""
    site.install("tools", origin={"url": "file:///srv/me/my%20tools", "dir_info": {"editable": True}})
    assert site.places() == {"/srv/me/my tools/"}


def test_where_conda_built_something_says_nothing(site: Site) -> None:
    """Packages of conda tell the folder in which they were built."""
    site.install("numbers", "numbers/__init__.py", origin={"url": "file:///build/work"}, installer="conda")
    assert site.places() == set()


def test_folders_on_the_module_path_are_own(site: Site, tmp_path: Path) -> None:
    """A folder that nobody has installed counts, Python's own and Accio's don't."""
    (tmp_path / "mine").mkdir()
    standard = [entry for entry in sys.path if entry.endswith(f"python3.{sys.version_info.minor}")]
    sys.path += [str(tmp_path / "mine"), *standard, str(Path(__file__).resolve().parents[3])]
    assert site.places() == {f"{tmp_path / 'mine'}/"}
