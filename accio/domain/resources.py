"""Amounts of resources: what a node demands and what an agent offers, in integers (thousandths of a CPU, bytes).

In JSON: `{"cpus": 1.5, "memory": "512MiB", "disk": "8GB", "gpus": 1, "custom": {"licence": 2}}`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from accio.domain.findings import is_ignored
from accio.domain.issues import Issue, pointer
from accio.domain.jsontypes import JsonObject
from accio.domain.names import PARAMETER_RULE, Suggestions, is_parameter_name
from accio.domain.numbers import EXACT, NUMBER, number_of_json, number_of_text
from accio.domain.problems import ValueProblem, quote
from accio.domain.sizes import size
from accio.late import dataclass

MAX_AMOUNT = 2**62
_UNITS = {"b": 1} | {
    name: base**power
    for power, letter in enumerate("kmgtp", start=1)
    for name, base in ((f"{letter}b", 1000), (f"{letter}ib", 1024))
}
_SIZE = re.compile(rf"({NUMBER})\s*([a-z]+)", re.ASCII | re.IGNORECASE)
_KEYS = ("cpus", "memory", "disk", "gpus", "custom")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """An amount of each resource. As a demand, memory 0 means no limit.

    Custom counters are sorted by name, and none is 0.
    """

    milli_cpus: int = 1000
    memory: int = 0
    disk: int = 0
    gpus: int = 0
    custom: tuple[tuple[str, int], ...] = ()

    def __add__(self, other: "Resources") -> "Resources":
        """Return the sum."""
        return self._combined(other, 1)

    def __sub__(self, other: "Resources") -> "Resources":
        """Return the difference; ValueError if *other* doesn't fit."""
        if not other.fits(self):
            raise ValueError(f"{other} can't be taken from {self}")
        return self._combined(other, -1)

    def _combined(self, other: "Resources", sign: int) -> "Resources":
        counters = dict(self.custom)
        for name, amount in other.custom:
            counters[name] = counters.get(name, 0) + sign * amount
        return Resources(
            milli_cpus=self.milli_cpus + sign * other.milli_cpus,
            memory=self.memory + sign * other.memory,
            disk=self.disk + sign * other.disk,
            gpus=self.gpus + sign * other.gpus,
            custom=sorted_counters(counters),
        )

    def fits(self, room: "Resources") -> bool:
        """Return whether this demand can be met from *room*."""
        if (
            self.milli_cpus > room.milli_cpus
            or self.memory > room.memory
            or self.disk > room.disk
            or self.gpus > room.gpus
        ):
            return False
        if not self.custom:
            return True
        offered = dict(room.custom)
        return all(amount <= offered.get(name, 0) for name, amount in self.custom)

    def times_in(self, room: "Resources") -> int:
        """Return how often this demand fits into *room* at a time."""
        pairs = [  # asked for each class and agent, so without names
            (self.milli_cpus, room.milli_cpus),
            (self.memory, room.memory),
            (self.disk, room.disk),
            (self.gpus, room.gpus),
        ]
        if self.custom:
            offered = dict(room.custom)
            pairs += [(amount, offered.get(name, 0)) for name, amount in self.custom]
        return min((there // amount for amount, there in pairs if amount), default=0)

    def __str__(self) -> str:
        """Return it in words for people; what is zero isn't said, except of the CPUs."""
        return ", ".join(_words(*each) for each in self.amounts() if each[1] or each[0] == "cpus")

    def shortage(self, rooms: Iterable["Resources"]) -> str:
        """Say the most that any of *rooms* has of what this demand wants more of than any of them has; else empty."""
        offers = [dict(room.amounts()) for room in rooms]
        most = {name: max((offer.get(name, 0) for offer in offers), default=0) for name, _ in self.amounts()}
        return ", ".join(_words(name, most[name]) for name, amount in self.amounts() if amount > most[name])

    def amounts(self) -> list[tuple[str, int]]:
        """Return each amount under its resource's name, with `custom ` before that of a counter."""
        fixed = [("cpus", self.milli_cpus), ("memory", self.memory), ("disk", self.disk), ("gpus", self.gpus)]
        return [*fixed, *((f"custom {name}", amount) for name, amount in self.custom)]

    def to_json(self) -> JsonObject:
        """Return the JSON form; zeros are left out, except that of the CPUs."""
        document: JsonObject = {"cpus": cpus_json(self.milli_cpus)}
        for key in ("memory", "disk", "gpus"):
            if amount := getattr(self, key):
                document[key] = amount
        if self.custom:
            document["custom"] = dict(self.custom)
        return document


def _words(name: str, amount: int) -> str:
    if name == "cpus":
        cpus = cpus_json(amount)
        return f"{cpus} CPU{'' if cpus == 1 else 's'}"
    if name == "gpus":
        return f"{amount} GPU{'' if amount == 1 else 's'}"
    if name in ("memory", "disk"):
        return f"{size(amount)} of {name}"
    return f"{amount} {name.removeprefix('custom ')}"


NOTHING = Resources(milli_cpus=0)
ONE_CPU = Resources()


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceChanges:
    """What a node says about resources: what is given here replaces what the operator says, counter by counter."""

    milli_cpus: int | None = None
    memory: int | None = None
    disk: int | None = None
    gpus: int | None = None
    custom: tuple[tuple[str, int], ...] = ()

    def apply(self, base: Resources) -> Resources:
        """Return *base* with these changes."""
        return replace(
            base,
            milli_cpus=base.milli_cpus if self.milli_cpus is None else self.milli_cpus,
            memory=base.memory if self.memory is None else self.memory,
            disk=base.disk if self.disk is None else self.disk,
            gpus=base.gpus if self.gpus is None else self.gpus,
            custom=sorted_counters(dict(base.custom) | dict(self.custom)),
        )

    def to_json(self) -> JsonObject:
        """Return the JSON form, of what is given only."""
        document: JsonObject = {}
        if self.milli_cpus is not None:
            document["cpus"] = cpus_json(self.milli_cpus)
        for key in ("memory", "disk", "gpus"):
            if (amount := getattr(self, key)) is not None:
                document[key] = amount
        if self.custom:
            document["custom"] = dict(self.custom)
        return document


def sorted_counters(counters: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Return custom counters in the one form that compares equal: sorted by name, without zeros."""
    return tuple(sorted((name, amount) for name, amount in counters.items() if amount))


def cpus_json(milli_cpus: int) -> int | float:
    """Return a number of CPUs: a whole one as an integer."""
    whole, rest = divmod(milli_cpus, 1000)
    return milli_cpus / 1000 if rest else whole


def parse_cpus(value: Any) -> int:
    """Read a number of CPUs (0.5, 2, or the text of one) in thousandths; at least one thousandth."""
    number = number_of_json(value)
    if number is None or number.exact <= 0:
        raise ValueProblem(f"expected a number of CPUs above 0, such as 1 or 0.5, found {quote(value)}")
    milli = EXACT.multiply(number.exact, Decimal(1000))
    if milli != milli.to_integral_value() or milli > MAX_AMOUNT:
        raise ValueProblem(f"expected CPUs in steps of 0.001, found {quote(value)}")
    return int(milli)


def parse_size(value: Any) -> int:
    """Read a number of bytes: a number, or a text such as `512MiB` or `8GB`."""
    number, factor = number_of_json(value), 1
    if number is None and isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
        number, factor = number_of_text(match[1]), _UNITS.get(match[2].lower(), 0)
    if number is None or factor == 0:
        raise ValueProblem(f'expected a size such as 1048576, "512MiB" or "8GB", found {quote(value)}')
    size = EXACT.multiply(number.exact, Decimal(factor))
    if size < 0 or size > MAX_AMOUNT or size != size.to_integral_value():
        raise ValueProblem(f"expected a size in whole bytes, 0 or more, found {quote(value)}")
    return int(size)


def parse_count(value: Any) -> int:
    """Read a whole number, 0 or more (of GPUs, of licences, of retries); in a definition the text of one is none."""
    if isinstance(value, str):
        raise ValueProblem(f"expected a whole number, 0 or more, found {quote(value)}")
    return count_of_text(value)


def count_of_text(value: Any) -> int:
    """Read a whole number, 0 or more, or the text of one, as a command line has it."""
    number = number_of_json(value)
    if number is None or number.exact != number.exact.to_integral_value() or not 0 <= number.exact <= MAX_AMOUNT:
        raise ValueProblem(f"expected a whole number, 0 or more, found {quote(value)}")
    return int(number.exact)


def _cpus_of_json(value: Any) -> int:
    if isinstance(value, str):
        raise ValueProblem(f"expected a number of CPUs above 0, such as 1 or 0.5, found {quote(value)}")
    return parse_cpus(value)


def parse_changes(document: Any, path: str = "") -> tuple[ResourceChanges, list[Issue]]:
    """Read the JSON form; *path* is where it stands in its document."""
    if not isinstance(document, dict):
        return ResourceChanges(), [Issue(path, f"expected resources (an object), found {quote(document)}")]
    issues: list[Issue] = []
    amounts: dict[str, int] = {}
    readers = {"cpus": _cpus_of_json, "memory": parse_size, "disk": parse_size, "gpus": parse_count}
    names = Suggestions(_KEYS)  # a bound on the work that any number of keys makes
    for key, value in document.items():
        if is_ignored(key) or key == "custom":
            continue
        if key not in readers:
            message = f"there is no resource '{key}'; expected {', '.join(_KEYS)}"
            issues.append(Issue(path + pointer(key), message, names.closest(key)))
            continue
        try:
            amounts[key] = readers[key](value)
        except ValueProblem as problem:
            issues.append(Issue(path + pointer(key), problem.message))
    counters, found = _parse_counters(document.get("custom", {}), path + pointer("custom"))
    changes = ResourceChanges(
        milli_cpus=amounts.get("cpus"),
        memory=amounts.get("memory"),
        disk=amounts.get("disk"),
        gpus=amounts.get("gpus"),
        # Zeros stay here: they take a counter of the operator away.
        custom=tuple(sorted(counters.items())),
    )
    return changes, issues + found


def _parse_counters(document: Any, path: str) -> tuple[dict[str, int], list[Issue]]:
    if not isinstance(document, dict):
        return {}, [Issue(path, f"expected an object of counters, found {quote(document)}")]
    counters: dict[str, int] = {}
    issues: list[Issue] = []
    for name, value in document.items():
        where = path + pointer(name)
        if is_ignored(name):
            continue
        try:
            check_counter_name(name)
            counters[name] = parse_count(value)
        except ValueProblem as problem:
            issues.append(Issue(where, problem.message))
    return counters, issues


def check_counter_name(name: str) -> None:
    """Refuse a name that no counter may have, with a ValueProblem."""
    if not is_parameter_name(name):
        raise ValueProblem(f"expected the name of a counter ({PARAMETER_RULE}), found {quote(name)}")
    if name in _KEYS:
        raise ValueProblem(f"expected the name of a counter of your own, found '{name}', which is a resource itself")


def resources_from_json(document: Any, path: str = "") -> tuple[Resources, list[Issue]]:
    """Read the JSON form of a whole demand or offer: what is absent has its default (one CPU, nothing else)."""
    changes, issues = parse_changes(document, path)
    return changes.apply(Resources()), issues


def offer_from_json(document: JsonObject) -> Resources:
    """Read the JSON form of an offer that was stored: unlike a demand it may have no CPU."""
    offered, _ = resources_from_json(document)
    return replace(offered, milli_cpus=0) if document["cpus"] == 0 else offered
