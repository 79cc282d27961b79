"""Which operators can but compute with what they are given, so that nothing else is set up for them or put back."""

import sys
from collections.abc import Iterator
from textwrap import dedent
from types import ModuleType

import pytest

from accio_agent.worker.restoring.pure_code import MOST_OBJECTS, is_pure

PURE = {
    "arithmetic": "def f(x): return x * 2 + len(str(x))",
    "modules that compute": """
        import math, json, re
        from itertools import accumulate
        PATTERN = re.compile("a+")
        def f(x): return math.sqrt(x) + len(json.dumps(list(accumulate([x])))) + bool(PATTERN.match("a"))
        """,
    "own functions and constants": """
        TABLE = {"twice": lambda x: 2 * x, "more": (1, 2.5, frozenset({"a"}))}
        def helper(x, by=3): return TABLE["twice"](x) + by
        def f(x): return helper(x)
        """,
    "a closure": """
        def make(n):
            def inner(x): return x + n
            return inner
        f = make(2)
        """,
    "own classes": """
        from dataclasses import dataclass, field
        from enum import Enum
        from typing import NamedTuple
        class Colour(Enum):
            RED = 1
        class Result(NamedTuple):
            a: int
            b: float
        @dataclass(frozen=True)
        class Point:
            x: int
            y: int = 0
            @property
            def norm(self): return abs(self.x) + abs(self.y)
        def f(x): return Result(a=Point(x).norm, b=Colour.RED.value)
        """,
    "patterns": """
        from dataclasses import dataclass
        @dataclass
        class Point:
            x: int
            y: int = 0
        def f(x):
            match (Point(x), x):
                case (Point(0, y=down), int()): return down
                case (Point(across), _): return across
        """,
    "a class with run": """
        class f:
            def __init__(self): self.n = 2
            def run(self, x): return self.n * x
        """,
    "printing, and raising errors": """
        def f(x):
            print("x is", x)
            raise ValueError(f"{x} is refused")
        """,
    "a cache": """
        from functools import cache
        @cache
        def slow(x): return x * x
        def f(x): return slow(x)
        """,
    "writing to a file that is open": """
        import os
        def f(x): return os.write(1, b".")
        """,
    "what else the module does": """
        import os, random, subprocess
        START = os.getcwd()
        def other(): return random.random() + os.system("true")
        def f(x): return x
        """,
}

IMPURE = {
    "the folder": "import os\ndef f(x): os.chdir('/')",
    "the folder by another name": "from os import chdir as to\ndef f(x): to('/')",
    "the umask in a helper": "import os\ndef helper(): return os.umask(0)\ndef f(x): return helper()",
    "the environment": "import os\ndef f(x): return os.environ['HOME']",
    "child processes": "import subprocess\ndef f(x): subprocess.run(['true'])",
    "a fork in a table": "import os\nTABLE = {'a': [os.fork]}\ndef f(x): return TABLE['a'][0]()",
    "a fork in a default argument": "import os\ndef f(x, what=os.fork): return what()",
    "a fork in a closure": """
        import os
        def make(what):
            def inner(x): return what()
            return inner
        f = make(os.fork)
        """,
    "a fork in a partial": "import os, functools\nstart = functools.partial(os.fork)\ndef f(x): return start()",
    "a fork in a method": "import os\nclass A:\n    def go(self): os.fork()\nMADE = A()\ndef f(x): MADE.go()",
    "a fork of a text's class": """
        import os
        class Text(str):
            def go(self): os.fork()
        MADE = Text("a")
        def f(x): MADE.go()
        """,
    "a fork in an operation": "import os\nclass A:\n    def __add__(self, o): os.fork()\nA = A()\ndef f(x): A + x",
    "a fork in a default of a dictionary": """
        import os
        from collections import defaultdict
        TABLE = defaultdict(os.fork)
        def f(x): return TABLE[x]
        """,
    "a fork by dispatch": """
        import os
        from functools import singledispatch
        @singledispatch
        def go(x): os.fork()
        def f(x): go(x)
        """,
    "opening files": "def f(x): return open('/tmp/x', 'w')",
    "a path": "from pathlib import Path\ndef f(x): return Path('/tmp/x').read_text()",
    "an import": "def f(x):\n    import os as o\n    o.chdir('/')",
    "a name that is made": "import os\ndef f(x): getattr(os, 'ch' + 'dir')('/')",
    "a name that is made by operator": """
        import os
        from operator import attrgetter as get
        def f(x): get("ch" + "dir")(os)
        """,
    "a getter that was made": """
        import os
        from operator import attrgetter
        get = attrgetter("chdir")
        def f(x): get(os)("/")
        """,
    "a name in a pattern": "def f(x):\n    match f:\n        case object(__globals__=names): names.clear()",
    "a name that a class lists for patterns": """
        import os
        class Kept:
            __match_args__ = ("kept",)
        KEPT = Kept()
        KEPT.kept = os.fork
        def f(x):
            match KEPT:
                case Kept(start): start()
        """,
    "a module's own class": """
        import os, sys
        from types import ModuleType
        class Lazy(ModuleType):
            start = property(lambda self: os.fork)
        me = sys.modules[__name__]
        me.__class__ = Lazy
        def f(x): me.start()
        """,
    "a module that only has the name of another": """
        import os
        from types import ModuleType
        math = ModuleType("math")
        math.start = os.fork
        def f(x): math.start()
        """,
    "a class that only says that it is built in": """
        import os
        class Kept: start = os.fork
        Kept.__name__, Kept.__module__ = "dict", "builtins"
        def f(x): Kept.start()
        """,
    "what a module imports": "import dataclasses\ndef f(x): dataclasses.sys.setrecursionlimit(x)",
    "built-in functions of its own": """
        import builtins, os
        __builtins__ = {**vars(builtins), "start": os.fork}
        exec("def f(x): start()")
        """,
    "all classes": "def f(x): return ().__class__.__base__.__subclasses__()",
    "frames": "def g(): yield\ndef f(x): return g().gi_frame.f_globals",
    "evaluation": "def f(x): return eval('1')",
    "the global generator": "import random\ndef f(x): return random.random()",
    "one function of the global generator": "from random import random as draw\ndef f(x): return draw()",
    "what draws from the global generator": "import uuid\ndef f(x): return str(uuid.uuid1())",
    "a generator of its own": "import random\nMINE = random.Random(1)\ndef f(x): return MINE.random()",
    "numpy": "import numpy as np\ndef f(x): return np.sqrt(x)",
    "standard output": "import sys\ndef f(x): sys.stdout = None",
    "warnings": "import warnings\ndef f(x): warnings.simplefilter('error')",
    "threads": "from threading import Thread\ndef f(x): Thread(target=print).start()",
    "the interpreter": "import sys\ndef f(x): sys.setrecursionlimit(10)",
    "registering classes": "from collections.abc import Sequence\nclass A: pass\ndef f(x): Sequence.register(A)",
    "ending": "def f(x):\n    try: exit()\n    except SystemExit: pass",
    "what can't be looked at": """
        class Odd:
            @property
            def __class__(self): raise RuntimeError("not now")
        ODD = Odd()
        def f(x): return ODD
        """,
    "too much to follow": f"TABLE = [[] for _ in range({MOST_OBJECTS + 1})]\ndef f(x): return TABLE[x]",
}


