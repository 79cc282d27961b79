"""How an answer is compared with what a case says of it: parts of documents, and words that describe a value."""

import getpass
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from accio.domain.issues import Issue
from tests.cases.loader import assert_issues, issue_matches, mentions, only, same
from tests.cases.daemon.system import Outcome

_LONG = re.compile(r"-?\d{1,19}\Z")
_DESCRIPTIONS: tuple[tuple[str, Callable[[Any], bool]], ...] = (
    (r"a 64-bit integer as a string", lambda v: isinstance(v, str) and bool(_LONG.match(v)) and abs(int(v)) <= 1 << 63),
    (r"a 64-bit integer", lambda v: isinstance(v, int | str) and abs(int(v)) <= 1 << 63),
    (r"(the )?login name.*", lambda v: bool(v == getpass.getuser())),
    (r"an? (ISO 8601 )?(time|timestamp).*", lambda v: isinstance(v, str) and bool(re.match(r"\d{4}-\d\d-\d\dT.*Z", v))),
    (r"an? (number|integer)", lambda v: isinstance(v, int | float) and not isinstance(v, bool)),
    (r"an? (text|string)", lambda v: isinstance(v, str)),
    (r"any(thing| value)?", lambda v: v is not None),
    (r"(not|non-)\s?empty|something", bool),
    (r"infinity|positive infinity", lambda v: v in ("Infinity", math.inf)),
    (r"-infinity|negative infinity", lambda v: v in ("-Infinity", -math.inf)),
    (r"nan|not a number", lambda v: v == "NaN" or v != v),
    (r"random|a random seed", lambda v: isinstance(v, int | str)),
)


def described(found: Any, wanted: Any) -> bool:
    """Tell whether a value is what a case says: the same, a part of it, or what the words describe."""
    match wanted:
        case dict():
            return isinstance(found, Mapping) and all(
                name in found and described(found[name], value) for name, value in wanted.items()
            )
        case str():
            if same(found, wanted):
                return True
            words = wanted.removeprefix("<").removesuffix(">")
            return any(re.fullmatch(form, words, re.IGNORECASE) and holds(found) for form, holds in _DESCRIPTIONS)
        case list() if isinstance(found, list):
            return len(found) == len(wanted) and all(map(described, found, wanted))
        case list():  # where one value is due: any of these
            return any(described(found, one) for one in wanted)
        case _:
            return same(found, wanted)


def assert_described(found: Any, wanted: Any, what: str) -> None:
    """Fail unless `described`."""
    assert described(found, wanted), f"{what}: expected {wanted!r}, found {found!r}"


def assert_command(found: Outcome, expect: Mapping[str, Any], fill: Callable[[Any], Any] = lambda part: part) -> None:
    """Compare what a command did with the words that cases have for it."""
    for word, wanted in expect.items():
        expected = fill(wanted)
        match word:
            case "exit":
                codes = expected if isinstance(expected, list) else [expected]
                assert found.exit in codes, found
            case "mentions":
                assert mentions(found.stdout + found.stderr, expected), found
            case "stdout" | "stderr":
                assert getattr(found, word) == expected, found
            case "stdout_mentions" | "stderr_mentions":
                assert mentions(getattr(found, word.partition("_")[0]), expected), found
            case "stdout_does_not_mention" | "stderr_does_not_mention" | "stdout_lacks" | "stderr_lacks":
                text = getattr(found, word.partition("_")[0])
                assert not any(mentions(text, [one]) for one in expected), found
            case "stdout_lines" | "stderr_lines":
                lines = getattr(found, word.partition("_")[0]).splitlines()
                assert (len(lines) if isinstance(expected, int) else lines) == expected, found
            case "stdout_matches" | "stderr_matches":
                assert re.search(expected, getattr(found, word.partition("_")[0])), found
            case "stdout_empty" | "stderr_empty" | "stdout_is_empty" | "stderr_is_empty":
                assert (getattr(found, word.partition("_")[0]) == "") is expected, found
            case "json":
                assert_described(found.json, expected, "the document on stdout")
            case "error_paths":
                assert sorted(issue["path"] for issue in found.json["errors"]) == sorted(expected), found
            case "errors" | "warnings":
                assert_issues(issues_of(found, word), expected)
            case "errors_include":
                issues = issues_of(found, "errors")
                assert all(any(issue_matches(issue, one) for issue in issues) for one in expected), issues
            case "valid":
                assert found.json["valid"] is expected, found
            case _ if word.endswith("_include"):
                for one in expected:
                    items = found.json[word.removesuffix("_include")]
                    assert any(described(item, one) for item in items), f"{one} isn't among {items}"
            case "each_has":
                for items in (value for value in found.json.values() if isinstance(value, list)):
                    assert items
                    assert all(set(expected) <= item.keys() for item in items)
            case _:
                raise AssertionError(f"the adapter doesn't know {word} of a command")


COMMAND_WORDS = frozenset(
    {"exit", "mentions", "json", "error_paths", "errors", "warnings", "errors_include", "valid", "each_has"}
)


def is_command_word(word: str) -> bool:
    """Tell whether `assert_command` knows a word."""
    return word in COMMAND_WORDS or word.startswith(("stdout", "stderr")) or word.endswith("_include")


def issues_of(found: Outcome, kind: str) -> list[Issue]:
    """Read the issues of a document."""
    known = ("path", "message", "suggestion", "line", "column")
    for issue in found.json[kind]:
        only(issue, *known)
    return [Issue(*(issue.get(key) for key in known)) for issue in found.json[kind]]
