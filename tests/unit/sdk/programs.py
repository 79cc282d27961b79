"""Small programs for the tests of digests, one for each way in which an operator can depend on something."""

# The body of an operator, and the code that it depends on; NUM is what changes.
DEPENDENCIES = {
    "constant": (
        "return x * F",
        "F = NUM",
    ),
    "annotated constant": (
        "return x * F",
        "F: int = NUM",
    ),
    "constant of a constant": (
        "return x * F",
        """G = NUM
F = G""",
    ),
    "unpacked constant": (
        "return x * F",
        "F, G = NUM, 1",
    ),
    "augmented constant": (
        "return x * F",
        """F = 1
F += NUM""",
    ),
    "default argument of a helper": (
        "return h(x)",
        """def h(x, f=NUM):
    return x * f""",
    ),
    "decorator of a helper": (
        "return h(x)",
        """def d(f):
    return lambda x: f(x) * NUM
@d
def h(x):
    return x""",
    ),
    "class attribute": (
        "return C.f * x",
        """class C:
    f = NUM""",
    ),
    "method": (
        "return C().f(x)",
        """class C:
    def f(self, x):
        return x * NUM""",
    ),
    "base class": (
        "return C().f(x)",
        """class B:
    def f(self, x):
        return x * NUM
class C(B):
    pass""",
    ),
    "metaclass": (
        "return C.f * x",
        """class M(type):
    f = NUM
class C(metaclass=M):
    pass""",
    ),
    "dataclass field": (
        "return C().f * x",
        """from dataclasses import dataclass
@dataclass
class C:
    f: int = NUM""",
    ),
    "lambda": (
        "return h(x)",
        "h = lambda x: x * NUM",
    ),
    "partial": (
        "return h(x)",
        """import functools
def g(f, x):
    return f * x
h = functools.partial(g, NUM)""",
    ),
    "closure": (
        "return h(x)",
        """def make(f):
    return lambda x: f * x
h = make(NUM)""",
    ),
    "table built by a call": (
        "return T[0] * x",
        """def build():
    return [NUM]
T = build()""",
    ),
    "mutation at import": (
        "return T[0] * x",
        """T = []
T.append(NUM)""",
    ),
    "item set at import": (
        "return T[0] * x",
        """T = {}
T[0] = NUM""",
    ),
    "loop at import": (
        "return T[0] * x",
        """T = []
for i in range(3):
    T.append(i + NUM)""",
    ),
    "attribute set at import": (
        "return C.f * x",
        """class C:
    f = 0
C.f = NUM""",
    ),
    "setattr at import": (
        "return C.f * x",
        """class C:
    f = 0
setattr(C, 'f', NUM)""",
    ),
    "walrus at import": (
        "return F * x",
        """if (F := NUM):
    pass""",
    ),
    "try and except": (
        "return F * x",
        """try:
    import nothing_of_that_name
    F = 0
except ImportError:
    F = NUM""",
    ),
    "conditional": (
        "return F * x",
        """import sys
if sys.version_info > (3,):
    F = NUM
else:
    F = 0""",
    ),
    "with at import": (
        "return F * x",
        """import contextlib
with contextlib.suppress(ValueError):
    F = NUM""",
    ),
    "comprehension": (
        "return sum(h(x) for x in [x])",
        """def h(x):
    return x * NUM""",
    ),
    "name used after a comprehension variable": (
        "return [h for h in [1]][0] * h(x)",
        """def h(x):
    return x * NUM""",
    ),
    "iterated name equal to its variable": (
        "return [F for F in F][0] * x",
        "F = [NUM]",
    ),
    "global statement": (
        "return h(x)",
        """F = NUM
def h(x):
    global F
    return x * F""",
    ),
    "nested function": (
        """def g():
        return h(x)
    return g()""",
        """def h(x):
    return x * NUM""",
    ),
    "class inside a function": (
        """class C:
        f = h(x)
    return C.f""",
        """def h(x):
    return x * NUM""",
    ),
    "class attribute of a global's name": (
        """class C:
        h = h(x)
    return C.h""",
        """def h(x):
    return x * NUM""",
    ),
    "descriptor": (
        "return C().f * x",
        """class D:
    def __get__(self, o, t):
        return NUM
class C:
    f = D()""",
    ),
    "singledispatch": (
        "return h(x)",
        """import functools
@functools.singledispatch
def h(x):
    return 0
@h.register
def _(x: int):
    return x * NUM""",
    ),
    "registry by decorator": (
        "return R['h'](x)",
        """R = {}
def reg(f):
    R['h'] = f
    return f
@reg
def anything(x):
    return x * NUM""",
    ),
    "registry by subclassing": (
        "return B.known[0]().f(x)",
        """class B:
    known = []
    def __init_subclass__(cls):
        B.known.append(cls)
class C(B):
    def f(self, x):
        return x * NUM""",
    ),
    "subclasses": (
        "return B.__subclasses__()[0]().f(x)",
        """class B:
    pass
class C(B):
    def f(self, x):
        return x * NUM""",
    ),
    "globals": (
        "return globals()['h'](x)",
        """def h(x):
    return x * NUM""",
    ),
    "docstring that is read": (
        "return int(h.__doc__) * x",
        """def h():
    'NUM'""",
    ),
    "enumeration": (
        "return E.A.value * x",
        """import enum
class E(enum.Enum):
    A = NUM""",
    ),
    "match": (
        """match x:
        case C.f:
            return 1
    return x""",
        """class C:
    f = NUM""",
    ),
    "exception class": (
        """try:
        raise E(x)
    except E as e:
        return e.f""",
        """class E(Exception):
    f = NUM""",
    ),
    "f-string": (
        "return int(f'{F}') * x",
        "F = NUM",
    ),
    "star argument": (
        "return h(*F) * x",
        """F = [NUM]
def h(f):
    return f""",
    ),
    "quoted annotation": (
        "return typing.get_type_hints(h)['y'].f * x",
        """import typing
class F:
    f = NUM
def h(y: 'F'):
    pass""",
    ),
    "attribute of a function": (
        "return h.f * x",
        """def h():
    pass
h.f = NUM""",
    ),
    "deleted at import": (
        "return len(F) * x",
        """F = [1, 2, 3, 4]
del F[:NUM]""",
    ),
    "global import by a function": (
        "return math.floor(x)",
        """def load():
    global math
    import math
    math.floor = lambda x: NUM
load()""",
    ),
    "async helper": (
        "return asyncio.run(h(x))",
        """import asyncio
async def h(x):
    return x * NUM""",
    ),
    "generator": (
        "return next(h(x))",
        """def h(x):
    yield x * NUM""",
    ),
    "keyword-only default": (
        "return h(x)",
        """def h(x, *, f=NUM):
    return x * f""",
    ),
    "property": (
        "return C().f * x",
        """class C:
    @property
    def f(self):
        return NUM""",
    ),
    "method of a global instance": (
        "return C.f(x)",
        """class K:
    def f(self, x):
        return x * NUM
C = K()""",
    ),
}

