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
        ("items = iter({'a': 1}.items())", "next(items)", "items"),
        ("import re\nfound = re.finditer('.', 'ab')", "next(found)", "found"),
        ("import csv\nrows = csv.reader(['a', 'b'])", "next(rows)", "rows"),
        ("from itertools import tee\nleft, right = tee([1, 2])", "next(left)", "left"),
        ("from random import Random\ndraw = Random(1).gauss", "draw(0, 1)", "draw.gauss_next"),
        ("from random import Random\ndraw = Random(1).random", "draw()", "draw"),
        ("kept = {'a': 1, 'b': 2}", "kept['a'] = kept.pop('a')", "kept"),
        ("from collections import OrderedDict\nkept = OrderedDict(a=1, b=2)", "kept.move_to_end('a')", "kept"),
        ("data = bytearray(4)", "data[0] = 1", "data"),
        ("", "left = 1", "left"),
        ("import enum\nclass C(enum.Enum): A = []", "C.A.value.append(1)", "C.A._value_"),
        ("import abc\nclass A(abc.ABC): pass", "A.register(int)", "A"),
        ("import queue\nq = queue.SimpleQueue()", "q.put(1)", "q"),
        ("import hashlib\nh = hashlib.shake_128()", "h.update(b'a')", "h"),
        ("import ctypes\nn = (ctypes.c_int * 2)()", "n[0] = 1", "n"),
        ("import threading\ns = threading.Semaphore(2)", "s.acquire()", "s._value"),
        ("error = ValueError('a')", "error.args = ('b',)", "error"),
        ("error = ValueError('a')", "error.add_note('b')", "error.__notes__"),
        ("error = ValueError([])", "error.args[0].append(1)", "error"),
        ("class Own(Exception): pass\nerror = Own(1)", "error.args = (2,)", "error"),
        ("from argparse import Namespace\nn = Namespace()", "n.left = 1", "n.left"),
        ("from configparser import ConfigParser\nc = ConfigParser()", "c.add_section('a')", "c._sections"),
        ("import contextlib as c\n@c.contextmanager\ndef f(kept=[]): yield kept.append(1)", "f().__enter__()", "f"),
        ("def f(): return 1\ndef go(): f.__code__ = go.__code__", "go()", ".f"),
        ("def f(a=1): return a\ndef go(): f.__defaults__ = (2,)", "go()", ".f"),
        ("def f(*, a=1): return a\ndef go(): f.__kwdefaults__ = {'a': 2}", "go()", ".f"),
        ("def f(): 'a'\ndef go(): f.__doc__ = 'b'", "go()", ".f"),
        ("class A: pass\nclass B: pass\nclass C(A): pass\ndef go(): C.__bases__ = (B,)", "go()", ".C"),
        ("class A: pass\nclass B(A): pass\na = A()\ndef go(): a.__class__ = B", "go()", ".A"),
        ("class A: pass", "A.__eq__ = lambda one, other: True", "A.__eq__"),
        ("class A:\n    def __init__(self, kept=[]): kept.append(1)", "A()", "A.__init__"),
        ("class A:\n    @property\n    def b(self, kept=[]): return kept.append(1)", "A().b", "A.b"),
        ("", "__getattr__ = lambda name: 1", "__getattr__"),
        ("__mine__ = 1", "__mine__ = 2", "__mine__"),
        ("import string\nt = string.Template('$a')", "t.template = 'b'", "t.template"),
        ("import contextlib\ns = contextlib.ExitStack()", "s.callback(print)", "s._exit_callbacks"),
        ("from contextvars import ContextVar\nv = ContextVar('v', default=[])", "v.get().append(1)", "v"),
        ("import weakref\nclass A: pass\ns = weakref.WeakSet()", "s.add(A)", "s.data"),
        (
            "from functools import singledispatchmethod as s\nclass A:\n    @s\n    def f(self, a): return 1",
            "vars(A)['f'].register(int, print)",
            "A.f.dispatcher",
        ),
        ("m = memoryview(bytearray(2))", "m[0] = 1", "m"),
        ("import mmap\nm = mmap.mmap(-1, 16)", "m[0] = 1", "m"),
        ("import zlib\nz = zlib.compressobj()", "z.compress(b'a')", "z"),
        ("from xml.etree.ElementTree import Element\ne = Element('a')", "e.append(Element('b'))", "e"),
        ("import numpy\na = numpy.zeros(())", "a[()] = 1", "a"),
        ("import numpy\na = numpy.array([None])", "a[0] = 1", "a"),
        ("import numpy\na = numpy.zeros(2)", "a.flags.writeable = False", "a"),
        ("import numpy\ns = numpy.random.SeedSequence(1)", "s.spawn(1)", "s"),
        ("import pandas\nd = pandas.DataFrame({'a': [0, 1]})", "d.loc[0, 'a'] = 2", "d"),
        ("import pandas\nd = pandas.DataFrame({'a': ['b', 'c']})", "d.loc[0, 'a'] = 'd'", "d"),
        ("import pandas\nd = pandas.DataFrame({'a': [0]})", "d['b'] = 1", "d"),
        ("import pandas\nd = pandas.DataFrame({'a': [0]})", "d.index = ['x']", "d"),
        ("import pandas\nd = pandas.Series([0, 1])", "d[0] = 2", "d"),
        ("import numpy\np = numpy.polynomial.Polynomial([1.0, 2.0])", "p.coef[0] = 2", "p.coef"),
        ("import scipy.sparse, numpy\nm = scipy.sparse.csr_matrix(numpy.eye(3))", "m.data[0] = 2", "m.data"),
        ("import scipy.stats\nn = scipy.stats.norm()", "n.random_state = 5", "n.dist._random_state"),
        ("import scipy.stats\nn = scipy.stats.norm()", "n.fitted_ = 5", "n.fitted_"),
        ("import polars\nd = polars.DataFrame({'a': [1, 2]})", "d[0, 'a'] = 3", "d"),
        ("import polars\nd = polars.DataFrame({'a': [1, 2]})", "d.columns = ['b']", "d"),
        ("import polars\ns = polars.Series([1, 2])", "s[0] = 3", "s"),
        ("many = [0] * 20_000", "many[9_000] = 1", "many"),
        ("many = set(range(20_000))", "many.discard(1); many.add(-1)", "many"),
        ("from collections import deque\nmany = deque([0] * 20_000, 20_000)", "many.append(1)", "many"),
        ("many = bytearray(200_000)", "many[100_000] = 1", "many"),
        ("import array\nmany = array.array('d', [0]) * 20_000", "many[9_000] = 1", "many"),
        ("import ctypes\nmany = (ctypes.c_int * 50_000)()", "many[25_000] = 1", "many"),
        ("import numpy\nmany = numpy.zeros((100, 200))", "many[50, 50] = 1", "many"),
        ("import numpy\nmany = numpy.zeros(90_000)[::-2]", "many[0] = 1", "many"),
        ("import numpy\nmany = numpy.full(20_000, None)", "many[9_000] = 1", "many"),
        ("import pandas\nmany = pandas.DataFrame({'a': range(20_000)})", "many.loc[9_000, 'a'] = 1", "many"),
    ],
)
def test_changes_are_found(module: ModuleType, before: str, statement: str, where: str) -> None:
    """A change is found wherever the module's globals lead to it, and named."""
    exec(compile(before, str(module.__file__), "exec"), vars(module))  # noqa: S102 - as an import would
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
        ("import random\nr = random.SystemRandom()", "r.random()"),
        ("f = open('/dev/null')\nf.close()", "f.closed"),
        (
            "import pandas\nd = pandas.DataFrame({'a': [0, 1], 'b': ['c', 'd']})",
            "d.a; d.describe(); d.groupby('a').sum()",
        ),
        ("import pathlib\np = pathlib.Path('a/b')", "p.parts, str(p), hash(p), p.name"),
        ("import logging\nlog = logging.getLogger('own')", "log.debug('a'); log.warning('b')"),
        ("import pickle\nclass A: pass\na = A()", "import copy; copy.deepcopy(a)"),
        ("text = 'a' * 3", "text = ''.join(['a'] * 3)"),
        ("many = [0] * 20_000", "sum(many), many[5]"),
        ("import numpy\nf = numpy.vectorize(abs, otypes='d', cache=True)", "f([1, 2])"),
        ("import numpy\nr = numpy.random.mtrand._rand", "r.random()"),
        ("import scipy.stats\nn = scipy.stats.norm()", "n.rvs(), n.mean(), n.ppf(0.1)"),
        ("import polars\nd = polars.DataFrame({'a': [1, 2]})", "d.filter(polars.col('a') > 1), d['a'].sum()"),
        ("class Strange:\n    def __getattribute__(self, name): raise KeyError(name)\ns = Strange()", "s"),
        ("many = set(range(20_000))", "5 in many, len(many & {1})"),
        ("import numpy\nmany = numpy.zeros(90_000)", "many.sum(), many[::2].copy()"),
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


