"""Which absolute names draw random numbers, for the walk through an operator's code."""

from accio.domain.draws import SEEDABLE, is_unseeded

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
    if name not in SEEDABLE and is_unseeded(name):
        return True
    module, _, attribute = name.rpartition(".")
    if module == "random":
        return attribute in _OF_RANDOM
    return module == "numpy.random" and attribute.islower() and attribute not in _NO_DRAW_OF_NUMPY


def draws_if_unseeded(name: str) -> bool:
    """Return whether a call of the absolute *name* without arguments makes a generator that nothing seeds."""
    return name in SEEDABLE


def seeds(name: str) -> str:
    """Return the module whose global generator the absolute *name* seeds; empty if it seeds none."""
    return {"random.seed": "random", "numpy.random.seed": "numpy.random"}.get(name, "")
