"""What nodes that are retried demand instead of before: `2x`, or an amount, of memory, CPUs and time."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction

from accio.domain.limits import LONGEST_MS
from accio.domain.numbers import number_of_text
from accio.domain.problems import ValueProblem, quote
from accio.domain.quantities import parse_duration
from accio.domain.resources import MAX_AMOUNT, Resources, cpus_json, parse_cpus, parse_size
from accio.domain.sizes import size
from accio.late import dataclass

MOST = Fraction(1024)
"""The largest factor that makes sense of anything."""


@dataclass(frozen=True, slots=True)
class NodeDemand:
    """What a node demands: resources, and the time after which it is ended (None: any).

    One that is *forced* waits for an agent that can give it, though none is known that ever could.
    """

    resources: Resources
    timeout_ms: int | None
    forced: bool = False

    def __str__(self) -> str:
        """Return it in words."""
        return str(self.resources) if self.timeout_ms is None else f"{self.resources}, {self.timeout_ms / 1000:g} s"


@dataclass(frozen=True, slots=True)
class Change:
    """Another amount instead of one: an absolute one, or a multiple of it."""

    amount: int | None = None
    factor: Fraction | None = None

    def apply(self, before: int, most: int) -> int:
        """Return the amount; at most *most*."""
        if self.factor is None:
            return before if self.amount is None else self.amount
        return min(most, -int(-before * self.factor // 1))  # rounded up


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryDemand:
    """What to change; None leaves as it is."""

    memory: Change | None = None
    cpus: Change | None = None
    timeout: Change | None = None

    def __bool__(self) -> bool:
        """Return whether anything is to change."""
        return (self.memory or self.cpus or self.timeout) is not None

    def apply(self, before: NodeDemand) -> NodeDemand:
        """Return what is demanded instead of *before*; ValueProblem if there is nothing to multiply."""
        if self.memory is not None and self.memory.factor is not None and not before.resources.memory:
            raise ValueProblem("has no memory limit to multiply: give a size, such as 8GiB")
        if self.timeout is not None and self.timeout.factor is not None and before.timeout_ms is None:
            raise ValueProblem("has no time-out to multiply: give a duration, such as 30.minutes")
        resources = replace(
            before.resources,
            memory=_changed(self.memory, before.resources.memory, MAX_AMOUNT),
            milli_cpus=_changed(self.cpus, before.resources.milli_cpus, MAX_AMOUNT),
        )
        timeout_ms = before.timeout_ms
        if self.timeout is not None:
            timeout_ms = self.timeout.apply(timeout_ms or 0, LONGEST_MS)
        return replace(before, resources=resources, timeout_ms=timeout_ms)


def _changed(change: Change | None, before: int, most: int) -> int:
    return before if change is None else change.apply(before, most)


def read_retry_demand(*, memory: str = "", cpus: str = "", timeout: str = "") -> RetryDemand:
    """Read what somebody typed, empty texts for what stays; ValueProblem says what is wrong and where."""
    return RetryDemand(
        memory=_read("memory", memory, parse_size, "a size such as 8GiB"),
        cpus=_read("cpus", cpus, parse_cpus, "a number of CPUs"),
        timeout=_read("timeout", timeout, _milliseconds, "a duration such as 30.minutes"),
    )


def _read(name: str, text: str, reader: Callable[[str], int], what: str) -> Change | None:
    typed = text.strip()
    if not typed:
        return None
    if typed[-1] in "xX":
        number = number_of_text(typed[:-1])
        if number is None or not 0 < Fraction(number.exact) <= MOST:
            raise ValueProblem(f"{name}: expected a factor such as 2x, up to {MOST}x, found {quote(text)}")
        return Change(factor=Fraction(number.exact))
    try:
        amount = reader(typed)
    except ValueProblem as problem:
        raise ValueProblem(f"{name}: {problem.message}, or a factor such as 2x") from None
    if amount <= 0:
        raise ValueProblem(f"{name}: expected {what} above 0, or a factor such as 2x, found {quote(text)}")
    return Change(amount=amount)


def _milliseconds(text: str) -> int:
    ms = parse_duration(text).ms
    if ms != int(ms) or ms > LONGEST_MS:
        raise ValueProblem(f"expected a duration in whole milliseconds, at most ten years, found {quote(text)}")
    return int(ms)


def growth_problems(factor: float | None, limit: int | None, resources: Resources) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with an operator's `retry_memory` and `memory_limit`: which of both, and why."""
    if factor is not None and not 1 < factor <= MOST:
        yield "retry_memory", f"retry_memory: expected a factor above 1, at most {MOST}, found {factor:g}"
    elif factor is not None and not resources.memory:
        yield "retry_memory", 'retry_memory needs a limit to multiply: give memory, such as "2GiB"'
    if limit is not None and factor is None:
        yield "memory_limit", "memory_limit bounds what retry_memory multiplies: give retry_memory, such as 2.0"
    elif limit is not None and limit <= resources.memory:
        least = f"more than the {size(resources.memory)} that it begins with"
        yield "memory_limit", f"memory_limit: expected {least}, found {size(limit)}"


def difference(before: NodeDemand, after: NodeDemand) -> str:
    """Say in words what a demand changes; empty if nothing does."""
    parts = []
    if before.resources.memory != after.resources.memory:
        parts.append(f"{_memory(before)} to {_memory(after)} of memory")
    if before.resources.milli_cpus != after.resources.milli_cpus:
        parts.append(f"{cpus_json(before.resources.milli_cpus)} to {cpus_json(after.resources.milli_cpus)} CPUs")
    if before.timeout_ms != after.timeout_ms:
        parts.append(f"{_time(before)} to {_time(after)} until it is ended")
    if after.forced and not before.forced:
        parts.append(waits_by_force(after.resources))
    return ", ".join(parts)


def waits_by_force(resources: Resources) -> str:
    """Say what a forced node waits for."""
    return f"waits by -force for an agent with {resources}"


def _memory(demand: NodeDemand) -> str:
    return size(demand.resources.memory) if demand.resources.memory else "no limit"


def _time(demand: NodeDemand) -> str:
    return "any time" if demand.timeout_ms is None else f"{demand.timeout_ms / 1000:g} s"
