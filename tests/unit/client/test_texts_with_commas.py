"""Values on the command line that look like lists, and are texts."""

import pytest

from accio.domain.datatypes import parse_type
from accio_client.cli.definitions import Overrides, Readings, texts_with_commas

READINGS = Readings(
    {name: parse_type(kind) for name, kind in {"word": "string", "n": "integer", "at": "location"}.items()}, {}
)


def test_a_text_that_looks_like_a_list() -> None:
    """It is one value, which is said, with the way to give several."""
    (remark,) = texts_with_commas(Overrides(params=("word=AC,GG,TT",)), READINGS)
    assert remark == "word is a string, AC,GG,TT is one value of it; for 3 values write word=AC word=GG …"


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ('"a,b"', "its quotation marks belong to it: without them write word=a,b"),
        ("'a,b$'", "its quotation marks belong to it: without them write 'word=a,b$'"),
        ('{"values":["a","b$"]}', "for 2 values write word=a word='b$'"),
        ("a$,b'c", """for 2 values write word='a$' word='b'"'"'c'"""),
    ],
)
def test_what_was_meant_is_written_as_a_shell_reads_it(text: str, instead: str) -> None:
    """Also where a text was quoted twice, or written as in a file."""
    (remark,) = texts_with_commas(Overrides(params=(f"word={text}",)), READINGS)
    assert remark == f"word is a string, {text} is one value of it; {instead}"


@pytest.mark.parametrize(
    "params",
    [
        ("n=1,2",),
        ("at=48.85,2.35",),
        ("word=AC",),
        ("word=Dear all, hello",),
        ("word=AC,GG", "word=TT"),
        ("other=a,b",),
    ],
)
def test_what_needs_no_remark(params: tuple[str, ...]) -> None:
    """Other types, texts with spaces, and a name that is given several times already."""
    assert texts_with_commas(Overrides(params=params), READINGS) == []


def test_listed_words_are_split() -> None:
    """A text whose values are all listed is a sweep, and needs no remark."""
    readings = Readings(READINGS.types, {"word": ["AC", "GG"]})
    assert texts_with_commas(Overrides(params=("word=AC,GG",)), readings) == []
