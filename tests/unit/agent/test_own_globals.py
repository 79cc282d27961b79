"""What of an operator's own modules counts as changed, in memory."""

import functools
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from accio_agent.worker.restoring.dict_versions import DictVersions
from accio_agent.worker.restoring.own_code import OwnCode
from accio_agent.worker.restoring.own_globals import OwnGlobals


@pytest.fixture
def module(tmp_path: Path) -> Iterator[ModuleType]:
    """An own module that is loaded."""
    made = ModuleType("own_for_this_test")
    made.__file__ = str(tmp_path / "own_for_this_test.py")
    sys.modules[made.__name__] = made
    yield made
    del sys.modules[made.__name__]


def watched(module: ModuleType) -> OwnGlobals:
    return OwnGlobals(OwnCode([Path(str(module.__file__))]))


def test_nothing_changed(module: ModuleType) -> None:
    """What is only read doesn't count."""
    vars(module).update(numbers=[1, 2], table={"a": [1]})
    own = watched(module)
    assert sum(module.numbers) == 3
    assert own.changed() == ""


@pytest.mark.parametrize(
    ("before", "statement", "where"),
    [
        ("calls = 0", "calls = 1", "calls"),
        ("kept = []", "kept.append(1)", "kept"),
        ("kept = {'a': {'b': set()}}", "kept['a']['b'].add(1)", "kept.a.b"),
        ("from collections import OrderedDict\nkept = OrderedDict(a=1)", "kept['b'] = 1", "kept"),
        ("class A: n = 0", "A.n += 1", "A.n"),
        ("class A:\n    __slots__ = ('n',)\na = A()\na.n = 0", "a.n = 1", "a"),
        ("def f(x, kept=[]): kept.append(x)", "f(1)", "f"),
        ("def f(): pass", "f.calls = 1", "own_for_this_test.f"),
        ("from functools import partial\nf = partial(print, [])", "f.args[0].append(1)", "f"),
        ("from random import Random\nr = Random(1)", "r.random()", "r"),
        ("numbers = iter([1, 2])", "next(numbers)", "numbers"),
        ("data = bytearray(4)", "data[0] = 1", "data"),
        ("", "left = 1", "left"),
        ("import enum\nclass C(enum.Enum): A = []", "C.A.value.append(1)", "C.A._value_"),
        ("import abc\nclass A(abc.ABC): pass", "A.register(int)", "A"),
        ("import queue\nq = queue.SimpleQueue()", "q.put(1)", "q"),
        ("import hashlib\nh = hashlib.shake_128()", "h.update(b'a')", "h"),
        ("import ctypes\nn = (ctypes.c_int * 2)()", "n[0] = 1", "n"),
        ("import threading\ns = threading.Semaphore(2)", "s.acquire()", "s._value"),
        ("from argparse import Namespace\nn = Namespace()", "n.left = 1", "n.left"),
        ("from configparser import ConfigParser\nc = ConfigParser()", "c.add_section('a')", "c._sections"),
        ("import contextlib as c\n@c.contextmanager\ndef f(kept=[]): yield kept.append(1)", "f().__enter__()", "f"),
    ],
)
def test_changes_are_found(module: ModuleType, before: str, statement: str, where: str) -> None:
    """A change is found wherever the module's globals lead to it, and named."""
    exec(before, vars(module))  # noqa: S102 - as an import would
    own = watched(module)
    exec(statement, vars(module))  # noqa: S102 - as an operator would
    assert own.changed().endswith(where)


@pytest.mark.parametrize(
    ("before", "statement"),
    [
        ("numpy = None", "import sys; numpy = sys"),
        ("", "import json"),
        ("import functools\n@functools.cache\ndef f(x): return x", "f(1)"),
        ("import functools\nclass A:\n    @functools.cached_property\n    def b(self): return 1\na = A()", "a.b"),
        ("", "__warningregistry__ = {}"),
        ("text = 'a' * 3", "text = ''.join(['a'] * 3)"),
    ],
)
def test_imports_and_caches_of_functools_do_not_count(module: ModuleType, before: str, statement: str) -> None:
    """What would be the same again in a new process is no change."""
    exec(before, vars(module))  # noqa: S102 - as an import would
    own = watched(module)
    exec(statement, vars(module))  # noqa: S102 - as an operator would
    assert own.changed() == ""


def test_other_packages_are_not_own(tmp_path: Path) -> None:
    """What is installed in a virtual environment beside a file isn't the file's own."""
    code = OwnCode([tmp_path / "ops.py"])
    found = {}
    for name, path in {"one_beside": "helper.py", "one_installed": ".venv/lib/python3.11/site-packages/x.py"}.items():
        module = ModuleType(name)
        module.__file__ = str(tmp_path / path)
        sys.modules[name] = module
        found[name] = code.is_own(name)
        del sys.modules[name]
    assert found == {"one_beside": True, "one_installed": False}


def test_dictionaries_tell_that_they_were_changed() -> None:
    """Any change shows until it is taken as it is."""
    one: dict[str, int] = {"a": 1}
    versions = DictVersions([one, {}])
    assert not versions.changed()
    one["a"] = 2
    assert versions.changed()
    versions.renew()
    assert not versions.changed()
    assert functools.reduce(lambda total, each: total + each, one.values()) == 2
