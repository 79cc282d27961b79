"""The one query language of lists, actions, exports, pages and notebooks. docs/queries.md describes it.

    text ── parse ──► Filter ── check (against a Context) ──► Checked ──┬─ matches (a row)
    (grammar)         (syntax)  (fields, literals, checking)            ├─ select (children of a sweep: slices, places)
                         ▲                                              └─ explain (words)
                         └─ editing: a range that was brushed, a value that was clicked

Pure and synchronous, with a bound on every text; whoever holds results as columns evaluates predicates on them itself.
"""

from accio.domain.filters.checking import Checked, Predicate, check, examine, parameter_term, read_query
from accio.domain.filters.editing import with_range, with_values, without
from accio.domain.filters.fields import (
    CHILD_FIELDS,
    NODE_FIELDS,
    RUN_FIELDS,
    Context,
    Field,
    Of,
    Reads,
    Subject,
    sweep_context,
)
from accio.domain.filters.grammar import MAX_LENGTH, parse
from accio.domain.filters.matching import Row, matcher, matches
from accio.domain.filters.problems import FilterProblem
from accio.domain.filters.slices import Selected, decide, select
from accio.domain.filters.syntax import EVERYTHING, Comparison, Filter, Not, OneOf, Op, Text, all_of, any_of, conjuncts
from accio.domain.filters.words import explain

__all__ = [
    "CHILD_FIELDS",
    "EVERYTHING",
    "MAX_LENGTH",
    "NODE_FIELDS",
    "RUN_FIELDS",
    "Checked",
    "Comparison",
    "Context",
    "Field",
    "Filter",
    "FilterProblem",
    "Not",
    "Of",
    "OneOf",
    "Op",
    "Predicate",
    "Reads",
    "Row",
    "Selected",
    "Subject",
    "Text",
    "all_of",
    "any_of",
    "check",
    "conjuncts",
    "decide",
    "examine",
    "explain",
    "matcher",
    "matches",
    "parameter_term",
    "parse",
    "read_query",
    "select",
    "sweep_context",
    "with_range",
    "with_values",
    "without",
]
