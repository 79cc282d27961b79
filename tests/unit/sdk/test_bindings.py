"""What an operator's name is bound to is what runs, or its module is refused."""

from pathlib import Path

import pytest

from accio.errors import InvalidDefinition
from accio.sdk.loading import load
from tests.unit.sdk.packages import write

HEAD = """import functools
from dataclasses import dataclass
from accio import operator

def wrapping(f):
    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        return f(*args, **kwargs) * 100
    return wrapper

def bare(f):
    return lambda *args, **kwargs: f(*args, **kwargs) * 100

def marked(f):
    f.mark = True
    return f

class Wrapping:
    def __init__(self, f):
        self.f = f
        functools.update_wrapper(self, f)
    def __call__(self, *args, **kwargs):
        return self.f(*args, **kwargs) * 100

class Bare:
    def __init__(self, f):
        self.f = f
    def __call__(self, *args, **kwargs):
        return self.f(*args, **kwargs) * 100
"""
OP = "@operator\ndef Op(x: int) -> int:\n    return x\n"
BODY = "def Op(x: int) -> int:\n    return x\n"
OTHER = "@operator(name='Other')\ndef Op(x: int) -> int:\n    return x\n"
SMALL = "@operator(name='Op')\ndef op(x: int) -> int:\n    return x\n"
FUNCTION = "def f(x: int) -> int:\n    return x\n"
MADE = "def make():\n    def Op(x: int) -> int:\n        return x\n    return Op\n"
CLASS = "@operator\nclass Op:\n    def run(self, x: int) -> int:\n        return x\n"
REFUSED = {
    "above": f"@wrapping\n{OP}",
    "above, without wraps": f"@bare\n{OP}",
    "above, a class": f"@Wrapping\n{OP}",
    "above, a class without wraps": f"@Bare\n{OP}",
    "above, of the standard library": f"@functools.lru_cache\n{OP}",
    "far above": f"@marked\n@wrapping\n@marked\n{OP}",
    "between two": f"@wrapping\n@operator\n@wrapping\n{BODY}",
    "above one with a name": f"@wrapping\n{OTHER}",
    "bound again": f"{OP}Op = wrapping(Op)\n",
    "bound again, without wraps": f"{OP}Op = bare(Op)\n",
    "bound again, with the operator under another name": f"{OP}first = Op\nOp = wrapping(Op)\n",
    "bound again, without wraps, with another name": f"{OP}first = Op\nOp = bare(Op)\n",
    "bound to a value": f"{OP}Op = 5\n",
    "its name bound to what was made of it": f"{SMALL}Op = wrapping(op)\n",
    "a class made anew": f"@dataclass(slots=True)\n{CLASS}",
    "a subclass": f"{CLASS}class Op(Op):\n    def run(self, x: int) -> int:\n        return x * 100\n",
}
ACCEPTED = {
    "below": f"@operator\n@wrapping\n{BODY}",
    "above, which gives the same": f"@marked\n{OP}",
    "defined again": f"{OP}{OP.replace('return x', 'return x * 100')}",
    "declared again": f"{OP}Op = operator(name='Op')(wrapping(Op))\n",
    "under two names": f"{OP}Alias = Op\n",
    "under another name only": f"{OP}Alias = Op\ndel Op\n",
    "something else made of it": f"{OP}helper = wrapping(Op)\n",
    "of a function whose name is bound again": f"{FUNCTION}Op = operator(name='Op')(f)\nf = None\n",
    "made by a function": f"{MADE}One = operator(make())\n",
}


def _module(tmp_path: Path) -> Path:
    """Return a file whose module's name no other test uses."""
    return tmp_path / f"{tmp_path.name}.py"


@pytest.mark.parametrize("what", REFUSED)
def test_what_took_an_operators_place_is_refused(tmp_path: Path, what: str) -> None:
    """The message says which operator, in which file, which name, and what to do."""
    path = _module(tmp_path)
    write(tmp_path, {path.name: HEAD + REFUSED[what]})
    with pytest.raises(InvalidDefinition) as caught:
        load([str(path)])
    mentions = ("operator O", str(path), "the name Op", "put @operator outermost")
    assert [text for text in mentions if text not in caught.value.message] == []


@pytest.mark.parametrize("what", ACCEPTED)
def test_what_runs_is_what_the_name_is_bound_to(tmp_path: Path, what: str) -> None:
    """Everything that leaves the operator where its name leads is loaded, and is the function of that name."""
    path = _module(tmp_path)
    write(tmp_path, {path.name: HEAD + ACCEPTED[what]})
    operators = load([str(path)])
    assert set(operators) == {"Op"}


def test_a_displaced_operator_of_a_module_that_is_imported(tmp_path: Path) -> None:
    """Who imports what took the place is refused; who imports something else from there isn't."""
    home = _module(tmp_path).stem
    write(tmp_path, {f"{home}.py": f"{HEAD}N = 1\n@bare\n{OP}"})
    own = OP.replace("Op", "Own")
    write(tmp_path, {f"{home}_a.py": f"from {home} import Op\nfrom accio import operator\n{own}"})
    write(tmp_path, {f"{home}_b.py": f"from {home} import N\nfrom accio import operator\n{own}"})
    assert set(load([str(tmp_path / f"{home}_b.py")])) == {"Own"}
    with pytest.raises(InvalidDefinition, match=f"{home}.py the name Op is bound to something else"):
        load([str(tmp_path / f"{home}_a.py")])
