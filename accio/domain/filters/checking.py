"""Checking a query against what there is: each term becomes a predicate on a subject, or a problem at its place."""

from collections.abc import Callable, Mapping
from typing import Any

from accio.domain.absence import ABSENT
from accio.domain.datatypes import DataType
from accio.domain.filters.fields import TEXT_KINDS, Context, Reads, Subject
from accio.domain.filters.grammar import parse
from accio.domain.filters.literals import WordProblem, comparable, has_order, is_text, read, read_like
from accio.domain.filters.problems import FilterProblem
from accio.domain.filters.syntax import ORDERED, Comparison, Filter, OneOf, Op, Span, Term, Text, leaves
from accio.domain.names import suggest
from accio.domain.problems import ValueProblem
from accio.late import dataclass

_MISSPELT = 0.75
"""How like a field's a name must be to be taken for a mistake, where it may well be a parameter's: "stat", not
"temperature" beside "operator".
"""


@dataclass(frozen=True, slots=True)
class Predicate:
    """A term with its subject, and its values in comparable form. Several values mean: one of them."""

    subject: Subject
    op: Op
    values: tuple[Any, ...]
    now_ms: int

    def holds(self, value: Any) -> bool:
        """Return whether a value (comparable, or Python value of `accio.domain.values`) satisfies it.

        None, which is no value, only satisfies `=null`.
        A tuple of texts (tags, an owner's name and address) satisfies it if one of them does, `!=` if each does.
        """
        if value is None:
            return self.op is Op.EQUAL and ABSENT in self.values
        if isinstance(value, tuple) and not isinstance(self.subject.reads, DataType):
            return (all if self.op is Op.DIFFERENT else any)(self.holds(each) for each in value)
        if self.subject.reads is Reads.ANY:
            wanted = [found for text in self.values if (found := read_like(value, text, self.now_ms)) is not None]
        else:
            wanted = list(self.values)
        found = comparable(value)
        if self.op is Op.DIFFERENT:
            return not any(self._equal(found, each) for each in wanted)
        compare = self._equal if self.op is Op.EQUAL else _COMPARE[self.op]
        return any(_fits(found, each, self.op) and compare(found, each) for each in wanted)

    def _equal(self, found: Any, wanted: Any) -> bool:
        if self.subject.reads is Reads.WORKFLOW:
            workflow, _, version = str(found).partition(":")
            wanted_workflow, _, wanted_version = wanted.partition(":")
            return workflow == wanted_workflow and version.startswith(wanted_version)
        return bool(found == wanted) or (found != found and wanted != wanted)


def _fits(found: Any, wanted: Any, op: Op) -> bool:
    """Return whether the two can be compared at all: what is met in runs that differ may be a text."""
    if op is Op.CONTAINS:
        return isinstance(found, str)
    return op is Op.EQUAL or isinstance(found, str) == isinstance(wanted, str)


_COMPARE: Mapping[Op, Callable[[Any, Any], bool]] = {
    Op.LESS: lambda found, wanted: bool(found < wanted),
    Op.AT_MOST: lambda found, wanted: bool(found <= wanted),
    Op.MORE: lambda found, wanted: bool(found > wanted),
    Op.AT_LEAST: lambda found, wanted: bool(found >= wanted),
    Op.CONTAINS: lambda found, wanted: contains(found, wanted),
}


def contains(text: str, part: str) -> bool:
    """Return whether *part* is in *text*, whatever the case of either."""
    return part.casefold() in text.casefold()


@dataclass(frozen=True, slots=True)
class Checked:
    """A filter with what its terms mean in a context; `warnings` is what may have been meant otherwise."""

    filter: Filter
    predicates: Mapping[Term, Predicate]
    context: Context
    warnings: tuple[FilterProblem, ...] = ()

    def with_filter(self, filter_: Filter) -> "Checked":
        """Return a part of the filter with the meaning that it has here."""
        return Checked(filter_, self.predicates, self.context, self.warnings)

    def subjects(self, part: Filter | None = None) -> frozenset[Subject]:
        """Return what the terms of the filter (or of a part of it) are about."""
        return frozenset(
            self.predicates[leaf].subject for leaf in leaves(part or self.filter) if not isinstance(leaf, Text)
        )

    def __str__(self) -> str:
        return str(self.filter)


