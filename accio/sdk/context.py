"""What an operator is given besides its inputs.

Stable operators (the default) promise equal results for equal inputs, so they are given no seed. Operators declared
``unstable=True`` receive one: it fixes their result, and is the only source of randomness that they should use.
"""

import random as random_module
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from accio.domain.series import Series
from accio.sdk.checkpoint import Checkpoint, FolderKeeper, Keeper
from accio.sdk.measuring import Measurements
from accio.sdk.sinks import ConsoleSinks, Sinks
from accio.sdk.types import Dataset

if TYPE_CHECKING:
    import numpy

PRIVATE = ".accio"
"""The folder in the working folder that is ours."""

_UNSIGNED_64 = (1 << 64) - 1


class NotUnstableError(Exception):
    """A stable operator asked for randomness."""


class OperatorContext:
    """The first argument, named ``ctx``, of an operator that wants it. Made anew for each execution."""

    def __init__(
        self,
        *,
        operator: str,
        folder: Path,
        seed: int | None,
        sinks: Sinks,
        attempt: int = 1,
        idempotency_key: str = "",
        keeper: Keeper | None = None,
    ) -> None:
        """``seed`` is a signed 64-bit integer, or None for a stable operator; ``folder`` exists and is private."""
        self._operator = operator
        self._folder = folder
        self._seed = seed
        self.gave_seed = False  # whether the operator has asked for the number itself
        self._sinks = sinks
        self._attempt = attempt
        self._idempotency_key = idempotency_key
        self._keeper = keeper
        self._checkpoint: Checkpoint | None = None
        self._random: random_module.Random | None = None
        self._rng: numpy.random.Generator | None = None
        self._measurements = Measurements(sinks)

    @classmethod
    def for_testing(
        cls,
        *,
        seed: int | None = None,
        folder: Path | None = None,
        attempt: int = 1,
        sinks: Sinks | None = None,
        checkpoint: Path | None = None,
    ) -> "OperatorContext":
        """Return a context to call an operator by hand: ``MyOperator(OperatorContext.for_testing(seed=1), …)``.

        Without a ``folder``, a new temporary one is made (and left to the caller). Without a ``seed``, the operator is
        treated as stable. ``checkpoint`` is a folder in which what the operator saves is kept: give the next context
        the same one, and it goes on from there.
        """
        if folder is None:
            folder = Path(tempfile.mkdtemp(prefix="accio-"))
        return cls(
            operator="(test)",
            folder=folder,
            seed=seed,
            sinks=sinks or ConsoleSinks(),
            attempt=attempt,
            keeper=None if checkpoint is None else FolderKeeper(checkpoint),
        )

    def __repr__(self) -> str:
        return f"<OperatorContext of {self._operator}: seed={self._seed}, folder={str(self._folder)!r}>"

    @property
    def seed(self) -> int:
        """The node's seed, a signed 64-bit integer. Unstable operators only.

        Many a library takes none below 0, or above 2³² - 1: give it ``ctx.seed % 2**32``, and use `rng` for NumPy.
        """
        self.gave_seed = True
        return self._known_seed()

    def _known_seed(self) -> int:
        if self._seed is None:
            raise NotUnstableError(
                f"operator {self._operator} asks for a seed or a random generator, but isn't declared unstable: "
                "declare it with @operator(unstable=True)"
            )
        return self._seed

    @property
    def random(self) -> random_module.Random:
        """A generator of the standard library, seeded with the node's seed; the same object at each access."""
        if self._random is None:
            # Unsigned, because Random takes the absolute value: -5 and 5 would draw the same numbers.
            self._random = random_module.Random(self._known_seed() & _UNSIGNED_64)  # noqa: S311 - repeatable is the point
        return self._random

    @property
    def rng(self) -> "numpy.random.Generator":
        """A NumPy generator (PCG64), seeded with the node's seed; the same object at each access."""
        if self._rng is None:
            seed = self._known_seed() & _UNSIGNED_64
            import numpy  # operators without NumPy shouldn't pay for its import

            # The bit generator by name: what default_rng() returns may change between versions of NumPy.
            self._rng = numpy.random.Generator(numpy.random.PCG64(seed))
        return self._rng

    @property
    def folder(self) -> Path:
        """The private working folder, also the current directory; only returned datasets outlive the execution."""
        return self._folder

    @property
    def attempt(self) -> int:
        """Which attempt of the node this is, from 1."""
        return self._attempt

    @property
    def idempotency_key(self) -> str:
        """The same text for all attempts of a node: for effects on the world outside that must happen once."""
        return self._idempotency_key

    @property
    def checkpoint(self) -> Checkpoint:
        """A folder whose content, once ``save()`` was called, the next attempt of the node finds; the same object at
        each access.
        """
        if self._checkpoint is None:
            keeper = self._keeper or FolderKeeper(self._folder / PRIVATE / "saved")
            self._checkpoint = Checkpoint(self._folder / PRIVATE / "checkpoint", keeper)
        return self._checkpoint

    def log(self, message: object) -> None:
        """Keep a message with the node's logs."""
        self._sinks.log(str(message))

    def progress(self, fraction: float) -> None:
        """Report how much is done: from 0 to 1; values outside are clipped. What was reported is kept as a series."""
        self._measurements.progress(fraction)

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """Record a number beside the outputs, shown with the measured metrics; the last value of a name counts.

        With a ``step`` (an epoch, an iteration) all values are kept as a series, which can be read while the node runs.
        """
        self._measurements.metric(name, value, step)

    @property
    def metrics(self) -> Mapping[str, float]:
        """What was recorded so far."""
        return self._measurements.metrics

    @property
    def series(self) -> Mapping[str, Series]:
        """What was recorded with steps so far, by name."""
        return self._measurements.series

    def dataset(self, name: str = "data") -> Dataset:
        """Return a new empty folder to write into and to return as an output."""
        if not name or name in {".", ".."} or "/" in name or "\0" in name:
            raise ValueError(f"a dataset's name must be a plain file name, found {name!r}")
        base = self._folder / "outputs"
        base.mkdir(parents=True, exist_ok=True)
        path = base / name
        number = 1
        while True:
            try:
                path.mkdir()
            except FileExistsError:
                number += 1
                path = base / f"{name}-{number}"
            else:
                return Dataset(path)
