"""Operator digests: what changes them, and what doesn't."""

import re
from pathlib import Path

import pytest

from tests.unit.sdk.packages import OPS, digest_of, write
from tests.unit.sdk.programs import DEPENDENCIES, IMPORT_FORMS

PLAIN = OPS.format(imports="from .first import step", body="return step(x)")
BASE = {
    "pkg/__init__.py": "",
    "pkg/ops.py": PLAIN,
    "pkg/first.py": "from .second import factor\n\ndef step(x):\n    return x * factor()\n",
    "pkg/second.py": "def factor():\n    return 2\n\ndef other():\n    return 5\n",
    "pkg/unrelated.py": "A = 1\n",
}


@pytest.fixture(autouse=True)
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The packages of a test lie in its own folder."""
    monkeypatch.syspath_prepend(tmp_path)


def changed(
    folder: Path, before: dict[str, str], after: dict[str, str], *, op: str = "Op", module: str = "pkg.ops"
) -> bool:
    """Whether the digest of an operator differs after files were replaced; it must be known before and after."""
    write(folder, before)
    first = digest_of(module, op)
    write(folder, after)
    second = digest_of(module, op)
    assert first.uncacheable is None, first.uncacheable
    assert second.uncacheable is None, second.uncacheable
    return first.digest != second.digest


def test_equal_sources_have_equal_digests(tmp_path: Path) -> None:
    """A digest is a function of the source: asking twice gives the same."""
    assert not changed(tmp_path, BASE, {})


@pytest.mark.parametrize(
    ("file", "text"),
    {
        "comment": ("ops.py", PLAIN.replace("@operator", "# why\n@operator").replace("return", "# more\n    return")),
        "layout": (
            "ops.py",
            PLAIN.replace("step(x)", "(\n        step( x, )\n    )").replace("@operator", "\n\n@operator"),
        ),
        "docstring": ("ops.py", PLAIN.replace("return", "'Doubles.'\n    return")),
        "options": ("ops.py", PLAIN.replace("@operator", "@operator(cpus=4, memory='1GiB', help='H')")),
        "docstring of a helper": ("second.py", "'Module.'\ndef factor():\n    'Two.'\n    return 2\n"),
        "function beside a helper": ("second.py", "def factor():\n    return 2\n\ndef other():\n    return 6\n"),
        "unrelated module": ("unrelated.py", "A = 2\nB = print('x')\n"),
        "import for type checkers": (
            "first.py",
            "import typing\nfrom .second import factor\nif typing.TYPE_CHECKING:\n    from .unrelated import A\n"
            "def step(x):\n    return x * factor()\n",
        ),
    }.values(),
)
def test_what_does_not_matter(tmp_path: Path, file: str, text: str) -> None:
    """Comments, layout, docstrings, options and unrelated code leave the digest as it is."""
    assert not changed(tmp_path, BASE, {f"pkg/{file}": text})


def test_helper_two_calls_away(tmp_path: Path) -> None:
    """An edit two calls away changes the digest, and `components` says which function it was."""
    write(tmp_path, BASE)
    first = digest_of("pkg.ops", "Op")
    write(tmp_path, {"pkg/second.py": "def factor():\n    return 3\n"})
    second = digest_of("pkg.ops", "Op")
    assert first.digest != second.digest
    differing = {name for name, value in first.components.items() if second.components.get(name) != value}
    assert differing == {"function pkg.second.factor"}


@pytest.mark.parametrize("where", ["the same module", "another module", "a star import", "an attribute of a module"])
@pytest.mark.parametrize("what", DEPENDENCIES)
def test_nothing_is_missed(tmp_path: Path, what: str, where: str) -> None:
    """Whatever an operator's result depends on in its package changes its digest when it changes."""
    body, code = DEPENDENCIES[what]
    names = re.findall(r"\b(?:[BCEFTRh]|typing|math|asyncio)\b", body)
    imports = {
        "the same module": code,
        "another module": f"from .helper import {', '.join(sorted(set(names)) or ['h'])}",
        "a star import": "from .helper import *",
        "an attribute of a module": "from . import helper",
    }[where]
    if where == "another module" and "globals" in body:  # they hold what is imported by name only
        imports = "from .helper import h"
    if where == "an attribute of a module":
        body = re.sub(
            r"(?<!['.])\b([BCEFTRh]|globals|typing|math|asyncio)\b(?! (?:for|=|in \[)|:)(?<!class C)",
            r"helper.\1",
            body,
        )
        body = body.replace("helper.globals()['h']", "vars(helper)['h']")
    ops = OPS.format(imports=imports, body=body)
    before, after = ({"pkg/ops.py": ops.replace("NUM", n), "pkg/helper.py": code.replace("NUM", n)} for n in "23")
    assert changed(tmp_path, {"pkg/__init__.py": "", **before}, after)