@pytest.mark.parametrize(
    ("before", "word"),
    [
        ("import ctypes\ndef go(): ctypes.CDLL(None)", "ctypes"),
        ("import ctypes\nlib = ctypes.CDLL(None)\ndef go(): lib.srand(1)", "ctypes"),
        ("def go():\n    import ctypes", "ctypes"),
        ("import ctypes\nclass A:\n    def f(self): ctypes\na = A()\ndef go(): a.f()", "ctypes"),
        ("import os\ndef f(): os.putenv('A', 'b')\nall = {'f': [f]}\ndef go(): all", "putenv"),
        ("from sys import addaudithook as hear\ndef go(): hear(print)", "addaudithook"),
        ("import codecs\ndef go(): codecs.register(print)", "register"),
        ("import os\ndef go(): os.register_at_fork(before=print)", "register_at_fork"),
        ("import reprlib\ndef go(): reprlib.aRepr.maxstring = 5", "aRepr"),
        ("def go(t):\n    import pyarrow\n    pyarrow.register_extension_type(t)", "register_extension_type"),
        (
            "def go(f):\n    import pyarrow.compute as pc\n    pc.register_scalar_function(f)",
            "register_scalar_function",
        ),
        (
            "def go():\n    from shutil import register_archive_format as add\n    add('a', print)",
            "register_archive_format",
        ),
        ("import numpy.polynomial as poly\ndef go(): poly.set_default_printstyle('ascii')", "set_default_printstyle"),
        ("from scipy import fft\ndef go(): fft.set_global_backend(fft)", "set_global_backend"),
        ("import matplotlib.scale as scales\ndef go(): scales.register_scale(int)", "register_scale"),
        ("def go():\n    from sqlalchemy import event\n    event.listen(int, 'a', print)", "listen"),
        ("def go():\n    import duckdb as db\n    db.execute('create table a')", "execute"),
        ("import sqlite3\ndef go(): sqlite3.connect('').execute('')", ""),
        ("import abc\ndef go(): abc.ABC.register(int)", ""),
        ("import os\ndef go(): os.environ['A'] = 'b'", ""),
        ("import ctypes\ndef other(): ctypes.CDLL(None)\ndef go(): pass", ""),
    ],
)
def test_code_that_may_change_what_nobody_can_see(module: ModuleType, before: str, word: str) -> None:
    """Code is known by its words that can change what can't be looked at afterwards, if the operator leads to it."""
    exec(compile(before, str(module.__file__), "exec"), vars(module))  # noqa: S102 - as an import would
    assert watched(module).unseen_effect(module.go) == word
