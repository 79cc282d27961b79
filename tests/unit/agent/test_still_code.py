"""Which operators can't change anything that outlives an execution, so that nothing is looked at after it."""

import math
import sys
from collections.abc import Iterator
from textwrap import dedent
from types import ModuleType

import pytest

from accio_agent.worker.restoring.pure_code import is_pure
from accio_agent.worker.restoring.still_code import is_still

STILL = {
    "arithmetic": "def f(x): return x * 2 + len(str(x))",
    "own functions and constants": """
        import math
        FACTORS = (1, 2.5, frozenset({3}))
        def helper(x, by=3): return math.sqrt(x) * by
        def f(x): return helper(x) + FACTORS[0]
        """,
    "collections of its own": """
        def f(x):
            found = {}
            found["x"] = [each for each in range(x)]
            found["x"].append(x)
            return sum(found["x"])
        """,
    "variables of inner functions": """
        def f(x):
            def more(): return x + 1
            return more()
        """,
    "writing to a file that is open": "import os\ndef f(x): return os.write(1, b'.')",
    "printing, and raising errors": "def f(x):\n    print(x)\n    raise ValueError(f'{x} is refused')",
}

KEEPING = {
    "a global": "n = 0\ndef f(x):\n    global n\n    n += x\n    return n",
    "a global that is deleted": "n = 0\ndef f(x):\n    global n\n    del n",
    "a list": "KEPT = []\ndef f(x): KEPT.append(x)",
    "a list within a tuple": "KEPT = ([],)\ndef f(x): KEPT[0].append(x)",
    "a dictionary": "KEPT = {}\ndef f(x): KEPT[x] = x",
    "a list as a default": "def f(x, kept=[]): kept.append(x)",
    "a list as a default of a helper": "def helper(x, *, kept=[]): kept.append(x)\ndef f(x): helper(x)",
    "an attribute of a function": "def f(x): f.kept = x",
    "an attribute of a helper": "def helper(): pass\ndef f(x): helper.kept = x",
    "an attribute of a module": "import math\ndef f(x): math.pi = x",
    "an attribute that is deleted": "import math\ndef f(x): del math.pi",
    "an attribute by a method of object": "import math\ndef f(x): object.__setattr__(math, 'pi', x)",
    "a class of its own": "class Kept: pass\ndef f(x): Kept.last = x",
    "an object": "class Kept: pass\nkept = Kept()\ndef f(x): kept.last = x",
    "a cache": "from functools import cache\n@cache\ndef slow(x): return x\ndef f(x): return slow(x)",
    "a variable of an outer function": """
        def make():
            n = 0
            def inner(x):
                nonlocal n
                n += x
                return n
            return inner
        f = make()
        """,
    "a variable of an outer function that is deleted": """
        def make():
            n = 1
            def inner(x):
                nonlocal n
                found = n + x
                del n
                return found
            return inner
        f = make()
        """,
    "a list of an outer function": """
        def make():
            kept = []
            return lambda x: kept.append(x)
        f = make()
        """,
    "a list that a pattern reads": """
        def helper(): pass
        helper.kept = []
        def f(x):
            match helper:
                case object(kept=kept): kept.append(x)
        """,
    "a list that was put into math": "import math\nmath.kept = []\ndef f(x): math.kept.append(x)",
    "an iterator": "NUMBERS = iter([1, 2])\ndef f(x): return next(NUMBERS)",
    "a counter": "import itertools\nNUMBERS = itertools.count()\ndef f(x): return next(NUMBERS)",
    "a module with functions in Python": "import json\ndef f(x): return json.dumps(x)",
    "a function in Python from elsewhere": "from textwrap import dedent\ndef f(x): return dedent(str(x))",
    "an inner function": "import math\ndef f(x):\n    def inner(): math.pi = x\n    inner()",
    "what isn't pure": "import os\ndef f(x): return os.umask(0)",
}


@pytest.fixture
def module() -> Iterator[ModuleType]:
    """A module of operators."""
    made = ModuleType("own_for_this_test")
    sys.modules[made.__name__] = made
    yield made
    del sys.modules[made.__name__]
    vars(math).pop("kept", None)


def _is_still(module: ModuleType, source: str) -> bool:
    exec(dedent(source), vars(module))  # noqa: S102 - as an import would
    return is_still(module.f, lambda name: name == module.__name__)


@pytest.mark.parametrize("source", STILL.values(), ids=STILL)
def test_still(module: ModuleType, source: str) -> None:
    """Code that stores nothing but variables, and leads to nothing that can be changed, leaves all as it is."""
    assert _is_still(module, source)
    assert is_pure(module.f, lambda name: name == module.__name__)


@pytest.mark.parametrize("source", KEEPING.values(), ids=KEEPING)
def test_keeping(module: ModuleType, source: str) -> None:
    """Code by which something could be kept for the next execution, on whatever way, isn't still."""
    assert not _is_still(module, source)
