"""How a process finds out that it sees the same folder as another one: it reads there what the other one wrote.

A path alone says nothing, as two machines may have different folders under one path. The text is random and new at
every start of the store's owner, so that a copy of the folder isn't taken for the folder.
"""

# ruff: noqa: PTH123 - the file is opened by a descriptor, in order not to follow a link

import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from accio.content.errors import StoreUnusable

NONCE_FILE = "nonce"
OWNER_FILE = "owner"
_LONGEST = 256


def publish_nonce(folder: Path) -> str:
    """Write a new random text into the folder, in place of an earlier one, and return it; raises StoreUnusable."""
    nonce = secrets.token_hex(16)
    draft = folder / f"{NONCE_FILE}-{secrets.token_hex(4)}"
    try:
        draft.write_text(nonce)
        draft.replace(folder / NONCE_FILE)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise StoreUnusable(f"can't write to the store's folder {folder}: {(error.strerror or '').lower()}") from error
    return nonce


def shares_folder(folder: Path, nonce: str) -> bool:
    """Return whether this process sees the folder in which *nonce* was published. Anything that goes wrong means no."""
    try:
        found = _published(str(folder / NONCE_FILE))
    except OSError:
        return False
    return bool(nonce) and hmac.compare_digest(found, nonce.encode())


def is_in_place(folder: Path, fd: int) -> bool:
    """Return whether what stands at the path is still the folder that is open."""
    try:
        there, here = folder.stat(), os.fstat(fd)
    except OSError:
        return False
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


def is_copied(folder: Path, fd: int) -> bool:
    """Return whether what stands at the path says that it is the folder that is open, as once that was mounted anew or
    put back from a copy of it since its owner started.
    """
    try:
        return _published(str(folder / NONCE_FILE)) == _published(NONCE_FILE, fd)
    except OSError:
        return False


def _published(file: str, folder_fd: int | None = None) -> bytes:
    """Return the text that was published last in a folder; raises OSError."""
    fd = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder_fd)
    with open(fd, "rb") as opened:
        return opened.read(_LONGEST)


def claim_folder(folder: Path, owner: str) -> None:
    """Note who alone deletes in the folder; raises StoreUnusable if that is another one already."""
    draft = folder / f"{OWNER_FILE}-{secrets.token_hex(4)}"
    try:
        draft.write_text(owner)
        with suppress(FileExistsError):
            os.link(draft, folder / OWNER_FILE)  # at once and as a whole, also where nothing can be locked
        draft.unlink()
        found = (folder / OWNER_FILE).read_text(errors="replace").strip()
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise StoreUnusable(f"can't write to the store's folder {folder}: {(error.strerror or '').lower()}") from error
    if found != owner:
        raise StoreUnusable(
            f"the store in {folder} is another daemon's, which alone deletes there: use another folder; if that daemon "
            f"is gone for good, remove {folder / OWNER_FILE}"
        )
