"""Which absolute names draw random numbers, for the walk through an operator's code."""

from accio.domain.draws import is_unseeded

_SEEDABLE = frozenset(
    {
        "numpy.random.MT19937",
        "numpy.random.PCG64",
        "numpy.random.PCG64DXSM",
        "numpy.random.Philox",
        "numpy.random.RandomState",
        "numpy.random.SFC64",
        "numpy.random.SeedSequence",
        "numpy.random.default_rng",
        "random.Random",
    }
)
"""Generators that draw their seed from the operating system where they are called with no argument."""

_OF_RANDOM = frozenset(
    {
        "betavariate", "binomialvariate", "choice", "choices", "expovariate", "gammavariate", "gauss", "getrandbits",
        "lognormvariate", "normalvariate", "paretovariate", "randbytes", "randint", "random", "randrange", "sample",
        "shuffle", "triangular", "uniform", "vonmisesvariate", "weibullvariate",
    }
)  # fmt: skip
_NO_DRAW_OF_NUMPY = frozenset(
    {"default_rng", "get_bit_generator", "get_state", "seed", "set_bit_generator", "set_state"}
)


def draws(name: str) -> bool:
    """Return whether a use of the absolute *name* draws random numbers, whatever it is called with."""
    if name not in _SEEDABLE and is_unseeded(name):
        return True
    module, _, attribute = name.rpartition(".")
    if module == "random":
        return attribute in _OF_RANDOM
    return module == "numpy.random" and attribute.islower() and attribute not in _NO_DRAW_OF_NUMPY


def draws_if_unseeded(name: str) -> bool:
    """Return whether a call of the absolute *name* without arguments makes a generator that nothing seeds."""
    return name in _SEEDABLE


def seeds(name: str) -> str:
    """Return the module whose global generator the absolute *name* seeds; empty if it seeds none."""
    return {"random.seed": "random", "numpy.random.seed": "numpy.random"}.get(name, "")