# The imports and the body of an operator that uses f of the module helper.
IMPORT_FORMS = {
    "absolute": (
        "import pkg.helper",
        "return pkg.helper.f(x)",
    ),
    "aliased": (
        "import pkg.helper as h",
        "return h.f(x)",
    ),
    "from package": (
        "from pkg import helper",
        "return helper.f(x)",
    ),
    "relative": (
        "from . import helper as h",
        "return h.f(x)",
    ),
    "relative name": (
        "from .helper import f as g",
        "return g(x)",
    ),
    "inside the function": (
        "",
        """from .helper import f
    return f(x)""",
    ),
    "module inside the function": (
        "",
        """import pkg.helper as h
    return h.f(x)""",
    ),
    "package inside the function": (
        "",
        """import pkg.helper
    return pkg.helper.f(x)""",
    ),
    "module passed on": (
        "from . import helper",
        """m = helper
    return m.f(x)""",
    ),
    "module as an argument": (
        "from . import helper",
        """return use(helper, x)
def use(m, x):
    return m.f(x)""",
    ),
    "constant getattr": (
        "from . import helper",
        "return getattr(helper, 'f')(x)",
    ),
    "constant import_module": (
        "import importlib",
        "return importlib.import_module('pkg.helper').f(x)",
    ),
    "relative import_module": (
        "import importlib",
        "return importlib.import_module('.helper', __package__).f(x)",
    ),
    "__import__": (
        "",
        "return __import__('pkg.helper').helper.f(x)",
    ),
    "nonlocal import": (
        "",
        """h = None
    def load():
        nonlocal h
        from . import helper as h
    load()
    return h.f(x)""",
    ),
    "global import": (
        "",
        """load()
    return h.f(x)
def load():
    global h
    from . import helper as h""",
    ),
    "import in a class": (
        """class C:
    from . import helper as h""",
        "return C.h.f(x)",
    ),
    "conditional import": (
        """try:
    from .fast import f
except ImportError:
    from .helper import f""",
        "return f(x)",
    ),
    "re-exported": (
        "from .door import f",
        "return f(x)",
    ),
    "re-exported by a package": (
        "from .sub import f",
        "return f(x)",
    ),
    "module attribute of another module": (
        "from . import door",
        "return door.helper.f(x)",
    ),
    "module __getattr__": (
        "from . import lazy",
        "return lazy.f(x)",
    ),
    "package of a submodule": (
        "import pkg.sub.deep",
        "return pkg.sub.deep.f(x)",
    ),
}
