"""Functions that nothing decorates, offered because they are named."""

from pathlib import Path

import pytest

from accio.errors import BadRequest, InvalidDefinition
from accio.sdk.catalogue import discover
from accio.sdk.loading import load

MODEL = '''
import functools, math, operator
from textwrap import dedent

SCALE = 2.0


def simulate(alpha: float, seed: int, label: str = "x") -> float:
    """Simulate something."""
    return alpha * seed * SCALE


def bare(x):
    return x


known = math.pi
once = functools.partial(simulate, seed=1)
kept = functools.cache(simulate)
later = operator.itemgetter(0)


class Solver:
    def solve(self, x: float) -> float:
        return x
'''


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A file with functions; the name is the test's own, since modules stay imported."""
    file = tmp_path / f"model_{abs(hash(str(tmp_path)))}.py"
    file.write_text(MODEL)
    return file


def test_a_named_function_is_an_operator(model: Path) -> None:
    """FILE.py:FUNCTION offers a function with its hints and defaults; it counts as random, having promised nothing."""
    (offer,) = discover([f"{model}:simulate"], folder=model.parent, cache=None, installed=False).offers
    assert offer.spec.name == "simulate"
    assert [(port.name, str(port.type), port.default) for port in offer.spec.inputs] == [
        ("alpha", "double", None),
        ("seed", "integer", None),
        ("label", "string", '"x"'),
    ]
    assert (offer.spec.unstable, offer.spec.help) == (True, "Simulate something.")
    assert offer.spec.digest is not None


def test_its_digest_covers_what_it_reaches(model: Path) -> None:
    """An edit of a constant that the function uses changes the digest, an edit elsewhere doesn't."""

    def digest() -> str | None:
        (offer,) = discover([f"{model}:simulate"], folder=model.parent, cache=None, installed=False).offers
        return offer.spec.digest

    first = digest()
    model.write_text(MODEL.replace("known = math.pi", "known = 4"))
    assert digest() == first
    model.write_text(MODEL.replace("SCALE = 2.0", "SCALE = 3.0"))
    assert digest() != first


def test_it_stays_a_function(model: Path) -> None:
    """What is loaded is the function itself, which computes as before."""
    (found,) = load([f"{model}:simulate"]).values()
    assert found.target(0.5, 3) == 3.0  # type: ignore[union-attr]  # a declaration, not a program


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("simulat", BadRequest, "has no attribute simulat; did you mean simulate"),
        ("nope", BadRequest, "has no attribute nope; it has simulate, bare$"),
        ("known", BadRequest, "is of type float, and no operator, no list of operators and no function"),
        ("once", BadRequest, r"is a functools.partial: write a function with type hints that calls it"),
        ("kept", BadRequest, r"is kept by functools.cache: leave that out"),
        ("later", BadRequest, "is an object of itemgetter: write a function with type hints that calls it"),
        ("Solver", BadRequest, "is a class: put @operator above it, if it has a method run"),
        ("bare", InvalidDefinition, "input 'x' has no type hint"),
    ],
)
def test_what_is_no_operator(model: Path, name: str, error: type[Exception], message: str) -> None:
    """Names that lead nowhere, values, and functions without hints are told as what they are."""
    with pytest.raises(error, match=message):
        discover([f"{model}:{name}"], folder=model.parent, cache=None, installed=False)


def test_a_file_by_itself_offers_its_functions(model: Path) -> None:
    """All that say what they take and return, where nothing is decorated; where something is, that alone."""
    model.write_text(MODEL + "\ndef _inner(x: int) -> int:\n    return x\n")
    (offer,) = discover([str(model)], folder=model.parent, cache=None, installed=False).offers
    assert (offer.spec.name, offer.spec.unstable) == ("simulate", True)
    decorated = "\nfrom accio import operator\n\n@operator\ndef Other(x: int) -> int:\n    return x\n"
    model.write_text(MODEL + decorated)
    (offer,) = discover([str(model)], folder=model.parent, cache=None, installed=False).offers
    assert offer.spec.name == "Other"


def test_a_file_without_such_functions_is_refused(model: Path) -> None:
    """What an operator is stands in the message."""
    model.write_text("def bare(x):\n    return x\n")
    with pytest.raises(BadRequest, match=r"declares no operators; .* a function with type hints for its parameters"):
        discover([str(model)], folder=model.parent, cache=None, installed=False)