DOORS = {
    "pkg/__init__.py": "",
    "pkg/door.py": "from . import helper\nfrom .helper import f\n",
    "pkg/lazy.py": "def __getattr__(name):\n    from . import helper\n    return getattr(helper, 'f')\n",
    "pkg/sub/__init__.py": "from ..helper import *\n",
    "pkg/sub/deep.py": "from pkg.helper import f\n",
}


@pytest.mark.parametrize("form", IMPORT_FORMS)
def test_every_form_of_import_is_followed(tmp_path: Path, form: str) -> None:
    """A function is found however its module is imported and it is named."""
    imports, body = IMPORT_FORMS[form]
    before = {
        **DOORS,
        "pkg/ops.py": OPS.format(imports=imports, body=body),
        "pkg/helper.py": "def f(x):\n    return x * 2\n",
    }
    assert changed(tmp_path, before, {"pkg/helper.py": "def f(x):\n    return x * 3\n"})


@pytest.mark.parametrize(
    "patch",
    [
        "from . import helper\nhelper.f = lambda x: x * {}\n",
        "import pkg.helper\nsetattr(pkg.helper, 'f', lambda x: x * {})\n",
        "from .helper import TABLE\nTABLE.append({})\n",
        "from .helper import TABLE\nunused = TABLE.append({})\n",
        "from .helper import change\n@change({})\ndef nobody_calls_this(x):\n    return x\n",
        "from .helper import change\ndef nobody(x=change({})):\n    return x\n",
        "from .helper import Noting\nclass Unused(Noting, value={}):\n    pass\n",
        "import builtins\nbuiltins.abs = lambda x: {}\n",
    ],
)
@pytest.mark.parametrize("importer", ["ops", "__init__", "unrelated, but imported in the same process"])
def test_patches_at_import_count(tmp_path: Path, patch: str, importer: str) -> None:
    """A module that changes another one while it is imported counts, even if nothing refers to it."""
    helper = (
        "TABLE = [1]\ndef f(x):\n    return x * abs(TABLE[-1])\n"
        "def change(value):\n    TABLE.append(value)\n    return lambda g: g\n"
        "class Noting:\n    def __init_subclass__(cls, value):\n        TABLE.append(value)\n"
    )
    ops = OPS.format(
        imports="from .helper import f" + ("\nfrom . import patches" if importer == "ops" else ""), body="return f(x)"
    )
    init = "from . import patches\n" if importer == "__init__" else ""
    also = ("pkg.patches",) if importer.startswith("unrelated") else ()
    write(
        tmp_path,
        {"pkg/__init__.py": init, "pkg/helper.py": helper, "pkg/ops.py": ops, "pkg/patches.py": patch.format(2)},
    )
    first = digest_of("pkg.ops", "Op", also=also)
    write(tmp_path, {"pkg/patches.py": patch.format(3)})
    second = digest_of("pkg.ops", "Op", also=also)
    assert first.digest is not None
    assert first.digest != second.digest


def test_order_of_patches_counts(tmp_path: Path) -> None:
    """Two patches of the same thing in the other order make another digest."""
    files = {
        "pkg/__init__.py": "",
        "pkg/helper.py": "F = 1\n",
        "pkg/one.py": "from . import helper\nhelper.F = 1\n",
        "pkg/two.py": "from . import helper\nhelper.F = 2\n",
        "pkg/ops.py": OPS.format(imports="from . import helper, one, two", body="return helper.F"),
    }
    assert changed(
        tmp_path, files, {"pkg/ops.py": OPS.format(imports="from . import helper, two, one", body="return helper.F")}
    )


def test_exchanged_imports_count(tmp_path: Path) -> None:
    """Two helpers under each other's names make another digest, though the same functions are reached."""
    helper = "def a(x):\n    return x\ndef b(x):\n    return -x\n"
    body = "return f(g(x) - 1)"
    before = OPS.format(imports="from .helper import a as f, b as g", body=body)
    after = OPS.format(imports="from .helper import b as f, a as g", body=body)
    files = {"pkg/__init__.py": "", "pkg/helper.py": helper, "pkg/ops.py": before}
    assert changed(tmp_path, files, {"pkg/ops.py": after})


def test_standard_functions_by_name(tmp_path: Path) -> None:
    """Another function of the standard library under the same name makes another digest."""
    before = OPS.format(imports="from math import floor as f", body="return f(x)")
    after = OPS.format(imports="from math import ceil as f", body="return f(x)")
    assert changed(tmp_path, {"pkg/__init__.py": "", "pkg/ops.py": before}, {"pkg/ops.py": after})


