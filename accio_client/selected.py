"""Columns and the children that a query selects among them."""

from collections.abc import Iterable, Sequence

import numpy as np

from accio.domain.filters import Checked, FilterProblem, read_query
from accio.domain.names import suggest
from accio.domain.states import RUN_TERMINAL
from accio.errors import BadRequest, NotFound
from accio.late import dataclass
from accio.v1 import accio_pb2
from accio_client.analysis.columns import Mask, SweepTable
from accio_client.analysis.where import mask
from accio_client.collected import Collected, Head

_MEMBERS_TOLD = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """What has to be read so that a query can be answered; `shown` are the columns that were asked for themselves."""

    checked: Checked
    outputs: bool
    ports: tuple[str, ...]
    metrics: tuple[str, ...]
    failures: bool
    extra: frozenset[str]


def plan(
    head: accio_pb2.ColumnsHead, where: str, ports: Sequence[str], metrics: Sequence[str], now_ms: int, *, outputs: bool
) -> Needed:
    """Read a query against what a run has; BadRequest shows where it is wrong."""
    known = Head(head)
    try:
        checked = read_query(where, known.context(now_ms))
    except FilterProblem as problem:
        raise BadRequest(problem.report(where)) from None
    subjects = {subject.key for subject in checked.subjects()}
    asked = set(known.names(ports or known.numbers())) if ports or outputs else set()
    more = sorted(subjects & set(known.types) - asked)
    # Naming no port means every number: where more is needed, all of them are named.
    named = (*(ports or (known.numbers() if outputs else ())), *more) if more else tuple(ports)
    measured = sorted(name for name in subjects - set(known.types) if known.is_metric(name) and name not in metrics)
    return Needed(
        checked=checked,
        outputs=outputs or bool(more),
        ports=named,
        metrics=(*metrics, *measured),
        failures="cause" in subjects,
        extra=frozenset((*more, *measured)),
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class Selected:
    """A sweep's columns, and which of its children are meant: those that match, without deleted ones."""

    collected: Collected
    where: Mask | None
    query: str = ""
    extra: frozenset[str] = frozenset()
    """Columns that only the query needed."""

    @property
    def table(self) -> SweepTable:
        return self.collected.table

    @property
    def mask(self) -> Mask:
        """As `where`, never None."""
        return np.ones(self.table.size, dtype=np.bool_) if self.where is None else self.where

    @property
    def not_ended(self) -> int:
        """How many of these children haven't ended, whose results and failures aren't known yet."""
        return int((self.mask & ~self.table.in_state(*RUN_TERMINAL)).sum())

    def require_members(self, names: Iterable[str]) -> None:
        """Refuse the name of a member of a map that no child has: its column would be missing without a word."""
        for name in names:
            wrong = (
                None
                if name in self.table.numbers or name in self.table.texts
                else no_such_member(self.collected.head, name)
            )
            if wrong is not None:
                raise NotFound(wrong)

    def numbers(self) -> list[str]:
        """Return the names of the columns of numbers that were asked for."""
        return [name for name in self.table.numbers if name not in self.extra]

    def texts(self) -> list[str]:
        """Return the names of the columns of texts that were asked for."""
        return [name for name in self.table.texts if name not in self.extra and name != "cause"]

    @classmethod
    def all_of(cls, collected: Collected) -> "Selected":
        """Select every child that there is."""
        return cls(collected=collected, where=collected.there)

    @classmethod
    def matching(cls, collected: Collected, needed: Needed, query: str) -> "Selected":
        """Select the children that match; BadRequest for what can't be asked about children."""
        try:
            found = mask(collected.table, needed.checked)
        except FilterProblem as problem:
            raise BadRequest(problem.report(query)) from None
        there = found if collected.there is None else found & collected.there
        return cls(collected=collected, where=there, query=query, extra=needed.extra)


def no_such_member(head: Head, name: str) -> str | None:
    """Return what is wrong with the name of a member that no child has; None while children have none at all."""
    of = head.map_of(name)
    there = [each.removeprefix(f"{of}.") for each in head.types if head.map_of(each) == of] if of else []
    if of is None or name in head.types or not there:
        return None
    member = name.removeprefix(f"{of}.")
    meant = suggest(member, there)
    hint = f"did you mean {of}.{meant}?" if meant else f"there are {', '.join(there[:_MEMBERS_TOLD])}"
    return f"no child has a member '{member[:100]}' of the map {of}; {hint}"
