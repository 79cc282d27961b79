"""A query in words: what `accio` says that it understood."""

from accio.domain.filters.checking import Checked
from accio.domain.filters.fields import Of, Reads, Subject
from accio.domain.filters.literals import has_order
from accio.domain.filters.syntax import And, Comparison, Everything, Filter, Not, OneOf, Op, Or, Text
from accio.domain.quantities import show_timestamp

_ORDERED = {Op.LESS: "below", Op.AT_MOST: "at most", Op.MORE: "above", Op.AT_LEAST: "at least"}
_OF_TIME = {Op.LESS: "before", Op.AT_MOST: "at or before", Op.MORE: "after", Op.AT_LEAST: "at or after"}


def explain(checked: Checked) -> str:
    """Return a sentence part: `state is failed, and epsilon is below 0.01, and "geolife" is found`."""
    return _Words(checked).say(checked.filter)


class _Words:
    def __init__(self, checked: Checked) -> None:
        self._checked = checked

    def say(self, part: Filter) -> str:
        match part:
            case Everything():
                return "everything"
            case Text(text=text):
                return f'"{text}" is found'
            case Not(part=Everything()):
                return "nothing"
            case Not(part=OneOf() as one_of):
                return self._one_of(one_of, "is none of")
            case Not(part=inner):
                return f"not ({self.say(inner)})"
            case And(parts=parts):
                return ", and ".join(self._inside(each) for each in parts)
            case Or(parts=parts):
                return ", or ".join(self._inside(each) for each in parts)
            case OneOf():
                return self._one_of(part, "is one of")
            case Comparison():
                return self._comparison(part)

    def _inside(self, part: Filter) -> str:
        return f"({self.say(part)})" if isinstance(part, And | Or) else self.say(part)

    def _one_of(self, term: OneOf, verb: str) -> str:
        return f"{_name(self._checked.predicates[term].subject)} {verb} {', '.join(term.values)}"

    def _comparison(self, term: Comparison) -> str:
        predicate = self._checked.predicates[term]
        subject, value = predicate.subject, term.value
        words = _ORDERED
        if _is_time(subject):
            words = _OF_TIME
            value = show_timestamp(predicate.values[0])
        match term.op:
            case Op.EQUAL:
                verb = "is"
            case Op.DIFFERENT:
                verb = "isn't"
            case Op.CONTAINS:
                return f'{_name(subject)} contains "{value}"'
            case op:
                verb = f"is {words[op]}"
        return (
            f"{_name(subject)} {verb} {value}"
            if value or has_order(subject.reads)
            else f"{_name(subject)} {verb} empty"
        )


def _is_time(subject: Subject) -> bool:
    return subject.reads is Reads.TIME or str(subject.reads) == "timestamp"


def _name(subject: Subject) -> str:
    return (
        f"the parameter {subject.name}" if subject.of is Of.PARAMETER and subject.reads is Reads.ANY else subject.name
    )