def test_code_under_main_does_not_count(tmp_path: Path) -> None:
    """What only `python -m` runs is no part of an operator."""
    tail = "if __name__ == '__main__':\n    print({})\n"
    ops = OPS.format(imports="", body="return x")
    assert not changed(
        tmp_path, {"pkg/__init__.py": "", "pkg/ops.py": ops + tail.format(1)}, {"pkg/ops.py": ops + tail.format(2)}
    )


def test_own_decorator_called_operator_counts(tmp_path: Path) -> None:
    """Only Accio's decorator is left out of the code, not one of the same name."""
    helper = "def operator(f):\n    return lambda g: lambda x: f * g(x)\n"
    ops = "from .helper import operator\n@operator({})\ndef Op(x: int) -> int:\n    return x\n"
    before = {"pkg/__init__.py": "", "pkg/helper.py": helper, "pkg/ops.py": ops.format(2)}
    assert changed(tmp_path, before, {"pkg/ops.py": ops.format(3)})


def test_options_that_are_computed_count(tmp_path: Path) -> None:
    """Of Accio's decorator constants are left out, calls aren't: they may do more than they give."""
    head = "from accio import operator\nK = [1]\n"
    ops = head + "@operator(help=str(K.{}))\ndef Op(x: int) -> int:\n    return x + len(K)\n"
    before = {"pkg/__init__.py": "", "pkg/ops.py": ops.format("append(1)")}
    assert changed(tmp_path, before, {"pkg/ops.py": ops.format("extend([1, 2])")})


def test_sibling_of_a_single_file(tmp_path: Path) -> None:
    """A file outside of any package counts with the modules beside it that it imports."""
    files = {
        "scale.py": OPS.format(imports="import beside", body="return beside.f(x)"),
        "beside.py": "def f(x):\n    return 2\n",
    }
    assert changed(tmp_path, files, {"beside.py": "def f(x):\n    return 3\n"}, module="scale")


def test_installed_distributions_count_by_version(tmp_path: Path) -> None:
    """Of another distribution only the version counts, and it is shown."""
    write(
        tmp_path,
        {"pkg/__init__.py": "", "pkg/ops.py": OPS.format(imports="import numpy as np", body="return np.abs(x)")},
    )
    components = digest_of("pkg.ops", "Op").components
    assert {name for name in components if name.startswith("package")} == {"package accio", "package numpy"}
    assert components["python"].startswith("3.")


def test_lazily_imported_distributions_count(tmp_path: Path) -> None:
    """A distribution imported inside a function counts for those that reach the function, and only for them."""
    helper = "def f(x):\n    import scipy\n    return x\ndef g(x):\n    return x\n"
    write(tmp_path, {"pkg/__init__.py": "", "pkg/helper.py": helper})
    write(tmp_path, {"pkg/ops.py": OPS.format(imports="from .helper import f", body="return f(x)")})
    assert "package scipy" in digest_of("pkg.ops", "Op").components
    write(tmp_path, {"pkg/ops.py": OPS.format(imports="from .helper import g", body="return g(x)")})
    assert "package scipy" not in digest_of("pkg.ops", "Op").components


def test_module_that_appears_later(tmp_path: Path) -> None:
    """An optional module that wasn't there makes another digest when it is."""
    ops = OPS.format(
        imports="try:\n    import quicker\nexcept ImportError:\n    quicker = None", body="return x if quicker else -x"
    )
    assert changed(tmp_path, {"pkg/__init__.py": "", "pkg/ops.py": ops}, {"quicker.py": ""})


@pytest.mark.parametrize(
    "body",
    [
        "return f(x)\ndef f(exec):\n    return exec",
        "eval = abs\n    return eval(x)",
        "return x.eval('y')",
        "return re.compile('a')",
        "return len(locals())",
        "return np.load('a', allow_pickle=False)",
        "return timeit.default_timer()",
        "return make_pipeline(x, memory=None)\ndef make_pipeline(x, memory):\n    return x",
        "return limit(memory='1GiB')\ndef limit(memory):\n    return 1",
    ],
)
def test_harmless_names(tmp_path: Path, body: str) -> None:
    """A local name, or a method, that is called like something dangerous is none."""
    write(
        tmp_path,
        {"pkg/__init__.py": "", "pkg/ops.py": OPS.format(imports="import re, timeit\nimport numpy as np", body=body)},
    )
    assert digest_of("pkg.ops", "Op").uncacheable is None


