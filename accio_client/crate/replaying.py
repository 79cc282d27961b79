"""Comparing what a crate says with what the same definition gives now, output by output."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import field
from enum import StrEnum
from math import isclose, isnan
from typing import Any

from accio.domain.named_content import content_of
from accio.late import dataclass
from accio_client.crate.contents import Child, child_of


class Agreement(StrEnum):
    """How an output agrees with the published one."""

    IDENTICAL = "identical"
    WITHIN = "within"
    DIFFERS = "differs"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """The first disagreement of an output: at which child, what was published, and what was found."""

    params: Mapping[str, Any]
    repeat: int
    published: Any
    found: Any


@dataclass(slots=True, kw_only=True)
class Verdict:
    """How often each output agreed, and where it first didn't."""

    counts: dict[str, Counter[Agreement]] = field(default_factory=dict)
    examples: dict[str, Example] = field(default_factory=dict)

    @property
    def agrees(self) -> bool:
        """Whether there were outputs, and each was found again within the tolerance."""
        return bool(self.counts) and not self.total(Agreement.DIFFERS) and not self.total(Agreement.MISSING)

    def total(self, agreement: Agreement) -> int:
        return sum(counts[agreement] for counts in self.counts.values())


def compare(
    published: Iterable[Mapping[str, Any]], found: Mapping[Child, Mapping[str, Any]], *, tolerance: float
) -> Verdict:
    """Compare each published output with what the same child gave now: *found* has its outputs by child."""
    verdict = Verdict()
    for line in published:
        now = found.get(child_of(line), {})
        for name, value in line["outputs"].items():
            agreement = Agreement.MISSING if name not in now else agreement_of(value, now[name], tolerance)
            verdict.counts.setdefault(name, Counter())[agreement] += 1
            if agreement in {Agreement.DIFFERS, Agreement.MISSING} and name not in verdict.examples:
                verdict.examples[name] = Example(
                    params=line["params"], repeat=line["repeat"], published=value, found=now.get(name)
                )
    return verdict


def agreement_of(published: Any, found: Any, tolerance: float) -> Agreement:
    """Return how two values agree: numbers within a relative *tolerance*, and so the members of lists and maps.

    How the file of a dataset is called doesn't count: what was computed once is taken for inputs of other names, too.
    """
    if type(published) is type(found) and (published == found or _unnamed(published) == _unnamed(found)):
        return Agreement.IDENTICAL
    return Agreement.WITHIN if tolerance > 0 and _close(published, found, tolerance) else Agreement.DIFFERS


def _unnamed(value: Any) -> Any:
    """Return a value with the digests of its datasets alone."""
    match value:
        case str():
            return content_of(value) or value
        case list():
            return [_unnamed(member) for member in value]
        case dict():
            return {key: _unnamed(member) for key, member in value.items()}
        case _:
            return value


def _close(one: Any, other: Any, tolerance: float) -> bool:
    match one, other:
        case bool(), _:
            return one is other
        case int() | float(), int() | float():
            return isclose(one, other, rel_tol=tolerance) or (isnan(one) and isnan(other))
        case list(), list():
            return len(one) == len(other) and all(map(_close, one, other, [tolerance] * len(one)))
        case dict(), dict():
            return one.keys() == other.keys() and all(_close(one[key], other[key], tolerance) for key in one)
        case _:
            return bool(one == other)
