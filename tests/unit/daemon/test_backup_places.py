"""Where backups may go."""

from pathlib import Path

import pytest

from accio.errors import BadRequest, PermissionDenied
from accio_daemon.storage.upkeep.backup import place_of


@pytest.fixture
def allowed(tmp_path: Path) -> tuple[Path, Path]:
    """The daemon's own folder, which isn't there yet, and another one."""
    (tmp_path / "elsewhere" / "monthly").mkdir(parents=True)
    return tmp_path / "own", tmp_path / "elsewhere"


def test_a_name_goes_into_the_daemons_own_folder(allowed: tuple[Path, Path]) -> None:
    """The folder is made if need be."""
    assert place_of("night.db", allowed) == allowed[0] / "night.db"
    assert allowed[0].is_dir()


def test_a_path_into_the_daemons_own_folder_finds_it(allowed: tuple[Path, Path]) -> None:
    """The first backup may name the folder as refusals do, though no backup has made it yet."""
    assert place_of(str(allowed[0] / "night.db"), allowed) == allowed[0] / "night.db"
    assert allowed[0].is_dir()


def test_a_path_goes_below_what_is_allowed(allowed: tuple[Path, Path]) -> None:
    """A path may lie in an allowed folder, or anywhere below it."""
    for path in (allowed[1] / "night.db", allowed[1] / "monthly" / "night.db"):
        assert place_of(str(path), allowed) == path


def test_nothing_goes_elsewhere(allowed: tuple[Path, Path], tmp_path: Path) -> None:
    """Neither dots nor links lead out of the allowed folders; the message names them and the option."""
    (allowed[1] / "link").symlink_to(tmp_path)
    outside = ("/etc/cron.d/x", f"{allowed[1]}x/y", f"{allowed[1]}/../y", f"{allowed[1]}/link/y", f"{tmp_path}/y")
    for path in outside:
        with pytest.raises(PermissionDenied, match=rf"{allowed[1]}.*--backups"):
            place_of(path, allowed)


@pytest.mark.parametrize("named", ["", ".", "..", "/", "a/b", "../a", "/elsewhere/..", "a\0b"])
def test_what_is_no_place(allowed: tuple[Path, Path], named: str) -> None:
    """A name or an absolute path is expected."""
    with pytest.raises(BadRequest, match="expected"):
        place_of(named, allowed)
