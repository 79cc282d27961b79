"""How an answer is compared with what a case says of it: parts of documents, and words that describe a value."""

import getpass
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from accio.domain.issues import Issue
from tests.cases.daemon.system import Outcome
from tests.cases.loader import assert_issues, issue_matches, mentions, only, same

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
    """Return whether a value is what a case says: the same, a part of it, or what the words describe."""
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
        stream, _, what = word.partition("_")
        if word in _OF_COMMANDS:
            holds = _OF_COMMANDS[word](found, expected)
        elif stream in ("stdout", "stderr"):
            assert what in _OF_STREAMS, f"the adapter doesn't know {word} of a command"
            holds = _OF_STREAMS[what](getattr(found, stream), expected)
        else:
            assert word.endswith("_include"), f"the adapter doesn't know {word} of a command"
            items = found.json[word.removesuffix("_include")]
            holds = all(any(described(item, one) for item in items) for one in expected)
        assert holds, f"{word}: expected {expected!r}, found {found}"


def is_command_word(word: str) -> bool:
    """Return whether `assert_command` knows a word."""
    return word in _OF_COMMANDS or word.startswith(("stdout", "stderr")) or word.endswith("_include")


def _lists_have(found: Outcome, fields: list[str]) -> bool:
    lists = [value for value in found.json.values() if isinstance(value, list)]
    return all(lists) and all(set(fields) <= item.keys() for items in lists for item in items)


def _is_refused(found: Outcome, wanted: Any) -> bool:
    """Return whether a command was refused: with these texts, or with this issue; true: with whatever."""
    if isinstance(wanted, dict):
        return found.exit != 0 and any(issue_matches(issue, wanted) for issue in issues_of(found, "errors"))
    texts = [wanted] if isinstance(wanted, str) else wanted if isinstance(wanted, list) else []
    return found.exit != 0 and mentions(found.stdout + found.stderr, texts)


def _issues_are(found: Outcome, kind: str, wanted: list[Any]) -> bool:
    assert_issues(issues_of(found, kind), wanted)
    return True


_OF_COMMANDS: dict[str, Callable[[Outcome, Any], bool]] = {
    "exit": lambda found, codes: found.exit in (codes if isinstance(codes, list) else [codes]),
    "mentions": lambda found, texts: mentions(found.stdout + found.stderr, texts),
    "json": lambda found, document: described(found.json, document),
    "error_paths": lambda found, paths: sorted(one["path"] for one in found.json["errors"]) == sorted(paths),
    "errors": lambda found, issues: _issues_are(found, "errors", issues),
    "warnings": lambda found, issues: _issues_are(found, "warnings", issues),
    "errors_include": lambda found, issues: all(
        any(issue_matches(issue, one) for issue in issues_of(found, "errors")) for one in issues
    ),
    "valid": lambda found, valid: found.json["valid"] is valid,
    "each_has": _lists_have,
    "error": lambda found, wanted: _is_refused(found, wanted),
    "refused": lambda found, refused: (found.exit != 0) is refused,
}
_OF_STREAMS: dict[str, Callable[[str, Any], bool]] = {
    "": lambda text, wanted: bool(text == wanted),
    "mentions": mentions,
    "does_not_mention": lambda text, wanted: not any(mentions(text, [one]) for one in wanted),
    "lacks": lambda text, wanted: not any(mentions(text, [one]) for one in wanted),
    "lines": lambda text, wanted: bool(
        (len(text.splitlines()) if isinstance(wanted, int) else text.splitlines()) == wanted
    ),
    "matches": lambda text, wanted: re.search(wanted, text) is not None,
    "empty": lambda text, wanted: (text == "") is wanted,
    "is_empty": lambda text, wanted: (text == "") is wanted,
}


def issues_of(found: Outcome, kind: str) -> list[Issue]:
    """Read the issues of a document."""
    known = ("path", "message", "suggestion", "line", "column")
    for issue in found.json[kind]:
        only(issue, *known)
    return [Issue(*(issue.get(key) for key in known)) for issue in found.json[kind]]
