"""Datasets at addresses such as s3://bucket/key: fetched through fsspec, where that is installed."""

import hashlib
import posixpath
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

from accio.domain.named_content import is_name
from accio.errors import AccioError, FailedPrecondition

_ARTIFACT = "accio:"


def is_remote(text: str) -> bool:
    """Return whether a dataset's text is an address and no path."""
    return "://" in text


def name_of(text: str) -> str:
    """Return how a path or an address calls what it leads to."""
    if text.startswith(_ARTIFACT):
        return ""
    return unquote(posixpath.basename(urlsplit(text).path)) if is_remote(text) else posixpath.basename(text.rstrip("/"))


def local_copy(text: str, folder: Path) -> Path:
    """Return a path of this machine with the content of an address, fetched anew; FailedPrecondition if that fails."""
    parts = urlsplit(text)
    if parts.scheme == "file":
        if parts.netloc not in {"", "localhost"}:
            raise FailedPrecondition(
                f"staging: {text} names the machine {parts.netloc!r}; a file of this one is file:///…"
            )
        return Path(unquote(parts.path))
    try:
        import fsspec
    except ImportError:
        raise FailedPrecondition(
            f"staging: {text} needs the Python package fsspec (and the one for {parts.scheme}://) on the agent"
        ) from None
    around = folder / "datasets" / f"remote-{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"
    name = name_of(text)
    target = around / "content" / (name if is_name(name) else "data")
    draft = around / "draft"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for old in (draft, target):
            if old.is_dir():
                shutil.rmtree(old)
            else:
                old.unlink(missing_ok=True)
        system, path = fsspec.core.url_to_fs(text)
        system.get(path, str(draft), recursive=system.isdir(path))
        draft.rename(target)
    except AccioError:
        raise
    except Exception as error:  # noqa: BLE001 - each file system of fsspec has errors of its own
        raise FailedPrecondition(f"staging: can't fetch {text}: {type(error).__name__}: {error}") from None
    return target
