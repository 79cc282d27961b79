"""Queries against what there is: fields, types, units, times; and the examples of docs/queries.md."""

import re
from pathlib import Path

import pytest

from accio.domain.datatypes import DATASET, DISTANCE, DOUBLE, DURATION, STRING, parse_type
from accio.domain.filters import (
    CHILD_FIELDS,
    RUN_FIELDS,
    Context,
    FilterProblem,
    examine,
    explain,
    matches,
    parameter_term,
    parse,
    read_query,
)
from accio.domain.values import Distance, Duration
from tests.unit.domain.filters.queries import NOW

PAGE = Path(__file__).resolve().parents[4] / "docs" / "queries.md"
SWEEP = Context(
    fields={**RUN_FIELDS, **dict.fromkeys((), RUN_FIELDS["progress"])},
    now_ms=NOW,
    parameters={"epsilon": DOUBLE, "size": DISTANCE, "window": DURATION, "uri": DATASET, "state": STRING},
    outputs={"Noise/error": DOUBLE, "Noise/all": parse_type("list(double)")},
    metrics=frozenset({"Noise.loss"}),
    nodes=frozenset({"Noise"}),
)
RUNS = Context(fields=RUN_FIELDS, now_ms=NOW)


def examples() -> list[tuple[str, str]]:
    """The rows of the page's table of examples."""
    section = PAGE.read_text(encoding="utf-8").partition("## Examples")[2]
    rows = re.findall(r"^\| (?:`(.*?)` )?\| (.+) \|$", section, re.MULTILINE)
    return [(query, words) for query, words in rows if words != "in words"]


@pytest.mark.parametrize(("query", "words"), examples())
def test_examples_of_the_page_mean_what_it_says(query: str, words: str) -> None:
    """Each query of the page is read, and explained with the words beside it."""
    context = Context(
        fields=CHILD_FIELDS,
        now_ms=NOW,
        parameters=SWEEP.parameters,
        outputs=SWEEP.outputs,
        nodes=SWEEP.nodes,
    )
    assert explain(read_query(query, context)) == words


def test_the_page_has_examples_and_every_field() -> None:
    """The table isn't empty, and each field of runs and children stands on the page."""
    assert len(examples()) > 10
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in CHILD_FIELDS if f"`{name}`" not in text] == []


@pytest.mark.parametrize(
    ("query", "start", "message", "meant"),
    [
        ("x stat=failed", 2, "there is no 'stat' here", "state"),
        ("state=faild", 6, "expected scheduled, running", "failed"),
        ("state in failed, kild", 17, 'found "kild"', "killed"),
        ("epsilon<small", 8, "expected", None),
        ("size<200", 5, "without a unit", None),
        ("created>5", 8, "expected a time or a span before now", None),
        ("created>yesterday", 8, "a span before now, such as 2d", None),
        ("state<failed", 0, "has no order", None),
        ("uri<b", 0, "which has no order", None),
        ("epsilon~1", 0, "~ looks into texts", None),
        ("Noise/eror>1", 0, "there is no 'Noise/eror' here", "Noise/error"),
        ("Noise.los>1", 0, "there is no 'Noise.los' here", "Noise.loss"),
        ("Noise.wall_us>5", 14, "with a unit", None),
        ("param.epsilom=1", 0, "there is no parameter 'epsilom'", "param.epsilon"),
    ],
)
def test_problems_have_a_place_and_a_suggestion(query: str, start: int, message: str, meant: str | None) -> None:
    """What there isn't, and what is no value, is told at its column with what was probably meant."""
    with pytest.raises(FilterProblem) as caught:
        read_query(query, SWEEP)
    assert caught.value.start == start
    assert message in caught.value.message
    if meant != "param.epsilon":
        assert caught.value.suggestion == meant


def test_all_problems_are_found_at_once() -> None:
    """`examine` goes on after a problem."""
    _, problems = examine(parse("stat=failed state=faild epsilon<1"), SWEEP)
    assert [problem.start for problem in problems] == [0, 18]


def test_results_are_refused_over_all_runs() -> None:
    """Outputs and metrics belong to one sweep, and the refusal says so."""
    for query in ("Noise/error>1", "Noise.loss>1"):
        with pytest.raises(FilterProblem, match="inside one sweep only"):
            read_query(query, RUNS)


def test_parameters_of_all_runs_are_compared_as_what_they_are() -> None:
    """Where parameters aren't known, the value is read as the type that a run's parameter has."""
    checked = read_query("size<200km", RUNS)
    assert matches(checked, {"param.size": Distance(100.0)})
    assert not matches(checked, {"param.size": Distance(300_000.0)})
    assert not matches(checked, {"param.size": Duration(5)})
    assert not matches(checked, {"param.size": "text"})
    assert not matches(checked, {})


def test_a_name_close_to_a_field_is_warned_of() -> None:
    """Over all runs a misspelt field could be a parameter: it is taken for one, and the field is suggested."""
    (warning,) = read_query("stat=failed", RUNS).warnings
    assert warning.suggestion == "state"
    assert not read_query("temperature<2 elevation>1 noise=3", RUNS).warnings, "these are names of their own"


def test_a_parameter_called_like_a_field_has_a_prefix() -> None:
    """`state` is the field, `param.state` the parameter; both are told apart in rows."""
    row = {"state": "failed", "param.state": "open"}
    assert matches(read_query("state=failed param.state=open", SWEEP), row)
    assert not matches(read_query("param.state=failed", SWEEP), row)
    assert parameter_term(SWEEP, "state") == "param.state"
    assert parameter_term(SWEEP, "epsilon") == "epsilon"
