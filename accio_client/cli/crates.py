"""`accio publish`, `accio replay`: runs as files that others can check and run again."""

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from accio.domain.sizes import size
from accio.exits import NOT_SUCCESS, SUCCESS
from accio_client.cli.output import out, table
from accio_client.cli.session import Session, accio_command
from accio_client.cli.text import printable
from accio_client.documents import document

if TYPE_CHECKING:
    from accio_client.client import AsyncClient
    from accio_client.crate.publishing import Published
    from accio_client.crate.replaying import Verdict
    from accio_client.views import RunView

_LONGEST = 60


@accio_command
@click.argument("run", metavar="RUN")
@click.option("--out", "target", metavar="FILE.zip", required=True, help="Where to write.")
@click.option("--license", "license_", metavar="URL", default="", help="Under which licence it may be used.")
@click.option("--anonymous/--no-anonymous", default=False, help="Leave out the owner and the notes.")
@click.option(
    "--data",
    type=click.Choice(["digest", "include"]),
    default="digest",
    help="Of datasets their digests, or their files too; digests by default.",
)
@click.option("--force/--no-force", default=False, help="Replace a file that is there.")
def publish(session: Session, *, run: str, target: str, license_: str, anonymous: bool, data: str, force: bool) -> None:
    """Write a run that has ended as a research object (RO-Crate): definition, operators' digests, results.

    The same run gives the same bytes. `accio replay` runs it again and says what agrees.
    """
    from accio_client.crate.publishing import publish as write

    async def work(client: "AsyncClient") -> "Published":
        return await write(
            client,
            run,
            Path(target),
            license_=license_,
            anonymous=anonymous,
            data=data == "include",
            force=force,
        )

    done = asyncio.run(_connected(session, work))
    datasets = [{"digest": each.digest, "files": each.files, "bytes": each.bytes} for each in done.datasets]
    content = document({"run": done.run, "path": str(done.path), "parts": list(done.parts), "datasets": datasets})
    session.answer(content, [str(done.path)], lambda: out(printable(_published(done))))


@accio_command
@click.argument("crate", metavar="FILE.zip")
@click.option("--verify/--no-verify", default=False, help="Reuse no result, wait, and compare every output; exit 3.")
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="Run N of its points only.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    metavar="SHARE",
    default=0.0,
    help="By how much numbers may differ and still agree, as in 1e-9; by nothing by default.",
)
def replay(session: Session, *, crate: str, verify: bool, sample: int | None, tolerance: float) -> int:
    """Run again what `accio publish` wrote, after a look whether the file is as it was written.

    With -verify each output is identical, within the tolerance, differs or is missing; exit 3 if any differs or is
    missing.
    """
    from accio_client.cli.watching import follow_each
    from accio_client.crate import contents, publishing, replaying
    from accio_client.crate.archive import Crate

    async def work(client: "AsyncClient") -> "tuple[RunView, list[str], Verdict | None]":
        run = await publishing.submit_again(client, opened, sample=sample, fresh=verify)
        others = await publishing.other_operators(client, opened)
        if not verify:
            return run, others, None
        session.say(
            f"run {run.id} of {opened.path} begins" + (f" with {run.children:,} children" if run.children else "")
        )
        (ended,) = await follow_each(session, client, [run.id])
        found = await publishing.found_again(client, run.id)
        published = publishing.lines_of(opened)
        if sample is not None:
            points = {child for child, _ in found}
            published = (line for line in published if contents.child_of(line)[0] in points)
        return ended, others, replaying.compare(published, found, tolerance=tolerance)

    with Crate(Path(crate)) as opened:
        run, others, verdict = asyncio.run(_connected(session, work))
    session.answer(document(_document(run, others, verdict)), [run.id], partial(_print, run, others, verdict))
    return SUCCESS if verdict is None or verdict.agrees else NOT_SUCCESS


def _published(done: "Published") -> str:
    told = f"{done.path}: {', '.join(done.parts)}"
    if not done.datasets:
        return told
    files, length = (sum(each.files for each in done.datasets), sum(each.bytes for each in done.datasets))
    several = "dataset" if len(done.datasets) == 1 else "datasets"
    return f"{told}, {len(done.datasets):,} {several} ({files:,} {'file' if files == 1 else 'files'}, {size(length)})"


async def _connected(session: Session, work: Any) -> Any:
    from accio_client.client import AsyncClient

    async with AsyncClient(session.addr, cluster=session.cluster) as client:
        return await work(client)


def _document(run: "RunView", others: list[str], verdict: "Verdict | None") -> dict[str, Any]:
    content: dict[str, Any] = {"run": run.id, "state": run.state.value, "other_operators": others}
    if verdict is None:
        return content | {"agrees": None, "outputs": []}
    from accio_client.crate.replaying import Agreement

    outputs = [
        {"name": name, **{str(each): counts[each] for each in Agreement}} for name, counts in verdict.counts.items()
    ]
    return content | {"agrees": verdict.agrees, "outputs": outputs}


def _print(run: "RunView", others: list[str], verdict: "Verdict | None") -> None:
    if others:
        out(printable(f"other versions of operators than were published: {', '.join(others)}"))
    if verdict is None:
        out(run.id)
        return
    from accio_client.crate.replaying import Agreement

    if not verdict.counts:
        out(f"run {run.id}: no output was published that could agree")
        return
    table(
        ["output", *map(str, Agreement)],
        [[name, *(f"{counts[each]:,}" for each in Agreement)] for name, counts in verdict.counts.items()],
    )
    for name, example in verdict.examples.items():
        where = ", ".join(f"{param}={value}" for param, value in example.params.items())
        at = f"{where}{', ' if where else ''}repeat {example.repeat}"
        now = "nothing" if example.found is None else _short(example.found)
        out(printable(f"{name} at {at}: published {_short(example.published)}, found {now}"))
    wrong = verdict.total(Agreement.DIFFERS) + verdict.total(Agreement.MISSING)
    count = sum(verdict.total(each) for each in Agreement)
    out(
        f"run {run.id}: " + (f"{wrong:,} of {count:,} outputs don't agree" if wrong else f"all {count:,} outputs agree")
    )


def _short(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