@pytest.mark.parametrize(
    ("init", "imports", "body"),
    [
        ("import loader\n__getattr__, __dir__ = loader.attach(['first'])\n", "from pkg import step", "return step(x)"),
        ("import loader\n__getattr__ = loader.attach(['first'])\n", "import pkg", "return pkg.step(x)"),
        ("", "from loader import import_string", "return import_string('pkg.first.step')(x)"),
        ("", "from loader import import_string", "return import_string('pkg.first:step')(x)"),
        ("", "import pkg.first", "return pkg.__dict__['first'].step(x)"),
        ("", "L = locals()\nfrom .first import step", "return L['step'](x)"),
    ],
)
def test_names_that_others_look_up(tmp_path: Path, init: str, imports: str, body: str) -> None:
    """What another distribution, or a namespace, gives for a name or a text counts, too."""
    files = {"pkg/__init__.py": init, "pkg/ops.py": OPS.format(imports=imports, body=body)}
    first = "def step(x):\n    return x * {}\n"
    assert changed(tmp_path, {**files, "pkg/first.py": first.format(2)}, {"pkg/first.py": first.format(3)})


@pytest.mark.parametrize(
    "body", ["len(inspect.getdoc(step))", "len(pydoc.getdoc(step))", "len(getattr(step, '__doc__'))"]
)
def test_docstrings_that_are_read_count(tmp_path: Path, body: str) -> None:
    """However a docstring is read: then its edit is one of the code."""
    ops = OPS.format(imports="import inspect, pydoc\nfrom .first import step", body=f"return {body}")
    first = "def step(x):\n    '{}'\n"
    before = {"pkg/__init__.py": "", "pkg/ops.py": ops, "pkg/first.py": first.format("a")}
    assert changed(tmp_path, before, {"pkg/first.py": first.format("ab")})


def test_a_danger_that_is_not_reached(tmp_path: Path) -> None:
    """Another operator's exec in the same module doesn't make this one uncacheable."""
    ops = OPS.format(imports="", body="return x") + "def other():\n    exec('1')\n"
    write(tmp_path, {"pkg/__init__.py": "", "pkg/ops.py": ops})
    assert digest_of("pkg.ops", "Op").uncacheable is None


def test_version_replaces_the_analysis(tmp_path: Path) -> None:
    """With version= the code doesn't count, the version does, and nothing is too dynamic."""
    write(tmp_path, {"pkg/__init__.py": "", "pkg/ops.py": OPS.format(imports="", body="return eval('x')")})
    first = digest_of("pkg.ops", "Op", version="1")
    write(tmp_path, {"pkg/ops.py": OPS.format(imports="", body="return eval('x + 1')")})
    assert digest_of("pkg.ops", "Op", version="1").digest == first.digest
    assert digest_of("pkg.ops", "Op", version="2").digest != first.digest


def test_declared_files_count_by_content(tmp_path: Path) -> None:
    """files= lets an operator find its own files, which then count: single ones and folders, also with version=."""
    write(tmp_path, {"pkg/__init__.py": "", "pkg/ops.py": OPS.format(imports="", body="return open(__file__)")})
    write(tmp_path, {"pkg/a.txt": "a", "pkg/data/b.txt": "b", "pkg/data/c.txt": ""})
    for version in (None, "1"):
        write(tmp_path, {"pkg/data/b.txt": "b"})
        first = digest_of("pkg.ops", "Op", files=("a.txt", "data"), folder=tmp_path / "pkg", version=version)
        assert {"file a.txt", "file data/b.txt", "file data/c.txt"} <= first.components.keys()
        write(tmp_path, {"pkg/data/b.txt": "changed"})
        second = digest_of("pkg.ops", "Op", files=("a.txt", "data"), folder=tmp_path / "pkg", version=version)
        assert first.digest is not None
        assert first.digest != second.digest


def test_declared_file_that_is_missing(tmp_path: Path) -> None:
    """A file that files= names and that isn't there is the reason for having no digest."""
    write(tmp_path, {"pkg/__init__.py": "", "pkg/ops.py": OPS.format(imports="", body="return x")})
    found = digest_of("pkg.ops", "Op", files=("gone.txt",), folder=tmp_path)
    assert found.digest is None
    assert "gone.txt" in str(found.uncacheable)


def test_annotations_that_become_texts_count(tmp_path: Path) -> None:
    """Who reads annotations gets others where `from __future__ import annotations` stands."""
    ops = OPS.format(imports="from .first import step", body="return int(step.__annotations__['x'] is int)")
    first = "def step(x: int): ...\n"
    after = {"pkg/first.py": f"from __future__ import annotations\n{first}"}
    assert changed(tmp_path, {"pkg/__init__.py": "", "pkg/ops.py": ops, "pkg/first.py": first}, after)


