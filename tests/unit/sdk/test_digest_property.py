"""Random packages: whenever an edit changes what an operator returns, its digest changes too."""

import importlib
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from accio.sdk.library import Library
from accio.sdk.modules import ModuleFinder
from tests.unit.sdk.packages import digest_of, write

# Ways in which a module can define f(x): INNER stands for a call of the next module's, NUM for a number.
DEFINITIONS = [
    "def f(x):\n    return INNER + NUM",
    "N = NUM\ndef f(x):\n    return INNER + N",
    "N: int = 0\nif x_is_defined := True:\n    N = NUM\ndef f(x):\n    return INNER + N",
    "def h(x, n=NUM):\n    return x + n\ndef f(x):\n    return h(INNER)",
    "f = lambda x: INNER + NUM",
    "class C:\n    n = NUM\n    def m(self, x):\n        return INNER + self.n\nf = C().m",
    "class B:\n    def m(self, x):\n        return INNER + NUM\nclass C(B):\n    pass\ndef f(x):\n    return C().m(x)",
    "T = []\nT.append(NUM)\ndef f(x):\n    return INNER + T[0]",
    "T = {}\nfor i in range(2):\n    T[i] = NUM\ndef f(x):\n    return INNER + T[1]",
    "import functools\ndef part(n, x):\n    return INNER + n\nf = functools.partial(part, NUM)",
    "def make(n):\n    def inner(x):\n        return INNER + n\n    return inner\nf = make(NUM)",
    "def deco(h):\n    return lambda x: h(x) + NUM\n@deco\ndef f(x):\n    return INNER",
    "import functools\n@functools.singledispatch\ndef f(x):\n    return 0\n"
    "@f.register\ndef _(x: int):\n    return INNER + NUM",
    "R = {}\ndef f(x):\n    return R['k'](x)\ndef reg(h):\n    R['k'] = h\n@reg\ndef _k(x):\n    return INNER + NUM",
    "import enum\nclass E(enum.IntEnum):\n    A = NUM\ndef f(x):\n    return INNER + E.A",
    "from dataclasses import dataclass, field\n@dataclass\nclass D:\n    n: int = field(default_factory=lambda: NUM)\n"
    "def f(x):\n    return INNER + D().n",
    "def f(x):\n    return x\ndef _other(x):\n    return INNER + NUM\nglobals()['f'] = _other",
    "class M(type):\n    def __call__(cls, x):\n        return INNER + NUM\nclass f(metaclass=M):\n    pass",
    "def __getattr__(name):\n    if name == 'f':\n        return lambda x: INNER + NUM\n    raise AttributeError(name)",
    "try:\n    import absent_everywhere\nexcept ImportError:\n    def f(x):\n        return INNER + NUM",
    "for _n in (NUM,):\n    def f(x, n=_n):\n        return INNER + n",
    "class P:\n    known = []\n    def __init_subclass__(cls):\n        P.known.append(cls)\n"
    "class Q(P):\n    def m(self, x):\n        return INNER + NUM\ndef f(x):\n    return P.known[-1]().m(x)",
    "class P:\n    pass\nclass Q(P):\n    m = NUM\ndef f(x):\n    return INNER + P.__subclasses__()[0].m",
    "class D:\n    def __get__(self, o, t):\n        return NUM\n"
    "class C:\n    d = D()\ndef f(x):\n    return INNER + C.d",
    "def f(x):\n    return INNER + sum(n for n in [NUM for n in [1]])",
    "def f(x):\n    def g2():\n        nonlocal x\n        x = x + NUM\n    g2()\n    return INNER",
    "n = NUM\ndef f(x):\n    class L:\n        n = n\n    return INNER + L.n",
    "def f(x):\n    return INNER + f.n\nf.n = NUM",
    "def f(x):\n    match x:\n        case int():\n            return INNER + NUM\n    return 0",
]

# Ways in which a module can reach f of the next one.
REFERENCES = [
    ("from .NEXT import f as g", "g(x)"),
    ("from . import NEXT", "NEXT.f(x)"),
    ("from . import NEXT as z", "z.f(x)"),
    ("import PKG.NEXT", "PKG.NEXT.f(x)"),
    ("import PKG.NEXT as z", "z.f(x)"),
    ("from PKG.NEXT import *\n_g = f", "_g(x)"),
    ("import importlib", "importlib.import_module('PKG.NEXT').f(x)"),
    ("import importlib", "importlib.import_module('.NEXT', __package__).f(x)"),
    ("def _load():\n    from .NEXT import f as h\n    return h", "_load()(x)"),
    ("def _load():\n    import PKG.NEXT as h\n    return h", "_load().f(x)"),
    ("from . import NEXT\n_t = {'a': NEXT}", "_t['a'].f(x)"),
    ("from . import NEXT", "getattr(NEXT, 'f')(x)"),
    ("from . import NEXT\nimport operator as op", "op.attrgetter('f')(NEXT)(x)"),
    ("from . import NEXT", "vars(NEXT)['f'](x)"),
    ("from . import NEXT", "NEXT.__dict__['f'](x)"),
    ("from . import NEXT", "NEXT.__getattribute__('f')(x)"),
    ("class _K:\n    from .NEXT import f as inner", "_K.inner(x)"),
    ("from .doors import NEXT_f as g", "g(x)"),
    ("from . import doors", "doors.NEXT.f(x)"),
    ("from . import doors as d\nfrom functools import partial", "partial(getattr(d, 'NEXT_f'), x)()"),
    ("def _load():\n    global late\n    from . import NEXT as late", "(_load(), late.f(x))[1]"),
]

