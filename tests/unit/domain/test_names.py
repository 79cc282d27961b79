"""Names, suggestions, people, types and issues."""

import time

import pytest

from accio import errors
from accio.domain.datatypes import COLLECTIONS, Kind, TypeProblem, castable, parse_type
from accio.domain.issues import Checked, Issue, pointer
from accio.domain.names import Suggestions, is_node_name, is_parameter_name, suggest
from accio.domain.people import Person, parse_person
from accio.domain.problems import ValueProblem, quote
from accio.errors import AccioError, InvalidDefinition
from tests.unit.domain.strategies import list_of, set_of


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("epsilom", "epsilon"),
        ("EPSILON", "epsilon"),
        ("levl", "level"),
        ("default", None),
        ("", None),
        ("x" * 10**6, None),
    ],
)
def test_suggestions(name: str, meant: str | None) -> None:
    """The closest name is suggested, whatever its case; nothing, if nothing is close."""
    assert suggest(name, ["epsilon", "level", "workflow"]) == meant


def test_suggestions_have_a_budget() -> None:
    """After a bounded amount of work there are no more suggestions; those found stay."""
    names = Suggestions(["alpha", "beta"], budget=25)
    assert names.closest("alpah") == "alpha"
    assert names.closest("betta") == "beta"
    assert names.closest("gamma") is None
    assert names.closest("alphb") is None
    assert names.closest("alpah") == "alpha"


def test_names_are_ascii_and_bounded() -> None:
    """Letters of other scripts, line ends and very long names are illegal."""
    assert is_node_name("Geo-I.2_x")
    assert not any(map(is_node_name, ["é", "a\n", "x" * 201, "a/b", "²"]))
    assert not any(map(is_parameter_name, ["é", "a\n", "x" * 201, "a-b", "_a"]))


@pytest.mark.parametrize(
    ("text", "person"),
    [
        ("Jane van Doe <john.doe@example.org>", Person(name="Jane van Doe", email="john.doe@example.org")),
        ("  Jane  ", Person(name="Jane")),
        ("<j@x>", Person(name="", email="j@x")),
    ],
)
def test_people(text: str, person: Person) -> None:
    """A name, an address, or both; what is printed reads back."""
    assert parse_person(text) == person
    assert parse_person(str(person)) == person


@pytest.mark.parametrize(
    "text",
    ["", "  ", "a <b", "a <no address>", "a\nb", "a <x@>", "a <@x>", "a <b@c> d", "a> <b@c>", "a <b@c d>", "<<b@c>"],
)
def test_what_is_no_person(text: str) -> None:
    """Broken forms are refused."""
    with pytest.raises(ValueProblem, match="Name <email>"):
        parse_person(text)


@pytest.mark.parametrize("text", [" " * 200_000 + "<", "<" * 200_000, "a@" * 100_000 + "<", " <@" * 60_000])
def test_a_long_text_that_is_no_person_is_refused_at_once(text: str) -> None:
    """The time to read an owner grows with its length, not with the third power of it."""
    begun = time.process_time()
    with pytest.raises(ValueProblem, match="Name <email>"):
        parse_person(text)
    assert time.process_time() - begun < 1.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "list",
        "list()",
        "list(integer",
        "list(integer))",
        "map(string)",
        "map(a,b)",
        "integer(byte)",
        "a" * 501,
        "()",
    ],
)
def test_what_is_no_type(text: str) -> None:
    """Broken names of types are refused with a reason."""
    with pytest.raises(TypeProblem):
        parse_type(text)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("int", "long"),
        ("Float", "double"),
        ("str", "string"),
        ("bool", "boolean"),
        ("map(str, list(int))", "map(string,list(long))"),
    ],
)
def test_pythons_words_are_synonyms(written: str, canonical: str) -> None:
    """They are read wherever a type is; what is written back is the language's own word."""
    assert parse_type(written) == parse_type(canonical)
    assert str(parse_type(written)) == canonical


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("duble", "double"),
        ("list(strng)", "string"),
        ("number", "double"),
        ("text", "string"),
        ("datetime", "timestamp"),
        ("file", "dataset"),
        ("dict(string,long)", "map"),
        ("zebra", None),
    ],
)
def test_types_of_other_languages_are_understood(text: str, suggestion: str | None) -> None:
    """An unknown type comes with the one that was meant, apart from the message, which lists them all."""
    with pytest.raises(TypeProblem) as refused:
        parse_type(text)
    assert refused.value.suggestion == suggestion
    assert "expected one of byte, integer" in refused.value.message


def test_depth_is_counted_in_collections() -> None:
    """Four levels are allowed, a fifth isn't, in keys of maps as well."""
    assert parse_type("list(list(list(list(byte))))").depth == 4
    with pytest.raises(TypeProblem, match="4"):
        parse_type("map(list(list(list(list(byte)))),byte)")


def test_types_know_what_they_contain() -> None:
    """A kind is found at any depth."""
    datatype = parse_type("MAP ( string , list(Dataset) )")
    assert str(datatype) == "map(string,list(dataset))"
    assert datatype.contains(Kind.DATASET)
    assert datatype.kind in COLLECTIONS
    assert not datatype.contains(Kind.DOUBLE)


def test_collections_of_different_kinds_do_not_meet() -> None:
    """A set isn't a list, and a list of lists isn't a list."""
    byte = parse_type("byte")
    assert castable(list_of(byte), list_of(parse_type("double")))
    assert not castable(list_of(byte), set_of(byte))
    assert not castable(list_of(byte), list_of(list_of(byte)))
    assert not castable(byte, list_of(byte))


def test_pointers_are_escaped() -> None:
    """Pointers follow RFC 6901."""
    assert pointer("graph", 0, "a/b~c") == "/graph/0/a~1b~0c"
    assert pointer() == ""


def test_issues_read_well() -> None:
    """The text of an issue has place, message and suggestion; its JSON leaves out what is unknown."""
    issue = Issue("/a", "bad", "good")
    assert str(issue) == "/a: bad (did you mean good?)"
    assert issue.to_json() == {"path": "/a", "message": "bad", "suggestion": "good"}
    assert Issue("", "bad", line=3, column=4).to_json() == {"path": "", "message": "bad", "line": 3, "column": 4}
    assert str(Issue("", "bad")) == "bad"
    assert Checked(value=1).valid
    assert not Checked(value=None, errors=(issue,)).valid


def test_an_invalid_definition_carries_everything() -> None:
    """The error holds all issues, and its message is made of them."""
    error = InvalidDefinition([Issue("/a", "one"), Issue("/b", "two")], [Issue("/c", "three")])
    assert error.message == "/a: one\n/b: two"
    assert len(error.warnings) == 1


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """Every error stands in the drawing of its module, and derives from AccioError directly."""
    drawn = {line.split()[1] for line in (errors.__doc__ or "").splitlines() if "──" in line}
    assert drawn == {kind.__name__ for kind in AccioError.__subclasses__() if kind.__module__ == errors.__name__}


def test_quotes_are_short() -> None:
    """A huge value takes one short phrase of a message."""
    for value in ("x" * 10**6, 10**5000, list(range(10**5)), {"a": 1}, (), {}, object()):
        assert len(quote(value)) < 100
    assert quote("a\ud800") == '"a\\ud800"'
