"""Outputs of nodes into files: datasets as the files and folders that they are, every other value as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import orjson

from accio.content.digest import Digest, Hasher, parse_digest
from accio.content.errors import DigestMismatch
from accio.content.manifest import decode
from accio.content.target import DatasetTarget
from accio.domain.datatypes import DATASET, parse_type
from accio.domain.named_content import content_of, name_in
from accio.errors import AlreadyExists, FailedPrecondition, NotFound
from accio_client.file_names import file_name
from accio_client.from_wire.values import user_value

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from accio.content.manifest import Manifest
    from accio_client.views import ArtifactView, NodeDetailsView


class Source(Protocol):
    """What outputs are fetched with: a client."""

    async def get_node(self, run: str, node: str) -> NodeDetailsView:
        """Return a node with its outputs."""
        ...

    def read_blob(self, digest: str) -> AsyncGenerator[bytes]:
        """Yield the bytes of a stored blob in pieces; nothing is verified."""
        ...


async def artifact(client: Source, run: str, node: str, port: str) -> ArtifactView:
    """Return the output *port* of a node, with its value also where that is a blob; NotFound if there is none."""
    details = await client.get_node(run, node)
    for found in details.artifacts:
        if found.port == port:
            return found
    if not details.artifacts:
        raise FailedPrecondition(f"{run}/{node} has no outputs: it is {details.node.state.value}")
    known = ", ".join(each.port for each in details.artifacts)
    raise NotFound(f"{run}/{node} has no output {port!r}; it has: {known}")


def file_of(found: ArtifactView, node: str) -> str:
    """Return how the file or folder is to be called that an output of *node* is written to.

    A file with a name keeps it, unless that would hide it.
    """
    unnamed = file_name(f"{node}-{found.port}")
    if found.type != "dataset":
        return f"{unnamed}.json"
    text = str(found.value)
    name = "" if content_of(text) is None else name_in(text)
    return unnamed + name if not name or name.startswith(".") else name


async def fetch(client: Source, found: ArtifactView, target: Path) -> int:
    """Write an output to *target*, where nothing may stand yet; it appears whole or not at all. Returns its bytes.

    Every blob is verified against its digest while it is written.
    """
    _make_folder(target.parent)
    if parse_type(found.type) == DATASET:
        digest = parse_digest(content_of(str(found.value)) or str(found.value))
        return await fetch_content(client, decode(await read_verified(client, digest)), target)
    canonical = found.canonical
    if found.blob is not None:
        canonical = (await read_verified(client, parse_digest(found.blob))).decode()
    return _write(target, orjson.dumps(user_value(found.type, canonical), option=orjson.OPT_INDENT_2) + b"\n")


async def read_verified(client: Source, digest: Digest) -> bytes:
    """Return a blob in memory; DigestMismatch if it isn't what its name says."""
    hasher, pieces = Hasher(), []
    async for piece in client.read_blob(digest):
        hasher.update(piece)
        pieces.append(piece)
    if hasher.digest() != digest:
        raise DigestMismatch(digest, hasher.digest())
    return b"".join(pieces)


async def fetch_content(client: Source, manifest: Manifest, target: Path) -> int:
    """Write the content of a dataset to *target*, as `fetch` does."""
    with DatasetTarget(target, manifest, writable=True) as place:
        for entry in manifest.files:
            with place.receive(entry) as file:
                async for piece in client.read_blob(entry.digest):
                    file.write(piece)
        place.commit()
    return manifest.size


def _make_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)


def _write(target: Path, data: bytes) -> int:
    draft = target.with_name(f".{target.name}.part")
    if target.exists():
        raise AlreadyExists(f"there is something at {target} already: remove it, or choose another place")
    try:
        draft.write_bytes(data)
        draft.rename(target)
    finally:
        draft.unlink(missing_ok=True)
    return len(data)
