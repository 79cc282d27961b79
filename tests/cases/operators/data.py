"""Operators of the cases that read and write datasets."""

import shutil
from typing import NamedTuple

from accio import Dataset, OperatorContext, operator
from tests.cases.operators.ledger import note, outcome_of


class Data(NamedTuple):
    """One dataset."""

    data: Dataset


class Text(NamedTuple):
    """One text."""

    text: str


def _made(ctx: OperatorContext, number: int) -> Data:
    """Write a folder of one file that holds a number's digits."""
    folder = ctx.dataset()
    (folder / "value.txt").write_text(str(number), encoding="utf-8")
    return Data(folder)


def _copied(ctx: OperatorContext, data: Dataset) -> Dataset:
    folder = ctx.dataset()
    shutil.copytree(data.path, folder.path, dirs_exist_ok=True)
    return folder


@operator
def MakeData(ctx: OperatorContext, foo: int) -> Data:
    """Write a folder that holds one file, value.txt: the decimal digits of foo."""
    note("MakeData")
    return _made(ctx, foo)


@operator(deprecated="use MakeData instead")
def OldOp(ctx: OperatorContext, foo: int) -> Data:
    """As MakeData."""
    note("OldOp")
    return _made(ctx, foo)


@operator
def MixData(ctx: OperatorContext, dbl: float, data: Dataset, str: str = "dflt") -> Data:
    """Copy the folder data and add mix.txt: dbl and str on two lines."""
    note("MixData")
    folder = _copied(ctx, data)
    (folder / "mix.txt").write_text(f"{dbl}\n{str}\n", encoding="utf-8")
    return Data(folder)


@operator
def JoinData(ctx: OperatorContext, data1: Dataset, data2: Dataset) -> Data:
    """Write a folder with both inputs as sub-folders 1 and 2."""
    note("JoinData")
    folder = ctx.dataset()
    shutil.copytree(data1.path, folder / "1")
    shutil.copytree(data2.path, folder / "2")
    return Data(folder)


@operator
def CopyData(ctx: OperatorContext, data: Dataset) -> Data:
    """Copy the folder data."""
    note("CopyData")
    return Data(_copied(ctx, data))


@operator
def ReadData(data: Dataset) -> Text:
    """For each file of the folder, by name: name=content; joined by semicolons."""
    note("ReadData")
    files = sorted(path for path in data.path.rglob("*") if path.is_file())
    parts = (f"{path.relative_to(data.path).as_posix()}={path.read_text(encoding='utf-8')}" for path in files)
    return Text(";".join(parts))


@operator
def MakeFile(ctx: OperatorContext, bytes: int) -> Data:
    """Write a folder that holds one file of that many bytes; files of different sizes share no content."""
    note("MakeFile")
    folder = ctx.dataset()
    line = f"{bytes:015d}\n".encode()
    (folder / "file.bin").write_bytes((line * (bytes // len(line) + 1))[:bytes])
    return Data(folder)


@operator
def Step(ctx: OperatorContext, label: str, p1: Dataset | None, p2: Dataset | None, p3: Dataset | None) -> Data:
    """Wait until the test tells it to succeed or to fail; a success writes a folder that holds its label."""
    note("Step", label)
    if outcome_of(label) != "succeed":
        raise RuntimeError(f"{label} was told to fail")
    folder = ctx.dataset()
    (folder / "label.txt").write_text(label, encoding="utf-8")
    return Data(folder)
