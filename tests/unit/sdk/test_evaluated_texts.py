"""Digests: names in texts that somebody evaluates, docstrings that packages read, versions that are asked for."""

import importlib
from pathlib import Path

import pytest

from accio.sdk.digest import OperatorDigest
from tests.unit.sdk.packages import digest_of, write

CHANGED = {
    "constant in a query": ("K = {n}\n", "table.query('x > @K')"),
    "function in a formula": ("def scaled(x):\n    return x * {n}\n", "fit('y ~ scaled(x)')"),
    "constant beside it": ("def scaled(x, k):\n    return x\nK = {n}\n", "fit('scaled(x, K) - 1')"),
    "array in a formula": ("Z = [{n}]\n", "fit('y ~ x + Z')"),
    "table in a statement": ("T = {n}\n", "engine.execute('select sum(v) from T')"),
    "constant in an expression": ("K = {n}\n", "engine.evaluate('x * K')"),
    "constant in an expression of a bare function": ("from engines import evaluate\nK = {n}\n", "evaluate('x * K')"),
    "class in an alias": ("class Item:\n    size = {n}\nItems = list['Item']\n", "make(Items)"),
    "class in a text in a text": ("class Item:\n    size = {n}\nclass Box:\n    all: \"list['Item']\"\n", "make(Box)"),
    "docstring that a command shows": ("import click\n@click.command()\ndef show():\n    'Line {n}'\n", "show.help"),
    "docstring among constants": ("def show():\n    '''Line {n}'''\n", "show.__code__.co_consts"),
}  # fmt: skip
EQUAL = {
    "docstring that calls": ("def step():\n    return {n}\ndef show():\n    'As step() does.'\n", "show()"),
    "word beside another's call": ("K = {n}\n", "log('as step(K) does')"),
    "word in a text": ("def step():\n    return {n}\n", "log('the step of K')"),
    "choice in an alias": ("import typing\ndef fast():\n    return {n}\nMode = typing.Literal['fast']\n", "make(Mode)"),
    "own docstring": ("import numpy\ndef show():\n    '''Line {n}'''\n", "numpy.vectorize(show)"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The modules of a test lie in its own folder."""
    monkeypatch.syspath_prepend(tmp_path)


def found(folder: Path, begin: str, value: str) -> OperatorDigest:
    """Return the digest of an operator that computes a value, in a module that begins so."""
    function = f"@operator\ndef Op(table, fit, engine, make, log) -> int:\n    return {value}\n"
    write(folder, {"texts.py": f"from accio import operator\n{begin}\n{function}"})
    importlib.invalidate_caches()
    return digest_of("texts", "Op")


@pytest.mark.parametrize(("begin", "value"), CHANGED.values(), ids=CHANGED.keys())
def test_what_a_text_names_counts(tmp_path: Path, begin: str, value: str) -> None:
    """An edit of what only a text names, or of a docstring that is read, changes the digest."""
    first, second = (found(tmp_path, begin.format(n=n), value) for n in (1, 2))
    assert (first.uncacheable, second.uncacheable) == (None, None)
    assert first.digest != second.digest


@pytest.mark.parametrize(("begin", "value"), EQUAL.values(), ids=EQUAL.keys())
def test_what_a_text_only_mentions_does_not(tmp_path: Path, begin: str, value: str) -> None:
    """Words in other texts, and docstrings that nobody reads, don't count."""
    first, second = (found(tmp_path, begin.format(n=n), value) for n in (1, 2))
    assert first.uncacheable is None
    assert first.digest == second.digest


def installed(folder: Path, version: str) -> None:
    """Make the metadata of a distribution that has this version."""
    name = "Metadata-Version: 2.1\nName: accio-told\nVersion: "
    write(folder, {"accio_told.dist-info/METADATA": f"{name}{version}\n"})
    importlib.invalidate_caches()


@pytest.mark.parametrize("name", ["'accio_told'", "__name__", "__package__"])
def test_the_version_that_is_asked_for_counts(tmp_path: Path, name: str) -> None:
    """A module that says its distribution's version has another digest under another version, without being edited."""
    ops = (
        "from importlib.metadata import version\nfrom accio import operator\n"
        f"VERSION = version({name})\n@operator\ndef Op() -> str:\n    return VERSION\n"
        "@operator\ndef Other() -> int:\n    return 1\n"
    )
    write(tmp_path, {"accio_told/__init__.py": ops})
    digests = {}
    for version in ("1", "2"):
        installed(tmp_path, version)
        digests[version] = [digest_of("accio_told", each).digest for each in ("Op", "Other")]
    assert digests["1"][0] != digests["2"][0]
    assert digests["1"][1] == digests["2"][1]


@pytest.mark.parametrize("asked", ["metadata('x')", "requires('x')", "files('x')", "version(make)"])
def test_what_installers_have_noted_is_not_followed(tmp_path: Path, asked: str) -> None:
    """Whoever reads more of what is installed has no digest."""
    begin = f"from importlib.metadata import {asked.partition('(')[0]}\n"
    assert found(tmp_path, begin, asked).digest is None


def test_a_package_that_a_text_names_counts(tmp_path: Path) -> None:
    """Who gives the name of an installed package to another one, as an engine or a model, depends on its version."""
    named, other = (found(tmp_path, "", f"make(engine='{text}')").components for text in ("numpy", "speed"))
    assert {"package numpy", "content of package numpy"} <= named.keys()
    assert "package numpy" not in other


def test_yaml_that_makes_any_object_is_not_followed(tmp_path: Path) -> None:
    """What a file says may be any function of the operator's own package."""
    assert found(tmp_path, "import yaml\n", "yaml.load(table, Loader=yaml.Loader)").digest is None
    assert found(tmp_path, "import yaml\n", "yaml.load(table, Loader=yaml.SafeLoader)").digest is not None
