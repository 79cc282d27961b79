"""Which operators can't change their process."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from accio_agent.worker.restoring.foreign_modules import ALWAYS, ForeignModules
from accio_agent.worker.restoring.own_code import OwnCode
from accio_agent.worker.restoring.plain_code import is_plain


@pytest.mark.parametrize(
    ("words", "modules", "plain"),
    [
        ({"math", "sqrt"}, {"math", "builtins"}, True),
        ({"json", "dumps", "path"}, {"json", "os", "os.path"}, True),
        ({"signal", "alarm"}, {"signal"}, False),
        ({"os", "nice"}, {"os"}, False),
        ({"numpy"}, {"numpy"}, False),
        ({"eval"}, {"builtins"}, False),
        ({"numbers", "Integral", "register"}, {"numbers"}, False),
        ({"warnings", "warn"}, {"builtins"}, False),
        ({"resource", "setrlimit"}, {"builtins"}, False),
    ],
)
def test_plain(words: set[str], modules: set[str], plain: bool) -> None:
    """Code is plain if all modules that it names compute, and it names none of the ways that lead further."""
    assert is_plain(words, modules) is plain


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The package of a loaded operator, whose code names it. What other tests have imported isn't there."""
    named = ALWAYS | {"collections"}
    for name in [each for each in sys.modules if each.rpartition(".")[2] in named and "." in each]:
        monkeypatch.delitem(sys.modules, name)
    made = ModuleType("package_for_this_test")
    sys.modules[made.__name__] = made
    yield made
    del sys.modules[made.__name__]


@pytest.fixture
def operator(package: ModuleType, tmp_path: Path) -> Iterator[ModuleType]:
    """A module of the package that is an operator's own."""
    made = ModuleType(f"{package.__name__}.own_for_this_test")
    made.__file__ = str(tmp_path / "own" / "operators.py")
    sys.modules[made.__name__] = made
    exec(f"def f(): return '{made.__name__}'", vars(made))  # noqa: S102 - as an import would
    yield made
    del sys.modules[made.__name__]


def test_folder_around_operators(package: ModuleType, operator: ModuleType, tmp_path: Path) -> None:
    """A folder around operators' packages, without code of its own, leads nowhere."""
    package.__path__ = [str(tmp_path)]
    assert ForeignModules(OwnCode([Path(str(operator.__file__))])).plain


def test_code_around_operators(package: ModuleType, operator: ModuleType, tmp_path: Path) -> None:
    """A package with code of its own, elsewhere, may lead anywhere."""
    package.__path__ = [str(tmp_path)]
    package.__file__ = str(tmp_path / "elsewhere" / "__init__.py")
    assert not ForeignModules(OwnCode([Path(str(operator.__file__))])).plain


@pytest.mark.parametrize(
    ("globals_", "plain"),
    [
        ("from math import sqrt as root", True),
        ("from os import getpid as number", True),
        ("from collections import OrderedDict as Kept\nkept = Kept()", True),
        ("import re\nwords = re.compile('a')", True),
        ("from os import nice as be_kind", False),
        ("from decimal import getcontext as settings", False),
        ("from decimal import Decimal as D", False),
        ("import decimal\nsettings = decimal.getcontext()\ndel decimal", False),
    ],
)
def test_names_of_ones_own_for_things_of_others(
    operator: ModuleType, package: ModuleType, tmp_path: Path, globals_: str, plain: bool
) -> None:
    """What a thing is called at home counts, whatever the operator's module calls it."""
    package.__path__ = [str(tmp_path)]
    exec(globals_, vars(operator))  # noqa: S102 - as an import would
    assert ForeignModules(OwnCode([Path(str(operator.__file__))])).plain is plain
