"""Reading queries: what they mean, what is refused and where, and that their text is exact."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accio.domain.filters import (
    EVERYTHING,
    Comparison,
    Filter,
    FilterProblem,
    Not,
    OneOf,
    Op,
    Text,
    all_of,
    any_of,
    parse,
)
from accio.domain.filters.grammar import MAX_DEPTH, MAX_LENGTH
from tests.unit.domain.filters.queries import filters

A, B, C = (Comparison(name, Op.EQUAL, "1") for name in "abc")


@given(filters)
def test_the_canonical_text_reads_back(made: Filter) -> None:
    """`parse(str(filter))` is the filter, whatever texts, names and values it has."""
    assert parse(str(made)) == made


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_at_a_place_in_it(text: str) -> None:
    """No text does anything but parse, or raise a FilterProblem whose place can be shown."""
    problem = None
    try:
        read = parse(text)
    except FilterProblem as found:
        problem = found
    else:
        assert parse(str(read)) == read
    assert problem is None or (0 <= problem.start <= len(text) and problem.report(text).count("\n") == 2)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", EVERYTHING),
        ("  ", EVERYTHING),
        ("a=1 b=1", all_of([A, B])),
        ("a=1 AND b=1", all_of([A, B])),
        ("a=1 or b=1 c=1", any_of([A, all_of([B, C])])),
        ("(a=1 or b=1) c=1", all_of([any_of([A, B]), C])),
        ("not a=1 b=1", all_of([Not(A), B])),
        ("not not a=1", Not(Not(A))),
        ("a = 1", A),
        ("a=or", Comparison("a", Op.EQUAL, "or")),
        ('\'a b\' != "c \\"d\\""', Comparison("a b", Op.DIFFERENT, 'c "d"')),
        ("a in 1, 2", OneOf("a", ("1", "2"))),
        ("a in(1,2)", OneOf("a", ("1", "2"))),
        ("a not in (1)", Not(OneOf("a", ("1",)))),
        ("R&D wow!", all_of([Text("R&D"), Text("wow!")])),
        ('"in"', Text("in")),
        ("Node/port>=1h30m", Comparison("Node/port", Op.AT_LEAST, "1h30m")),
    ],
)
def test_queries_mean(text: str, meant: Filter) -> None:
    """Juxtaposition is and, which binds stronger than or; white space and quotation marks are as people write them."""
    assert parse(text) == meant


@pytest.mark.parametrize(
    ("text", "start", "message"),
    [
        ("a=", 2, "expected a value after 'a =', found the end"),
        ("a=1 )", 4, "there is no open parenthesis"),
        ("b (a=1", 2, "this parenthesis isn't closed"),
        ("a in (1, 2", 5, "this parenthesis isn't closed"),
        ("a in (1 2)", 8, "expected a comma or ')'"),
        ("a=1,2", 3, "commas stand in lists only"),
        ("=1", 0, "expected a field before '='"),
        ("or", 0, "expected a field or a word, found 'or'"),
        ("a=1 or", 6, "found the end"),
        ("x 'abc", 2, "the quotation mark ' isn't closed"),
        (r'"a\n"', 2, "a backslash stands before"),
        ("a=1 && b=2", 4, "there is no '&&'"),
        ("a=~x", 1, "there is no operator '=~'"),
    ],
)
def test_what_is_wrong_has_a_place(text: str, start: int, message: str) -> None:
    """A query that can't be read says what was expected, and the column."""
    with pytest.raises(FilterProblem) as caught:
        parse(text)
    assert caught.value.start == start
    assert message in caught.value.message


def test_operators_of_other_languages_are_translated() -> None:
    """`==` and its like are refused with the operator that was meant."""
    with pytest.raises(FilterProblem) as caught:
        parse("a==1")
    assert caught.value.suggestion == "="
    assert caught.value.report("a==1").endswith("  a==1\n   ^^")


def test_long_and_deep_queries_are_refused() -> None:
    """Length and depth are bounded, so that nothing that walks a filter runs out of stack."""
    with pytest.raises(FilterProblem, match="at most 10000 characters"):
        parse("a" * (MAX_LENGTH + 1))
    for opened, closed in (("(", ")"), ("not ", "")):
        deep = opened * MAX_DEPTH + "a=1" + closed * MAX_DEPTH
        assert parse(str(parse(deep))) == parse(deep)
        with pytest.raises(FilterProblem, match="at most 50 levels"):
            parse(opened + deep + closed)


def test_carets_stay_in_one_line() -> None:
    """A place far inside a long text of several lines is shown with what is around it, in one line."""
    text = "a=1\n" * 60 + "b=="
    with pytest.raises(FilterProblem) as caught:
        parse(text)
    _, line, marks = caught.value.report(text).split("\n")
    assert line[marks.index("^") :].startswith("==")
    assert len(line) < 110
