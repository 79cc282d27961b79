"""Writes packages of operators to disk and asks for their digests, as tests need it."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import orjson

from accio.domain.operators import OperatorSpec
from accio.sdk.digest import OperatorDigest, Subject, operator_digest
from accio.sdk.library import Library
from accio.sdk.modules import ModuleFinder

ROOT = Path(__file__).resolve().parents[3]
OPS = "from accio import operator\n{imports}\n@operator\ndef Op(x: int) -> int:\n    {body}\n"


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write files by their relative paths."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def digest_of(
    module: str,
    name: str,
    *,
    version: str | None = None,
    files: tuple[str, ...] = (),
    folder: Path | None = None,
    also: tuple[str, ...] = (),
) -> OperatorDigest:
    """Analyse the function *name* of a module that can be found on sys.path, without importing it."""
    library = Library(ModuleFinder(frozenset()))
    subject = Subject(
        name="Op",
        roots=((module, name),),
        ports="",
        takes_randomness=False,
        version=version,
        files=files,
        folder=folder or Path(),
    )
    return operator_digest(subject, library, also)


def described(folder: Path, *references: str, **variables: str) -> dict[str, OperatorSpec]:
    """Describe operators in a fresh interpreter, with *folder* on its path, and these environment variables."""
    path = f"{variables.pop('PYTHONPATH', str(folder))}:{ROOT}"
    result = folder / "described.json"
    done = subprocess.run(
        [sys.executable, "-P", "-m", "accio.sdk.describing", str(result), "", "test", *references],
        env={"PATH": "/usr/bin:/bin", **variables, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""
    document = orjson.loads(result.read_bytes())
    result.unlink()
    specs = [OperatorSpec.from_json(spec) for spec in document["specs"]]
    return {spec.name: spec for spec in specs}
