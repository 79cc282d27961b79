"""Changing a query by hand of a program: a brushed range, a clicked cell and a removed chip write into the text."""

from collections.abc import Sequence

from accio.domain.filters.syntax import Comparison, Filter, OneOf, Op, all_of, conjuncts


def without(filter_: Filter, name: str) -> Filter:
    """Return the query without the terms that every match has to satisfy and that are about *name*.

    What stands inside `or` and `not` stays: it says something else.
    """
    return all_of(
        [part for part in conjuncts(filter_) if not (isinstance(part, Comparison | OneOf) and part.name == name)]
    )


def with_range(filter_: Filter, name: str, low: str | None, high: str | None) -> Filter:
    """Return the query with *name* from *low* to *high*, both included (None: no bound), instead of what it said."""
    terms: list[Filter] = []
    if low is not None and low == high:
        terms.append(Comparison(name, Op.EQUAL, low))
    else:
        terms += [Comparison(name, Op.AT_LEAST, low)] if low is not None else []
        terms += [Comparison(name, Op.AT_MOST, high)] if high is not None else []
    return _replaced(filter_, name, terms)


def with_values(filter_: Filter, name: str, values: Sequence[str]) -> Filter:
    """Return the query with *name* being one of *values* (none: whatever it is), instead of what it said."""
    if not values:
        return without(filter_, name)
    term = Comparison(name, Op.EQUAL, values[0]) if len(values) == 1 else OneOf(name, tuple(values))
    return _replaced(filter_, name, [term])


def _replaced(filter_: Filter, name: str, terms: Sequence[Filter]) -> Filter:
    """Put terms where the first one about *name* was, or at the end."""
    parts: list[Filter] = []
    placed = False
    for part in conjuncts(filter_):
        if isinstance(part, Comparison | OneOf) and part.name == name:
            parts += () if placed else terms
            placed = True
        else:
            parts.append(part)
    return all_of(parts if placed else [*parts, *terms])
