"""From a run that has ended to its crate, and from a crate to a run of the same definition."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import orjson

from accio.content.digest import parse_digest
from accio.errors import BadRequest, FailedPrecondition
from accio.late import dataclass
from accio_client import fetching
from accio_client.crate import archive, contents
from accio_client.crate.contents import OPERATORS, OUTPUTS, RUN, WORKFLOW, Child
from accio_client.crate.data import Included, Named, include
from accio_client.crate.metadata import METADATA, Described, metadata
from accio_client.export.exporting import Options
from accio_client.export.selection import Selection, Share

if TYPE_CHECKING:
    from accio_client.client import AsyncClient
    from accio_client.export.files import Format
    from accio_client.views import RunView

_AGAIN = ("zip", "points", "sample", "union", "where")
"""What else than parameters says which points a run has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What was written."""

    run: str
    path: Path
    parts: tuple[str, ...]
    datasets: tuple[Included, ...] = ()


async def publish(
    client: AsyncClient,
    run: str,
    target: Path,
    *,
    license_: str = "",
    anonymous: bool = False,
    data: bool = False,
    force: bool = False,
) -> Published:
    """Write the crate of a single run or a sweep that has ended; FailedPrecondition if it hasn't.

    With *data* it holds the files of the datasets that its outputs name.
    """
    if target.suffix.lower() != ".zip":
        raise BadRequest(f"expected a file called NAME.zip, found {target.name or target}")
    details = await client.get_run(run, nodes=False)
    found = details.run
    if found.kind == "child":
        raise BadRequest(f"{run} is a child of {found.parent}: publish the sweep, whose crate has all of its children")
    if not found.ended:
        raise FailedPrecondition(f"run {found.id} is {found.state}: wait until it has ended (accio watch {found.id})")
    workflow = await client.get_workflow(f"{found.workflow_id}:{found.workflow_version}")
    definition = {**workflow.definition, "id": workflow.id}
    operators = contents.operators_document(await client.list_operators(), contents.operator_names(definition))
    with TemporaryDirectory(prefix="accio-crate-") as folder:
        place, named = Path(folder), Named()
        with (place / OUTPUTS).open("wb") as file:
            async for line in _outputs(client, found.id, named):
                file.write(contents.written(line))
        await _tables(client, found.id, place)
        _write(place / WORKFLOW, definition)
        _write(place / RUN, contents.run_definition(found, anonymous=anonymous))
        _write(place / OPERATORS, operators)
        parts = sorted(name for name in _names(place) if name != WORKFLOW)
        datasets = await include(client, named, place) if data else ()
        described = Described(
            run=found, workflow=workflow, parts=parts, license=license_, anonymous=anonymous, datasets=datasets
        )
        _write(place / METADATA, metadata(described))
        files, folders = _below(place)
        archive.write(target, files, folders=folders, force=force)
    return Published(run=found.id, path=target, parts=(METADATA, WORKFLOW, *parts), datasets=datasets)


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def _below(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Return the files by their names, and the names of folders, whatever their depth."""
    everything = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    files = {name: path for name, path in everything.items() if not path.is_dir()}
    return files, [f"{name}/" for name in everything if name not in files]


def _write(path: Path, document: Any) -> None:
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")


async def _tables(client: AsyncClient, run: str, place: Path) -> None:
    kinds: tuple[Format, ...] = ("csv", "parquet") if find_spec("pyarrow") else ("csv",)
    for kind in kinds:
        options = Options(folder=place, format=kind, artifacts=Selection(Share.ALL), wide=True)
        await client.export(run, options)


async def _outputs(client: AsyncClient, run: str, named: Named | None = None) -> AsyncGenerator[dict[str, Any]]:
    """Yield what each child gave, blobs read beforehand, since the lines of a chunk are made without waiting.

    *named* notes the datasets.
    """
    async for chunk in client.export_chunks([run], wide=True):
        digests = {blob.digest for node in chunk.nodes for blob in node.blobs}
        blobs = {digest: await fetching.read_verified(client, parse_digest(digest)) for digest in digests}
        for line in contents.outputs([chunk], blobs.__getitem__):
            if named is not None:
                named.note(chunk, line)
            yield line


# --- and back --------------------------------------------------------------------------------------------------------


async def submit_again(client: AsyncClient, crate: archive.Crate, *, sample: int | None, fresh: bool) -> RunView:
    """Store the crate's workflow, and submit its run, or with *sample* some of its points; *fresh* reuses no result.

    BadRequest if the crate isn't what was published.
    """
    damage = crate.damage()
    if damage:
        raise BadRequest(f"{crate.path} isn't as it was published: {'; '.join(damage[:3])}")
    pushed = await client.push(_read(crate, WORKFLOW))
    definition = _read(crate, RUN) | {"workflow": f"{pushed.workflow.id}:{pushed.workflow.version}"}
    if sample is not None:
        definition = sampled(definition, lines_of(crate), sample)
    return (await client.submit(definition, cache="none" if fresh else "use")).run


def _read(crate: archive.Crate, name: str) -> dict[str, Any]:
    with crate.open(name) as part:
        document: dict[str, Any] = orjson.loads(part.read())
    return document


def lines_of(crate: archive.Crate) -> Iterator[dict[str, Any]]:
    """Yield what was published of each child."""
    with crate.open(OUTPUTS) as part:
        for line in part:
            yield orjson.loads(line)


def sampled(definition: Mapping[str, Any], lines: Iterable[Mapping[str, Any]], count: int) -> dict[str, Any]:
    """Return the definition of *count* of the points, spread evenly over the sweep; equal points have equal seeds."""
    points = list({contents.child_of(line)[0]: dict(line["params"]) for line in lines}.values())
    if len(points) <= count or not any(points):
        return dict(definition)
    chosen = [points[(2 * place + 1) * len(points) // (2 * count)] for place in range(count)]
    kept = {name: value for name, value in definition.items() if name not in _AGAIN}
    params = {name: value for name, value in definition.get("params", {}).items() if name not in chosen[0]}
    return {**kept, "params": params, "points": chosen}


async def found_again(client: AsyncClient, run: str) -> dict[Child, Mapping[str, Any]]:
    """Return the outputs of each child of a run."""
    return {contents.child_of(line): line["outputs"] async for line in _outputs(client, run)}


async def other_operators(client: AsyncClient, crate: archive.Crate) -> list[str]:
    """Return the operators of which the daemon knows another version, or none."""
    with crate.open(OPERATORS) as part:
        published = {each["name"]: each["digest"] for each in orjson.loads(part.read())}
    known = {str(each.name): each.digest for each in await client.list_operators()}
    return [name for name, digest in published.items() if known.get(name) != digest]
