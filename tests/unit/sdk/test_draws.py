"""Operators that draw random numbers otherwise than from their context: what is found, and what is said of it."""

from pathlib import Path

import pytest

from accio.domain.draws import doubt_when_loaded, doubt_when_repeated, is_unseeded
from accio.sdk.catalogue import discover
from tests.unit.sdk.packages import digest_of, write

OPS = "{imports}\nfrom accio import operator\n\n@operator\ndef Op(x: int) -> int:\n    {body}\n"


@pytest.fixture(autouse=True)
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The packages of a test lie in its own folder."""
    monkeypatch.syspath_prepend(tmp_path)


def found(folder: Path, imports: str, body: str, **others: str) -> list[str]:
    """Return the names that an operator draws from."""
    files = {f"pkg/{name}.py": text for name, text in others.items()}
    write(folder, {"pkg/__init__.py": "", "pkg/ops.py": OPS.format(imports=imports, body=body), **files})
    return [draw.partition(" in ")[0] for draw in digest_of("pkg.ops", "Op").draws]


@pytest.mark.parametrize(
    ("imports", "body", "draws"),
    [
        ("import secrets", "return secrets.randbelow(x)", "secrets.randbelow"),
        ("from secrets import token_hex as t", "return len(t(x))", "secrets.token_hex"),
        ("import uuid", "return uuid.uuid4().int % x", "uuid.uuid4"),
        ("import os", "return os.urandom(1)[0]", "os.urandom"),
        ("import random", "return random.SystemRandom().randint(0, x)", "random.SystemRandom"),
        ("from random import Random", "return Random().randint(0, x)", "random.Random"),
        ("import numpy as np", "return int(np.random.default_rng().integers(x))", "numpy.random.default_rng"),
        ("from numpy.random import default_rng", "return int(default_rng().integers(x))", "numpy.random.default_rng"),
        ("from numpy import random as r", "return int(r.RandomState().randint(x))", "numpy.random.RandomState"),
        ("", "import numpy.random\n    return int(numpy.random.SeedSequence().entropy)", "numpy.random.SeedSequence"),
    ],
)
def test_what_no_seed_fixes_is_found(tmp_path: Path, imports: str, body: str, draws: str) -> None:
    """By whatever name it was imported."""
    assert found(tmp_path, imports, body) == [draws]
    assert is_unseeded(draws)


def test_helpers_and_constants_count(tmp_path: Path) -> None:
    """What an operator reaches draws for it; what it doesn't reach, or only imports, draws for nobody."""
    helper = "import secrets, os\n\ndef drawn():\n    return secrets.randbits(8)\n\n"
    helper += "def other(n):\n    return os.urandom(n)\n"
    assert found(tmp_path, "from .helper import drawn", "return drawn()", helper=helper) == ["secrets.randbits"]
    constant = "import numpy as np\nRNG = np.random.default_rng()\n"
    assert found(tmp_path, "from .made import RNG", "return int(RNG.integers(x))", made=constant) == [
        "numpy.random.default_rng"
    ]
    assert found(tmp_path, "import secrets, random, uuid", "return x") == []


@pytest.mark.parametrize(
    ("imports", "body"),
    [
        ("from numpy.random import default_rng", "return int(default_rng(7).integers(x))"),
        ("from numpy.random import default_rng", "return int(default_rng(seed=x).integers(x))"),
        ("import random", "return random.Random(x).randint(0, 9)"),
        ("import numpy as np", "return int(np.random.RandomState(x).randint(9))"),
        ("import secrets", "return int(secrets.compare_digest('a', 'b'))"),
        ("import uuid", "return uuid.uuid5(uuid.NAMESPACE_DNS, 'a').int % x"),
        ("import random", "random.seed(x)\n    return random.randint(0, 9)"),
        ("import numpy as np", "np.random.seed(x)\n    return int(np.random.randint(9))"),
    ],
)
def test_what_is_seeded_is_no_draw(tmp_path: Path, imports: str, body: str) -> None:
    """A generator that the code seeds gives what its inputs say; and not all of a module draws."""
    assert found(tmp_path, imports, body) == []


def test_global_generators_count_where_it_is_repeated(tmp_path: Path) -> None:
    """They are seeded by the inputs: nothing is said at the start, but of repetitions, which are all the same."""
    draws = found(tmp_path, "import random, numpy as np", "return random.randint(0, x) + int(np.random.poisson(x))")
    assert draws == ["numpy.random.poisson", "random.randint"]
    assert doubt_when_loaded("Op", draws, unstable=False) == ""
    assert "(numpy.random.poisson, random.randint)" in doubt_when_repeated("Op", draws, repeat=5)
    assert doubt_when_repeated("Op", draws, repeat=1) == ""


def test_it_is_said_when_operators_are_loaded(tmp_path: Path) -> None:
    """Of a stable operator, and of an unstable one whose seed doesn't fix what it draws."""
    path = tmp_path / "ops.py"
    path.write_text(
        "import uuid\nfrom accio import operator\n\n"
        "@operator\ndef Stable(x: int) -> str:\n    return uuid.uuid4().hex\n\n"
        "@operator(unstable=True)\ndef Unstable(x: int) -> str:\n    return uuid.uuid4().hex\n\n"
        "@operator\ndef Plain(x: int) -> int:\n    return x\n"
    )
    catalogue = discover([str(path)], folder=tmp_path, cache=None, installed=False)
    assert {offer.spec.name: offer.spec.draws for offer in catalogue.offers} == {
        "Stable": ("uuid.uuid4 in function Stable of ops",),
        "Unstable": ("uuid.uuid4 in function Unstable of ops",),
        "Plain": (),
    }
    stable, unstable = catalogue.doubts
    assert stable.startswith(
        "operator Stable isn't declared unstable, yet draws random numbers (uuid.uuid4 in function"
    )
    assert unstable.startswith("operator Unstable draws random numbers that its seed doesn't fix (uuid.uuid4 in")
