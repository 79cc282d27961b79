"""Whether two processes see the same folder."""

from pathlib import Path

import pytest

from accio.content.errors import StoreUnusable
from accio.content.sharing import publish_nonce, shares_folder


def test_who_reads_the_same_shares_the_folder(tmp_path: Path) -> None:
    """The folder that the text was written to is shared, also by another name; no other one is."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "link").symlink_to("a")
    nonce = publish_nonce(tmp_path / "a")
    publish_nonce(tmp_path / "b")
    assert shares_folder(tmp_path / "a", nonce)
    assert shares_folder(tmp_path / "link", nonce)
    assert not shares_folder(tmp_path / "b", nonce)
    assert not shares_folder(tmp_path / "gone", nonce)


def test_each_start_has_a_new_text(tmp_path: Path) -> None:
    """A new text replaces the old one, which a copy of the folder may still have."""
    first = publish_nonce(tmp_path)
    second = publish_nonce(tmp_path)
    assert first != second
    assert not shares_folder(tmp_path, first)
    assert shares_folder(tmp_path, second)
    assert [place.name for place in tmp_path.iterdir()] == ["nonce"]


def test_nothing_is_not_shared(tmp_path: Path) -> None:
    """An empty text proves nothing, nor does a link planted in the file's place."""
    (tmp_path / "nonce").write_bytes(b"")
    assert not shares_folder(tmp_path, "")
    (tmp_path / "elsewhere").write_text("abc")
    (tmp_path / "nonce").unlink()
    (tmp_path / "nonce").symlink_to("elsewhere")
    assert not shares_folder(tmp_path, "abc")


def test_a_folder_that_can_not_be_written(tmp_path: Path) -> None:
    """A folder that isn't there is an error that names it."""
    with pytest.raises(StoreUnusable, match=f"can't write to the store's folder {tmp_path}/gone"):
        publish_nonce(tmp_path / "gone")
