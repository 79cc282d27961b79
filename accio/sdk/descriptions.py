"""Descriptions of sources: made in a process of their own, so that a start needn't import what operators import, and
remembered by the content of the files that they rest on.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson

from accio.domain.failures import TEXT_LIMIT
from accio.domain.operators import OperatorSpec
from accio.domain.problems import ValueProblem
from accio.errors import BadRequest, InvalidDefinition
from accio.faults import place_of, signal_name
from accio.file_ends import end_of
from accio.interpreter import finding_modules_as_here
from accio.sdk.describe import Description, issues_of
from accio.sdk.digest import FORMAT, full_hash, with_environment
from accio.sdk.environments import contained, containers, functions
from accio.sdk.environments.contained import ImageNeed, Inner
from accio.sdk.environments.functions import Need
from accio.sdk.fingerprint import Fingerprint
from accio.sdk.installed import Installed
from accio.sdk.sources import Source

_RESULT, _SAID = "result.json", "stderr"
_DESCRIBE = "accio.sdk.describing"
_ANALYSIS = "5"
"""Another one wherever the analysis finds more: what was described before isn't used then."""
MOST_DESCRIPTIONS = 64
"""How many a cache keeps, the newest: each interpreter and each place of a file has its own."""


def describe_source(
    source: Source, cache: Path | None, contents: Path | None = None, *, within_s: float | None = None
) -> Description:
    """Return the description of a source from the cache, or make it in a process of its own.

    *contents* is a folder in which the contents of installed packages are remembered. Raises TimeoutError where making
    it would take longer than *within_s* seconds, as it may where an environment has to be made or a container started.
    """
    entry = None if cache is None else cache / f"{_key(source)[:32]}.json"
    known = None if entry is None else _read(entry)
    if known is not None and known.fingerprint.is_current(Installed(contents)):
        return known
    need, _ = functions.split(source.references)
    if need is not None and within_s is not None and (isinstance(need, ImageNeed) or not need.is_made):
        raise TimeoutError
    document = (
        _describe_elsewhere(source, contents, within_s) if need is None else _describe_within(need, source, within_s)
    )
    if entry is not None:
        _write(entry, document)
    return _description(document)


def _key(source: Source) -> str:
    return full_hash("\0".join((FORMAT, _ANALYSIS, sys.executable, source.distribution, *source.references)))


def _read(entry: Path) -> Description | None:
    """Read a cached description; None if there is none that can be read."""
    try:
        return _description(orjson.loads(entry.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ValueProblem):
        return None


def _write(entry: Path, document: dict[str, Any]) -> None:
    """Keep a description; a cache that can't be written is only slower."""
    with suppress(OSError):
        entry.parent.mkdir(parents=True, exist_ok=True)
        temporary = entry.with_suffix(f".{os.getpid()}")
        temporary.write_bytes(orjson.dumps(document))
        temporary.replace(entry)
        written = sorted(entry.parent.glob("*.json"), key=lambda each: each.stat().st_mtime_ns, reverse=True)
        for old in written[MOST_DESCRIPTIONS:]:
            old.unlink(missing_ok=True)


def _description(document: dict[str, Any]) -> Description:
    return Description(
        specs=tuple(OperatorSpec.from_json(spec) for spec in document["specs"]),
        fingerprint=Fingerprint.from_json(document["fingerprint"]),
    )


def _describe_within(need: Need, source: Source, within_s: float | None) -> dict[str, Any]:
    """Describe a source in the environment that its operators name."""
    functions.make_ready(need)
    if isinstance(need, ImageNeed):
        return _describe_in_image(need, source)
    place, files = need.place(), need.needs()
    document = _describe_elsewhere(source, None, within_s)
    if need.place() != place:
        raise BadRequest(f"the requirements {need.lock} changed while the operators of {source.distribution} were read")
    description = _description(document)
    specs = [with_environment(spec, need) for spec in description.specs]
    fingerprint = description.fingerprint.elsewhere(files, () if need.folder is None else need.sites())
    return {"specs": [spec.to_json() for spec in specs], "fingerprint": fingerprint.to_json()}


def _describe_in_image(need: ImageNeed, source: Source) -> dict[str, Any]:
    """Describe a source by the Python of the image that its operators name.

    Its fingerprint is of what the host has: the source, Accio, the pin of the image, which stands for all within it.
    """
    description = _description(_describe_elsewhere(source, None, within_s=None))
    specs = [with_environment(spec, need) for spec in description.specs]
    found, roots = description.fingerprint, _roots(source)
    fingerprint = found.elsewhere(need.needs(), (), lambda path: _on_host(path, roots))
    return {"specs": [spec.to_json() for spec in specs], "fingerprint": fingerprint.to_json()}


def _on_host(path: str, roots: Sequence[Path]) -> str | None:
    """Return a path of a container as the host has it; None for what the image has itself."""
    return contained.outside(path) or (path if contained.is_seen(Path(path), roots) else None)


def _roots(source: Source) -> list[Path]:
    """Return the folder of a file, with those of the packages that it is in."""
    folder = Path(source.distribution).parent
    while (folder / "__init__.py").is_file():
        folder = folder.parent
    return [folder]


def _command(source: Source, folder: Path, known: str) -> tuple[list[str], Mapping[str, str]]:
    """Return what describes a source, where its operators are loaded, into a folder; and its environment variables."""
    need, references = functions.split(source.references)
    arguments = (str(folder / _RESULT), known, source.distribution, *references)
    outer = finding_modules_as_here(os.environ)
    if not isinstance(need, ImageNeed):
        return functions.command(need, _DESCRIBE, "--end-with-input", *arguments), functions.variables(need, outer)
    inner = Inner(
        module=_DESCRIBE, arguments=arguments, folder=folder, home=folder, label=containers.label_of(folder),
        variables=outer, reads=_roots(source),
    )  # fmt: skip
    return contained.command(need, inner)


def _describe_elsewhere(source: Source, contents: Path | None, within_s: float | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="accio-") as folder:
        result = Path(folder) / _RESULT
        command, environment = _command(source, Path(folder), str(contents or ""))
        try:
            # Into a file: programs that operators start as they are imported may keep a pipe open for ever.
            with (Path(folder) / _SAID).open("wb") as words, _held_open() as end:
                done = subprocess.run(
                    command,
                    stdin=end,
                    stdout=subprocess.DEVNULL,
                    stderr=words,
                    check=False,
                    env=environment,
                    timeout=within_s,
                )
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
        if not result.is_file():
            said = end_of(Path(folder) / _SAID, TEXT_LIMIT).decode(errors="replace").strip()
            last = place_of(said) or said.rpartition("\n")[2]
            how = f"with exit code {done.returncode}" if done.returncode >= 0 else f"by {signal_name(-done.returncode)}"
            raise BadRequest(
                f"the operators of {source.distribution} can't be imported: the interpreter ended {how}"
                + (f" ({last})" if last else "")
            )
        document: dict[str, Any] = orjson.loads(result.read_bytes())
    if "issues" in document:
        raise InvalidDefinition(issues_of(document["issues"]))
    if "error" in document:
        raise BadRequest(document["error"])
    return document


@contextmanager
def _held_open() -> Iterator[int]:
    """Yield the end of a pipe to read from; nothing comes, and it is closed once this process leaves or ends."""
    end, held = os.pipe()
    try:
        yield end
    finally:
        os.close(end)
        os.close(held)
