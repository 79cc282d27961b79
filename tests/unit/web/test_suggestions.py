"""What the query box offers at a place of a query."""

import pytest

from accio.domain.datatypes import parse_type
from accio.domain.filters import CHILD_FIELDS, RUN_FIELDS, Context
from accio_web.suggestions import LOOKED_AT, place_in, suggested

SWEEP = Context(
    fields=CHILD_FIELDS,
    now_ms=0,
    parameters={"epsilon": parse_type("double"), "mode": parse_type("string"), "again": parse_type("boolean")},
    outputs={"Noise/error": parse_type("double")},
    nodes=frozenset({"Noise"}),
)


def offered(text: str, *known: str, context: Context = SWEEP) -> tuple[int, list[str]]:
    found = suggested(place_in(text, context), context, known)
    return found.start, [each for each, _ in found.texts]


@pytest.mark.parametrize(
    ("text", "start", "texts"),
    [
        ("eps", 0, ["epsilon"]),
        ("state=failed (err", 14, ["Noise/error"]),
        ("state=", 6, ["scheduled", "running", "success", "failed", "killed"]),
        ("state=fa", 6, ["failed"]),
        ("state in success, fa", 18, ["failed"]),
        ("state = failed", 8, []),
        ("again=", 6, ["true", "false"]),
        ("created>", 8, ["1h", "1d", "7d", "30d"]),
        ("cause=out", 6, ['"out of memory"', "time-out", '"bad output"']),
        ("again", 0, ["again=", "again!=", "again in "]),
        ("zzz", 0, []),
    ],
)
def test_what_may_be_written(text: str, start: int, texts: list[str]) -> None:
    """Names, then operators, then values; each from where the word at the cursor begins."""
    assert offered(text) == (start, texts)


def test_operators_fit_the_type() -> None:
    """Numbers are compared, texts are searched."""
    assert "epsilon<" in offered("epsilon")[1]
    assert "epsilon~" not in offered("epsilon")[1]
    assert "mode~" in offered("mode")[1]
    assert "mode<" not in offered("mode")[1]


def test_known_values() -> None:
    """Values that are known are offered where they contain what is written, in quotation marks where they need them."""
    assert offered("mode=B", "fast", 'a "b" c') == (5, [r'"a \"b\" c"'])
    assert offered("mode=", "x" * 3, "y") == (5, ["xxx", "y"])


def test_beginnings_come_first() -> None:
    """What begins with the word stands before what contains it; results aren't offered over all runs."""
    over_all = Context(fields=RUN_FIELDS, now_ms=0)
    assert offered("na", context=over_all)[1][0] == "name"
    assert "Noise/error" not in offered("", context=over_all)[1]


@pytest.mark.parametrize("long", ["epsilon " * 2_000, "(" * 9_000, '"' * 9_000, "x" * 9_000 + " "])
def test_a_long_query_is_looked_at_from_its_end(long: str) -> None:
    """What is offered begins where it does in the whole text."""
    assert offered(long + "eps") == (len(long), ["epsilon"])
    assert offered(long + " state=fa") == (len(long) + 7, ["failed"])


def test_no_more_of_a_query_is_looked_at_than_takes_a_moment() -> None:
    """A word of thousands of letters, which is no name, would hold up everybody else."""
    place = place_in("x" * 10_000, SWEEP)
    assert (place.start, len(place.begun)) == (10_000 - LOOKED_AT, LOOKED_AT)
