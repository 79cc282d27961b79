"""Random numbers that an operator draws otherwise than from its context: what is said of them to its author.

Each is told as `NAME in PLACE`, as in "uuid.uuid4 in function label".
"""

from collections.abc import Iterable

SEEDABLE = frozenset(
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

_FROM_SYSTEM = SEEDABLE | {
    "os.getrandom",
    "os.urandom",
    "random.SystemRandom",
    "secrets.SystemRandom",
    "secrets.choice",
    "secrets.randbelow",
    "secrets.randbits",
    "secrets.token_bytes",
    "secrets.token_hex",
    "secrets.token_urlsafe",
    "uuid.uuid1",
    "uuid.uuid4",
}
_INSTEAD = "draw from ctx.random or ctx.rng"


def is_unseeded(draw: str) -> bool:
    """Return whether what is drawn comes from the operating system, so that no seed fixes it. Everything else comes
    from a global generator, which is seeded before each execution.
    """
    return draw.partition(" in ")[0] in _FROM_SYSTEM


def doubt_when_loaded(name: str, draws: Iterable[str], *, unstable: bool) -> str:
    """Return what to tell whoever offers an operator; empty if nothing is wrong with what it draws."""
    found = _listed(draw for draw in draws if is_unseeded(draw))
    if not found:
        return ""
    if unstable:
        return f"operator {name} draws random numbers that its seed doesn't fix ({found}): {_INSTEAD}"
    return (
        f"operator {name} isn't declared unstable, yet draws random numbers ({found}): one result is that of all its "
        f"repetitions. If they matter, declare unstable=True, and {_INSTEAD}"
    )


def doubt_when_repeated(name: str, draws: Iterable[str], *, repeat: int) -> str:
    """Return what to tell whoever repeats an operator that isn't unstable; empty if it draws nothing."""
    found = _listed(draws)
    if not found or repeat == 1:
        return ""
    return (
        f"{name} isn't declared unstable: where its inputs are the same, all {repeat} repetitions have one result of "
        f"it. Yet it draws random numbers ({found}): if they matter, declare unstable=True, and {_INSTEAD}"
    )


def _listed(draws: Iterable[str]) -> str:
    found = sorted(draws)
    return ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