def check(filter_: Filter, context: Context) -> Checked:
    """Find the meaning of each term; FilterProblem for the first that has none."""
    checked, problems = examine(filter_, context)
    if problems:
        raise problems[0]
    return checked


def read_query(text: str, context: Context) -> Checked:
    """Parse and check in one."""
    return check(parse(text), context)


def examine(filter_: Filter, context: Context) -> tuple[Checked, tuple[FilterProblem, ...]]:
    """Find the meaning of each term, and everything that is wrong, in the order of the text."""
    examiner = _Examiner(context)
    predicates: dict[Term, Predicate] = {}
    for leaf in leaves(filter_):
        if not isinstance(leaf, Text) and (predicate := examiner.predicate(leaf)) is not None:
            predicates[leaf] = predicate
    return Checked(filter_, predicates, context, tuple(examiner.warnings)), tuple(examiner.problems)


class _Examiner:
    def __init__(self, context: Context) -> None:
        self._context = context
        self.problems: list[FilterProblem] = []
        self.warnings: list[FilterProblem] = []

    def predicate(self, term: Term) -> Predicate | None:
        """Return what a term means; None if that is nothing, which is noted."""
        at = term.name_at
        subject = self._context.find(term.name)
        if subject is None:
            message, suggestion = self._context.why_not(term.name)
            self.problems.append(FilterProblem(message, at.start, at.end, suggestion))
            return None
        if subject.reads is Reads.ANY and not term.name.startswith("param."):
            self._warn_of_field(term.name, at)
        op = term.op if isinstance(term, Comparison) else Op.EQUAL
        if (problem := _misfit(subject, op)) is not None:
            self.problems.append(FilterProblem(problem, at.start, at.end))
            return None
        if isinstance(term, OneOf):
            places = term.values_at or (at,) * len(term.values)
            read_values = [self._value(subject, op, *pair) for pair in zip(term.values, places, strict=True)]
        else:
            read_values = [self._value(subject, op, term.value, term.value_at)]
        values = [value for value in read_values if value is not None]
        if len(values) < len(read_values):
            return None
        return Predicate(subject, op, tuple(values), self._context.now_ms)

    def _warn_of_field(self, name: str, at: Span) -> None:
        meant = suggest(name, self._context.fields, likeness=_MISSPELT)
        if meant is not None:
            message = f"'{name}' is no field, and is taken for a parameter"
            self.warnings.append(FilterProblem(message, at.start, at.end, meant))

    def _value(self, subject: Subject, op: Op, text: str, at: Span) -> Any:
        if op is Op.CONTAINS:
            return text
        try:
            found = read(subject, text, self._context.now_ms)
            if found is ABSENT and op in ORDERED:
                raise ValueProblem(f"{text} means that there is no value, and is neither less nor more; use = != or in")
            return found
        except ValueProblem as problem:
            suggestion = problem.suggestion if isinstance(problem, WordProblem) else None
            message = f"'{subject.name}': {problem.message}"
            self.problems.append(FilterProblem(message, at.start, at.end, suggestion))
            return None


def _misfit(subject: Subject, op: Op) -> str | None:
    """Return why a subject can't be compared so, or None."""
    if op in ORDERED and not has_order(subject.reads):
        return f"'{subject.name}' is {_sort(subject)}, which has no order; use = != ~ or in"
    if op is Op.CONTAINS and not is_text(subject.reads):
        return f"'{subject.name}' is {_sort(subject)}, and ~ looks into texts; use = != in" + (
            " < <= > >=" if has_order(subject.reads) else ""
        )
    return None


def _sort(subject: Subject) -> str:
    if isinstance(subject.reads, DataType):
        return f"a {subject.reads}"
    sorts = {Reads.TIME: "a time", Reads.CHOICE: "a word", Reads.TEXT: "a text", Reads.WORKFLOW: "a workflow"}
    return sorts.get(subject.reads, "a number")


def text_parameters(context: Context) -> tuple[str, ...]:
    """Return the parameters in which words are searched for, too."""
    return tuple(name for name, datatype in (context.parameters or {}).items() if datatype.kind in TEXT_KINDS)


def parameter_term(context: Context, name: str) -> str:
    """Return how a parameter is called in queries of this context: a field's name is taken."""
    return f"param.{name}" if name in context.fields or context.find(name) is None else name
