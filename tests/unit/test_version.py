"""The version that daemon, agent and client tell."""

import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from accio import version as module
from accio.version import UNKNOWN, accio_version

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("distribution", ["installed", "checkout"])
def test_version_is_the_projects(monkeypatch: pytest.MonkeyPatch, distribution: str) -> None:
    """The version is pyproject's, also in a checkout whose distribution isn't installed."""
    accio_version.cache_clear()
    if distribution == "checkout":

        def not_installed(name: str) -> str:
            raise PackageNotFoundError(name)

        monkeypatch.setattr("importlib.metadata.version", not_installed)
    assert accio_version() == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    accio_version.cache_clear()


def test_files_without_a_project_have_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were copied from somewhere say that their version is unknown."""
    accio_version.cache_clear()
    monkeypatch.setattr(module, "DISTRIBUTION", "nobody-installs-this")
    assert accio_version() == UNKNOWN
    accio_version.cache_clear()
