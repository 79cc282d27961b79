"""The content of datasets in a crate: `data/HEX/` holds the files of the dataset `blake3:HEX`, once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from accio.content.digest import hex_of, parse_digest
from accio.content.manifest import Manifest, Shape, decode
from accio.domain.named_content import content_of, name_in
from accio.errors import FailedPrecondition, NotFound
from accio.late import dataclass
from accio_client import fetching

if TYPE_CHECKING:
    from pathlib import Path

    from accio.v1 import accio_pb2

DATA = "data"
_UNNAMED = "content"
"""How the file of a dataset is called that is a file without a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Included:
    """A dataset whose files are parts of the crate."""

    digest: str
    files: int
    bytes: int

    @property
    def folder(self) -> str:
        """Its folder in the crate, with a slash at the end."""
        return f"{DATA}/{hex_of(parse_digest(self.digest))}/"


class Named:
    """The datasets that lines of outputs name: digests, each with the name of its file where it has one."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def note(self, chunk: accio_pb2.ExportChunk, line: Mapping[str, Any]) -> None:
        """Note those of a child, which *chunk* tells of."""
        outputs = {f"{node.node}/{each.name}": each.type for node in chunk.nodes for each in node.outputs}
        params = {each.name: each.type for each in chunk.run.params}
        for types, values in ((params, line["params"]), (outputs, line["outputs"])):
            for name, value in values.items():
                if "dataset" in types.get(name, ""):
                    for text in _texts(value):
                        if (digest := content_of(text)) is not None:
                            self.found.setdefault(digest, name_in(text))


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts in a value, and in the lists and maps inside it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for member in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(member)


async def include(client: fetching.Source, named: Named, place: Path) -> tuple[Included, ...]:
    """Write the datasets below *place*, each verified; FailedPrecondition if one isn't in the store any more."""
    return tuple([await _include(client, digest, named.found[digest], place) for digest in sorted(named.found)])


async def _include(client: fetching.Source, digest: str, name: str, place: Path) -> Included:
    try:
        manifest = decode(await fetching.read_verified(client, parse_digest(digest)))
        made = Included(digest=digest, files=len(manifest.files), bytes=manifest.size)
        _require_names(digest, name, manifest)
        folder = place / made.folder
        folder.parent.mkdir(exist_ok=True)
        if manifest.shape is Shape.FILE:
            folder.mkdir()
        await fetching.fetch_content(client, manifest, folder / (name or _UNNAMED) if folder.exists() else folder)
    except NotFound as error:
        raise FailedPrecondition(
            f"the content of {digest} can't be included: {error}; without -data=include the crate has its digest"
        ) from None
    return made


def _require_names(digest: str, name: str, manifest: Manifest) -> None:
    """Refuse names that don't stand in a ZIP, or in a list of digests, as they are."""
    for each in (name, *(file.path for file in manifest.files), *manifest.empty_folders):
        if each and (not each.isprintable() or "\\" in each):
            raise FailedPrecondition(
                f"{digest} can't be included: expected names of files that a ZIP can hold, found {each[:100]!r}"
            )


def described(datasets: Iterable[Included]) -> list[dict[str, Any]]:
    """Return the entities that describe datasets in the crate's metadata."""
    return [
        {
            "@id": each.folder,
            "@type": "Dataset",
            "name": f"Dataset {each.digest}",
            "description": f"{each.files:,} {'file' if each.files == 1 else 'files'}, {each.bytes:,} bytes",
            "identifier": each.digest,
        }
        for each in datasets
    ]