@pytest.fixture
def module() -> Iterator[ModuleType]:
    """A module of operators."""
    made = ModuleType("own_for_this_test")
    sys.modules[made.__name__] = made
    yield made
    del sys.modules[made.__name__]


def _is_pure(module: ModuleType, source: str) -> bool:
    exec(dedent(source), vars(module))  # noqa: S102 - as an import would
    return is_pure(module.f, lambda name: name == module.__name__)


@pytest.mark.parametrize("source", PURE.values(), ids=PURE)
def test_pure(module: ModuleType, source: str) -> None:
    """Code that leads to nothing but what computes is pure, whatever else its module has."""
    assert _is_pure(module, source)


@pytest.mark.parametrize("source", IMPURE.values(), ids=IMPURE)
def test_impure(module: ModuleType, source: str) -> None:
    """Code isn't pure if anything that reaches further can be had by it, on whatever way."""
    assert not _is_pure(module, source)


def test_other_own_module(module: ModuleType) -> None:
    """Code of another own module counts as far as it is named."""
    other = ModuleType("other_for_this_test")
    exec("import os\ndef good(x): return x\ndef bad(x): os.fork()", vars(other))  # noqa: S102 - as an import would
    module.other = other  # type: ignore[attr-defined]  # as `import other` does

    def found(source: str) -> bool:
        exec(source, vars(module))  # noqa: S102 - as an import would
        return is_pure(module.f, lambda name: name in {module.__name__, other.__name__})

    assert found("def f(x): return other.good(x)")
    assert not found("def f(x): return other.bad(x)")


def test_code_elsewhere(module: ModuleType) -> None:
    """Code of a package that isn't followed isn't pure."""
    other = ModuleType("other_for_this_test")
    exec("def good(x): return x", vars(other))  # noqa: S102 - as an import would
    module.good = other.good  # type: ignore[attr-defined]  # as `from other import good` does
    assert not _is_pure(module, "def f(x): return good(x)")


def test_replaced_function(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A built-in function that was replaced counts as what it is now."""
    assert _is_pure(module, "def f(x): return divmod(x, 2)")
    exec("import os\ndef divmod_(x, y): os.fork()", vars(module))  # noqa: S102 - as an import would
    monkeypatch.setattr("builtins.divmod", module.divmod_)
    assert not _is_pure(module, "def f(x): return divmod(x, 2)")
