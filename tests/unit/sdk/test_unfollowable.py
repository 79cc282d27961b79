"""Where there is no digest, as something that decides results can't be known."""

from pathlib import Path

import pytest

from accio.sdk import modules
from tests.unit.sdk.packages import OPS, digest_of, write


@pytest.fixture(autouse=True)
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The packages of a test lie in its own folder."""
    monkeypatch.syspath_prepend(tmp_path)


def uncacheable(folder: Path, files: dict[str, str], *, op: str = "Op", module: str = "pkg.ops") -> str:
    """The reason why an operator has no digest."""
    write(folder, {"pkg/__init__.py": "", **files})
    found = digest_of(module, op)
    assert found.digest is None
    assert found.uncacheable is not None
    return found.uncacheable


@pytest.mark.parametrize(
    ("imports", "body", "mentions"),
    [
        ("", "return eval('x')", "eval"),
        ("", "exec('y = 1')\n    return x", "exec"),
        ("", "return compile('1', '', 'eval')", "compile"),
        ("e = eval", "return e('x')", "eval"),
        ("import importlib", "return importlib.import_module(str(x)).f()", "run time"),
        ("import importlib", "load = importlib.import_module\n    return load('a')", "run time"),
        ("import importlib", "tool = importlib\n    return tool", "importlib"),
        ("from importlib import *", "return import_module(str(x))", "run time"),
        ("", "return __import__(str(x))", "run time"),
        ("from . import helper", "return getattr(helper, str(x))()", "computed name"),
        ("import sys", "return sys.modules['a'].f()", "sys.modules"),
        ("import sys\nsys.path.append('/x')", "return x", "sys.path"),
        ("import pickle", "return pickle.loads(x)", "unpickles"),
        ("import subprocess", "return subprocess.run(['a'])", "program"),
        ("import os", "return os.system('a')", "program"),
        ("import ctypes", "return ctypes.CDLL('a').f(x)", "compiled"),
        ("import inspect", "return inspect.getsource(Op)", "source"),
        ("", "return (lambda: 0).__globals__", "globals"),
        ("from ._native import f", "return f(x)", "pkg._native"),
        ("", "from . import _native\n    return _native.f(x)", "pkg._native"),
        ("import timeit", "return timeit.timeit('a', number=1)", "run time"),
        ("import cProfile", "return cProfile.runctx('a', {}, {})", "run time"),
        ("import site", "site.addsitedir('/x')\n    return x", "site.addsitedir"),
        ("from unittest import mock", "return mock._importer('pkg.helper').f()", "run time"),
        ("from importlib import metadata", "return metadata.distribution('a').entry_points", "run time"),
        ("import inspect", "return inspect.getcomments(Op)", "source"),
        ("", "return Op.__code__.co_firstlineno", "source"),
        ("import numpy as np", "return np.load('a', allow_pickle=True)", "unpickles"),
        ("import posix", "return posix.system('a')", "program"),
        ("import _ctypes", "return _ctypes.dlopen('a', 0)", "compiled"),
        ("", "return Op.__code__.co_filename", "files="),
        ("import inspect", "return inspect.getabsfile(Op)", "files="),
        ("from . import helper", "return getattr(helper, '__file__')", "files="),
        ("from pathlib import Path", "return Path(__file__)", "files="),
        ("from importlib import resources", "return resources.files('pkg')", "files="),
        ("import pkgutil", "return pkgutil.get_data('pkg', 'a')", "files="),
        ("from . import helper", "return helper.__file__", "files="),
        ("from . import broken", "return x", "pkg.broken"),
        ("from sklearn.pipeline import make_pipeline", "return make_pipeline(x, memory='/x')", "cache on disk"),
        ("", "return make(x).set_params(memory='/x')\ndef make(x):\n    return x", "cache on disk"),
    ],
)
def test_what_cannot_be_followed(tmp_path: Path, imports: str, body: str, mentions: str) -> None:
    """Where something can't be known there is no digest, and the reason names it and the way out."""
    ops = OPS.format(imports=imports, body=body)
    files = {
        "pkg/ops.py": ops,
        "pkg/helper.py": "def f():\n    return 1\n",
        "pkg/_native.so": "",
        "pkg/broken.py": "def (",
    }
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "_native.cpython-311-x86_64-linux-gnu.so").touch()
    reason = uncacheable(tmp_path, files)
    assert mentions in reason
    assert "digest" in reason
    assert "version=" in reason


@pytest.mark.parametrize(
    ("package", "imports", "body", "mentions"),
    [
        ("joblib", "from joblib import Memory", "return Memory('/x').cache(abs)(x)", "cache on disk"),
        ("diskcache", "import diskcache", "return diskcache.Cache('/x')[x]", "cache on disk"),
        ("hydra", "import hydra", "return hydra.compose('a').n", "beside whoever calls it"),
        ("jinja2", "import jinja2", "return jinja2.PackageLoader('pkg')", "files="),
    ],
)
def test_files_that_a_package_reads_for_its_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, imports: str, body: str, mentions: str
) -> None:
    """Results that older code left on disk, and files beside whoever calls: nothing tells them from others."""
    site = tmp_path / "site-packages"
    write(site, {f"{package}/__init__.py": "", f"{package}-1.dist-info/METADATA": f"Name: {package}\nVersion: 1\n"})
    write(site, {f"{package}-1.dist-info/RECORD": f"{package}/__init__.py,,\n"})
    monkeypatch.syspath_prepend(site)
    modules._packages_distributions.cache_clear()  # asked before this one was installed
    reason = uncacheable(tmp_path, {"pkg/ops.py": OPS.format(imports=imports, body=body)})
    modules._packages_distributions.cache_clear()
    assert mentions in reason