PATCHES = [
    "from . import NEXT\n_old = NEXT.f\nNEXT.f = lambda x: _old(x) + NUM",
    "import PKG.NEXT\nsetattr(PKG.NEXT, 'f', lambda x, old=PKG.NEXT.f: old(x) + NUM)",
    "from . import NEXT\ndef _wrap(h):\n    return lambda x: h(x) + NUM\nvars(NEXT)['f'] = _wrap(NEXT.f)",
]


@dataclass(frozen=True)
class Package:
    """A random package: for each module its definition and how it reaches the next, and patches of modules."""

    modules: tuple[tuple[str, tuple[str, str]], ...]
    patches: tuple[tuple[str, int, bool], ...]

    def files(self, numbers: tuple[int, ...]) -> dict[str, str]:
        """The package's files with a number for each module, then one for each patch."""
        count = len(self.modules)
        doors = "".join(f"from . import m{at}\ndef m{at}_f(x):\n    return m{at}.f(x)\n" for at in range(1, count))
        files = {"rnd/__init__.py": "", "rnd_beside.py": "print(1)\nN = 1\n"}
        files["rnd/doors.py"] = f"def __getattr__(name):\n    raise AttributeError(name)\n{doors}"
        for at, (definition, (imports, call)) in enumerate(self.modules):
            is_last = at == count - 1
            text = definition if is_last else f"{imports}\n{definition}"
            files[f"rnd/m{at}.py"] = fill(text, "x" if is_last else call, numbers[at], f"m{at + 1}")
        early: list[str] = []
        late: list[str] = []
        for at, (patch, target, is_early) in enumerate(self.patches):
            files[f"rnd/p{at}.py"] = fill(patch, "", numbers[count + at], f"m{target}")
            (early if is_early else late).append(f"from . import p{at}\n")
        operator = "from .m0 import f\ndef Op(x):\n    return f(x)\n"
        files["rnd/ops.py"] = "".join(early) + operator + "".join(late)
        return files


def fill(text: str, call: str, number: int, following: str) -> str:
    """Replace the words in capitals."""
    return text.replace("INNER", call).replace("NUM", str(number)).replace("NEXT", following).replace("PKG", "rnd")


@st.composite
def packages(draw: st.DrawFn) -> Package:
    count = draw(st.integers(1, 4))
    modules = tuple((draw(st.sampled_from(DEFINITIONS)), draw(st.sampled_from(REFERENCES))) for _ in range(count))
    patch = st.tuples(st.sampled_from(PATCHES), st.integers(0, count - 1), st.booleans())
    return Package(modules, tuple(draw(st.lists(patch, max_size=2))))


@contextmanager
def on_path(files: dict[str, str]) -> Iterator[None]:
    """Make a package importable, and forget it afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), files)
        sys.path.insert(0, folder)
        try:
            yield
        finally:
            sys.path.remove(folder)
            for name in [name for name in sys.modules if name.partition(".")[0] == "rnd"]:
                del sys.modules[name]


def outcome(files: dict[str, str]) -> tuple[object, str | None, str | None]:
    """What Op(1) gives (the class of what it raises), the digest of Op, and why there is none."""
    with on_path(files):
        found = digest_of("rnd.ops", "Op")
        try:
            result: object = importlib.import_module("rnd.ops").Op(1)
        except Exception as error:  # noqa: BLE001 - some combinations don't work, which is fine
            result = type(error)
    return result, found.digest, found.uncacheable


@settings(max_examples=250, deadline=None)
@given(packages(), st.data())
def test_no_edit_that_matters_is_missed(package: Package, data: st.DataObject) -> None:
    """If one number in a package changes what the operator returns, its digest is another; and there is a digest."""
    numbers = tuple(range(2, 2 + len(package.modules) + len(package.patches)))
    edited = data.draw(st.integers(0, len(numbers) - 1))
    others = tuple(number + 100 if at == edited else number for at, number in enumerate(numbers))
    before, after = outcome(package.files(numbers)), outcome(package.files(others))
    assert before[2] is None
    assert after[2] is None
    if before[0] != after[0]:
        assert before[1] != after[1]


@settings(max_examples=50, deadline=None)
@given(packages())
def test_what_nothing_imports_never_counts(package: Package) -> None:
    """A module beside the package that nothing imports may change as it likes."""
    numbers = tuple(range(2, 2 + len(package.modules) + len(package.patches)))
    files = package.files(numbers)
    assert outcome(files)[1] == outcome({**files, "rnd_beside.py": "1 / 0"})[1]


def test_the_random_packages_work() -> None:
    """Every definition and reference works in its plainest surroundings, so that the first test means something."""
    plain = (DEFINITIONS[0], REFERENCES[0])
    for definition in DEFINITIONS:
        for_it = Package(((definition, REFERENCES[0]), plain), ())
        assert outcome(for_it.files((2, 3)))[0] == 6, definition
    for reference in REFERENCES:
        assert outcome(Package(((DEFINITIONS[0], reference), plain), ()).files((2, 3)))[0] == 6, reference
    for patch in PATCHES:
        package = Package(((DEFINITIONS[0], REFERENCES[1]), plain), ((patch, 1, True),))
        assert outcome(package.files((2, 3, 4)))[0] == 10, patch


def test_a_library_serves_many_operators() -> None:
    """The walks of a distribution's operators share what was parsed, and don't disturb each other."""
    files = {
        "rnd/__init__.py": "",
        "rnd/ops.py": "from . import m\ndef A(x):\n    return m.N\ndef B(x):\n    return x\n",
    }
    with on_path({**files, "rnd/m.py": "N = 1\n"}):
        library = Library(ModuleFinder(frozenset()))
        assert library.parse("rnd.ops") is library.parse("rnd.ops")
        assert digest_of("rnd.ops", "A").digest != digest_of("rnd.ops", "B").digest