def test_numbers_without_decimal_digits_count(tmp_path: Path) -> None:
    """Python doesn't turn numbers so long into decimal digits."""
    ops = OPS.format(imports="from .first import N", body="return N % x")
    before, after = (f"N = 0x{digit * 6000}\n" for digit in "ef")
    assert changed(
        tmp_path, {"pkg/__init__.py": "", "pkg/ops.py": ops, "pkg/first.py": before}, {"pkg/first.py": after}
    )


def test_circles_end(tmp_path: Path) -> None:
    """Modules that import each other, names that go in a circle, and recursion are followed once."""
    files = {
        "pkg/__init__.py": "from .a import f\n",
        "pkg/a.py": "from . import b\nfrom .b import f, C\nclass D(C):\n    pass\n",
        "pkg/b.py": "from . import a\nfrom .a import f, D\nclass C(D):\n    pass\ndef g(n):\n    return g(n - 1)\n",
        "pkg/ops.py": OPS.format(imports="import pkg\nfrom . import a", body="return pkg.f(a.b.g(a.f(x)))"),
    }
    write(tmp_path, files)
    assert digest_of("pkg.ops", "Op").uncacheable is None


@pytest.mark.parametrize("annotation", ["Kind", "list[Kind]", "'Kind | None'"])
def test_an_enumeration_that_only_a_hint_names_matters(tmp_path: Path, annotation: str) -> None:
    """An operator gets its members, so what a member stands for is part of what it computes with."""
    ops = (
        "import enum\nfrom accio import operator\n\nclass Kind(enum.Enum):\n    A = {value}\n\n"
        f"@operator\ndef Op(x: {annotation}) -> str:\n    return str(x)\n"
    )
    before = {"pkg/__init__.py": "", "pkg/ops.py": ops.format(value="1, 2")}
    assert changed(tmp_path, before, {"pkg/ops.py": ops.format(value="1, 3")})


@pytest.mark.parametrize(
    ("before", "after", "differs"),
    [
        ("A = 1\nB = 2\n__all__ = ['A']\n", "A = 1\nB = 2\n__all__ = ['B']\n", True),
        ("A = 1\nB = 2\n__all__ = ['A']\n", "A = 1\nB = 2\n", True),
        ("A = 1\nB = 2\n__all__ = ['A']\n", "A = 1\nB = 2\n__all__ = ['A']\n__all__ += ['B']\n", True),
        ("A = 1\nB = 2\n__all__ = ['A']\n", "A = 1\nB = 3\n__all__ = ['A']\n", False),
    ],
)
def test_what_a_star_import_brings(tmp_path: Path, before: str, after: str, differs: bool) -> None:
    """Whether a name of one's own is replaced by a star import is up to `__all__` of the module that it imports."""
    files = {
        "pkg/__init__.py": "",
        "pkg/names.py": before,
        "pkg/middle.py": "A = 7\nfrom .names import *\n",
        "pkg/ops.py": OPS.format(imports="from .middle import A", body="return A"),
    }
    assert changed(tmp_path, files, {"pkg/names.py": after}) is differs


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("from .names import *\n", "A = 7\n"),
        ("from .names import A\n", "A = 7\n"),
        ("from .names import A\n", "from .more import A\n"),
        ("from .names import *\n", "from .more import *\n"),
        ("from .names import *\n", "from .more import A\n"),
        ("A = 7\n", "def A(): pass\n"),
        ("A = 7\n", "import pkg.more as A\n"),
    ],
)
def test_the_last_that_binds_a_name_wins(tmp_path: Path, one: str, other: str) -> None:
    """The order of the statements that bind a name is part of the digest."""
    files = {
        "pkg/__init__.py": "",
        "pkg/names.py": "A = 1\n",
        "pkg/more.py": "A = 2\n",
        "pkg/middle.py": one + other,
        "pkg/ops.py": OPS.format(imports="from .middle import A", body="return A"),
    }
    assert changed(tmp_path, files, {"pkg/middle.py": other + one})


def test_the_order_counts_in_a_module_that_is_used_as_a_value(tmp_path: Path) -> None:
    """Where any name of a module may be asked for, the order counts of those that bind each."""
    files = {
        "pkg/__init__.py": "",
        "pkg/names.py": "A = 1\n",
        "pkg/middle.py": "A = 7\nfrom .names import A\n",
        "pkg/ops.py": OPS.format(imports="from . import middle", body="return vars(middle)['A']"),
    }
    assert changed(tmp_path, files, {"pkg/middle.py": "from .names import A\nA = 7\n"})
