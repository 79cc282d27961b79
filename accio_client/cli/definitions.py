"""Definitions named on the command line: files, workflows, and the values that replace what a file says."""

import json
import re
import shlex
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from functools import wraps
from glob import glob, has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from accio.domain.datatypes import DataType, Kind
from accio.domain.documents import parse_document
from accio.domain.runs import with_overrides
from accio.errors import BadRequest, InvalidDefinition, NotFound
from accio.late import dataclass
from accio_client.cli.pairs import given_parameters, parameters, tag_list, values_of_form
from accio_client.cli.session import Session
from accio_client.file_names import base_path, readable
from accio_client.point_files import number
from accio_client.settings import LARGEST_DEFINITION

if TYPE_CHECKING:
    from accio_client.views import CacheMode


_LISTED = re.compile(r"[^\s,]+(?:,[^\s,]+)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A definition's text, what to call it in messages, and the folder that its relative paths mean."""

    name: str
    text: bytes
    base_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What the command line says instead of the file; None where it says nothing."""

    params: tuple[str, ...] = ()
    name: str | None = None
    notes: str | None = None
    tags: str | None = None
    repeat: int | None = None
    until: str | None = None
    seed: str | None = None
    nice: bool | None = None
    files: tuple[str, ...] = ()
    zipped: tuple[str, ...] = ()
    points: str | None = None
    sample: str | None = None
    where: str | None = None
    optimize: Mapping[str, Any] | None = None  # said by options of its own

    def sweep(self) -> dict[str, Any]:
        """Return the keys of a run definition that say which points there are."""
        keys = {
            "zip": [tag_list(group) for group in self.zipped] or None,
            "points": None if self.points is None else str(Path(self.points).absolute()),
            "sample": None if self.sample is None else sample_of(self.sample),
            "where": self.where,
            "optimize": self.optimize,
        }
        return {key: value for key, value in keys.items() if value is not None}

    def repeated(self) -> int | dict[str, Any] | None:
        """Return the `repeat` of a run definition; BadRequest if it can't be read."""
        if self.until is None:
            return self.repeat
        output, colon, ci95 = self.until.rpartition(":")
        if not colon or not output or not ci95 or self.repeat is None:
            lacking = "" if self.repeat is not None else " with -repeat=N, the most repetitions of a point"
            raise BadRequest(f"expected -until=NODE/PORT:CI95{lacking}, such as Train/score:0.01, found {self.until!r}")
        return {"until": {"output": output, "ci95": ci95}, "max": self.repeat}


_OPTIONS = (
    click.option(
        "--files",
        multiple=True,
        metavar="NAME=PATTERN",
        help="A value for each file or folder that the pattern matches, as in -files 'reads=in/*.fq'.",
    ),
    click.option("--name", help="The run's name."),
    click.option("--notes", help="Notes about the run."),
    click.option("--tags", metavar="TAG,TAG...", help="Tags, instead of the file's."),
    click.option("--zip", "zipped", multiple=True, metavar="NAME,NAME...", help="Parameters whose values go together."),
    click.option("--points", metavar="FILE", help="A CSV or Parquet file with a row per point."),
    click.option(
        "--sample", metavar="METHOD:N", help="Draw N points: random, lhs or sobol, as in sobol:64 or lhs:100:seed=7."
    ),
    click.option("--where", metavar="CONDITION", help="Keep only points that meet it, such as 'alpha<1'."),
    click.option("--repeat", type=int, metavar="N", help="Repetitions of each combination of values."),
    click.option(
        "--until",
        metavar="OUTPUT:CI95",
        help="Repeat up to N times, until the 95 % interval is as narrow: Train/score:0.01, or :1% of the mean.",
    ),
    click.option("--seed", metavar="NUMBER", help="The seed that fixes every result."),
    click.option("--nice/--no-nice", default=None, help="Stand behind all runs that aren't nice, of whomever."),
    click.option("--cache/--no-cache", default=True, help="Whether to take and keep memoized results."),
    click.option("--refresh/--no-refresh", default=False, help="Execute everything, and keep the new results."),
)


def run_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options that say what a run is, and how it uses the memo: `overrides` and `mode` of the command."""

    @wraps(command)
    def gathered(session: Session, *, cache: bool, refresh: bool, **options: Any) -> int:
        if refresh and not cache:
            raise click.UsageError(
                "-nocache and -refresh exclude each other: one keeps nothing, the other keeps the new results"
            )
        overrides = Overrides(
            **{each.name: options.pop(each.name) for each in fields(Overrides) if each.name in options}
        )
        mode: CacheMode = "refresh" if refresh else "use" if cache else "none"
        return command(session, overrides=overrides, mode=mode, **options)

    for option in reversed(_OPTIONS):
        gathered = option(gathered)
    return gathered


def sample_of(text: str) -> dict[str, Any]:
    """Return the `sample` of a run definition that METHOD:N or METHOD:N:seed=NUMBER means."""
    method, *rest = (part.strip() for part in text.split(":"))
    count, seed = rest[0] if rest else "", rest[1].removeprefix("seed=") if len(rest) > 1 else None
    number = (seed or "0").removeprefix("-")
    if not method or len(rest) > 2 or not (count.isascii() and count.isdigit()) or not number.isdigit():
        raise BadRequest(f"expected -sample=METHOD:N or METHOD:N:seed=NUMBER, such as lhs:100, found {text!r}")
    return {"method": method, "n": int(count)} | ({} if seed is None else {"seed": int(seed)})


def read_file(name: str) -> Source:
    """Return the file *name*; NotFound if there is none, and other errors that name it."""
    path, name = Path(name), readable(name)
    try:
        if path.is_dir():
            raise BadRequest(f"{name}: expected a JSON file, found a folder")
        with path.open("rb") as file:
            text = file.read(LARGEST_DEFINITION + 1)  # no more: it may be a device without an end
        if len(text) > LARGEST_DEFINITION:
            raise BadRequest(f"{name}: expected at most {LARGEST_DEFINITION} bytes, found more")
    except FileNotFoundError:
        raise NotFound(f"{name}: no such file") from None
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise BadRequest(f"{name}: can't be read: {reason}") from None
    return Source(name=name, text=text, base_path=base_path(str(path.absolute().parent)))


def means_file(argument: str) -> bool:
    """Return whether *argument* names a file rather than a workflow: it is there, or looks like a path."""
    return "/" in argument or argument.lower().endswith(".json") or Path(argument).is_file()


class Readings(NamedTuple):
    """How the texts of a workflow's parameters are read: by their types, and by the words that there are, if listed."""

    types: Mapping[str, DataType]
    words: Mapping[str, Collection[str]]


Reader = Callable[[str], Readings]
"""How parameters of a workflow (id or id:version) are read; nothing about any if it can't be told."""


def submission(argument: str | Mapping[str, Any], overrides: Overrides, reader: Reader) -> Source:
    """Return the run definition that `accio submit ARGUMENT …` means; what is wrong with it, the daemon says.

    *argument* is a definition where a run was named that it makes again. *reader* is asked only if a value may be a
    short form of a sweep.
    """
    if isinstance(argument, Mapping):
        source, document = Source(name="", text=b"", base_path=base_path(str(Path.cwd()))), dict(argument)
    elif means_file(argument):
        source = read_file(argument)
        if overrides == Overrides():
            return source
        try:
            document = parse_document(source.text)
        except InvalidDefinition:
            return source  # the daemon tells everything that is wrong with it
    else:
        source, document = Source(name="", text=b"", base_path=base_path(str(Path.cwd()))), {"workflow": argument}
    params = [*given_parameters(overrides.params), *_matching(overrides.files, source.base_path)]
    workflow = document.get("workflow")
    short = isinstance(workflow, str) and any(text is not None and _may_be_short(text) for _, text in params)
    points = overrides.sweep()
    if overrides.optimize is not None and isinstance(stored := document.get("optimize"), Mapping):
        points["optimize"] = {**stored, **overrides.optimize}
    readings = reader(workflow) if short and isinstance(workflow, str) else Readings({}, {})
    changed = with_overrides(
        document,
        params=params,
        name=overrides.name,
        notes=overrides.notes,
        tags=None if overrides.tags is None else tag_list(overrides.tags),
        repeat=overrides.repeated(),
        nice=overrides.nice,
        types=readings.types,
        words=readings.words,
        sweep=points,
    )
    if overrides.seed is not None:
        changed["seed"] = overrides.seed
    text = json.dumps(changed, ensure_ascii=False, default=number).encode()
    return Source(name=source.name, text=text, base_path=source.base_path)


def _matching(patterns: tuple[str, ...], base: str) -> list[tuple[str, str]]:
    """Return a value for each file that a NAME=PATTERN of a shell matches here, in the order of their names; they are
    named in full where relative paths mean another folder than this one.
    """
    here = base == base_path(str(Path.cwd()))
    pairs = []
    for name, pattern in parameters(patterns):
        found = sorted(glob(pattern, recursive=True))  # noqa: PTH207 - it may begin anywhere, as in a shell
        if not found:
            raise NotFound(f"-files: no file or folder matches {pattern!r}, for parameter {name}")
        pairs += [(name, path if here else str(Path(path).absolute())) for path in found]
    return pairs


def patterns_of_files(overrides: Overrides, readings: Readings) -> list[str]:
    """Return remarks on datasets that aren't there and would match some as patterns: `reads=in/*.fq`."""
    return [
        f"{text!r} names one file or folder; for a value for each that matches write -files {shlex.quote(given)}"
        for given, (name, text) in zip(overrides.params, given_parameters(overrides.params), strict=True)
        if name in readings.types
        and readings.types[name].kind is Kind.DATASET
        and text is not None
        and has_magic(text)
        and not Path(text).exists()
        and glob(text, recursive=True)  # noqa: PTH207 - as above
    ]


def texts_with_commas(overrides: Overrides, readings: Readings) -> list[str]:
    """Return remarks on values that look like lists, and are one text each: `word=AC,GG`."""
    given = given_parameters(overrides.params)
    names = [name for name, _ in given]
    remarks = []
    for name, text in given:
        datatype = readings.types.get(name)
        is_text = datatype is not None and datatype.kind is Kind.STRING and not readings.words.get(name)
        if text is None or not is_text or names.count(name) > 1 or not _LISTED.fullmatch(text):
            continue
        remarks.append(f"{name} is a string, {text} is one value of it; {_instead_of(name, text)}")
    return remarks


def _instead_of(name: str, text: str) -> str:
    """Say how to write what a text with commas may have been meant as."""
    if text[0] == text[-1] and text[0] in "\"'":
        return f"its quotation marks belong to it: without them write {shlex.quote(f'{name}={text[1:-1]}')}"
    pieces = values_of_form(text) or text.split(",")
    several = " ".join(f"{name}={shlex.quote(piece)}" for piece in pieces[:2]) + (" …" if len(pieces) > 2 else "")
    return f"for {len(pieces)} values write {several}"


def _may_be_short(text: str) -> bool:
    return "," in text or ".." in text or text.lstrip().startswith("{") or has_magic(text)
