"""What a terminal gets to see."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accio.domain.issues import Issue
from accio.domain.sizes import size
from accio_client.cli.findings import describe_issues
from accio_client.cli.output import fitting, folded, table
from accio_client.cli.table_columns import interval_text
from accio_client.cli.text import columns, printable, printable_lines, shown_value, span


@given(st.text() | st.text(st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp"])))
def test_no_character_is_invisible(text: str) -> None:
    """No control, format, separator or surrogate character reaches the terminal, whatever a name or a log holds."""
    import unicodedata

    dangerous = {
        character for character in printable(text) if unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}
    }
    assert not dangerous
    bidirectional = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\u200b")
    assert not bidirectional & set(printable(text))
    assert not {"\x1b", "\r", "\b"} & set(printable_lines(text))


def test_escapes_are_readable() -> None:
    """What was taken out stands there as an escape; other scripts and emoji stay."""
    assert printable("a\x1b[31mb\nc\u202ed") == "a\\x1b[31mb\\nc\\u202ed"
    assert printable("Grüße, 東京 🎉") == "Grüße, 東京 🎉"
    assert printable_lines("a\tb\nc\rd") == "a\tb\nc\\rd"


def test_values_are_shown_as_they_are_typed() -> None:
    """A text stands without quotation marks, everything else as JSON."""
    assert shown_value("250.meters") == "250.meters"
    assert shown_value({"values": [0.1, 1]}) == '{"values":[0.1,1]}'


@pytest.mark.parametrize(
    ("text", "wide"), [("abc", 3), ("é", 1), ("e\u0301", 1), ("日本", 4), ("a💥", 3), ("½", 1), ("", 0)]
)
def test_columns(text: str, wide: int) -> None:
    """A text takes as many columns as terminals give it, which isn't its number of characters."""
    assert columns(text) == wide


def test_columns_are_aligned_in_any_script(capsys: pytest.CaptureFixture[str]) -> None:
    """What stands right of a wide text is where it is in the other rows."""
    table(("name", "state"), [("日本", "ok"), ("abc", "ok"), ("é💥", "ok")])
    assert capsys.readouterr().out == "NAME  STATE\n日本  ok\nabc   ok\né💥   ok\n"


def test_a_narrow_table_breaks_no_words() -> None:
    """Where space is wanting, empty columns go first; then the others are folded between words; ids stay whole."""
    headers = ["id", "state", "workflow", "name", "created"]
    row = ["1m8k58ce61rx4gyf", "success", "w:fd2874e33d19", "", "2026-11-29 08:03:01"]
    assert fitting(headers, [row], 80) == {0: 16, 1: 7, 2: 14, 3: 4, 4: 19}
    assert fitting(headers, [row], 62) == {0: 16, 1: 7, 2: 14, 4: 19}
    assert fitting(headers, [row], 53) == {0: 16, 1: 7, 2: 14, 4: 10}
    assert fitting(headers, [row], 51) == {0: 16, 1: 7, 2: 12, 4: 10}
    assert fitting(headers, [row], 50) is None
    assert fitting(headers, [row], 50, ["created"]) == {0: 16, 1: 7, 2: 14, 3: 4}
    assert fitting(headers, [row], 80, ["created"]) == fitting(headers, [row], 80), "there is space for all"


@pytest.mark.parametrize(
    ("cell", "width", "lines"),
    [
        ("privacy_of_traces:8b34e65ef149", 14, ["privacy_of_", "traces:", "8b34e65ef149"]),
        ("w:8b34e65ef149", 14, ["w:8b34e65ef149"]),
        ("a first sweep-of-everything", 10, ["a first sweep-of-", "everything"]),
        ("Überlänge_日本語", 10, ["Überlänge_", "日本語"]),
        ("unbroken" * 4, 10, ["unbroken" * 4]),  # it is broken anywhere, as it is drawn
        ("", 10, [""]),
    ],
)
def test_long_words_are_broken_where_they_join_parts(cell: str, width: int, lines: list[str]) -> None:
    """A name that is wider than its column goes on in the next line after a sign, and loses no letter."""
    assert folded(cell, width).split("\n") == lines


def test_a_narrow_list_of_runs_breaks_no_id(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On 80 columns no line is longer; the id stands whole, and so does the workflow's version, in its own line."""
    monkeypatch.setattr("accio_client.cli.output.coloured", lambda stream: True)
    monkeypatch.setenv("COLUMNS", "80")
    headers = ["id", "state", "progress", "workflow", "name", "tags", "owner", "created", "took"]
    rows = [
        [
            "1m8k58ce61rx4gyf",
            "failed",
            "100% of 10000",
            "corner:42ab638e5198",
            "",
            "",
            "root",
            "2026-11-29 08:03:01",
            "6 s",
        ],
        [
            "1m8k58ce61rx4gyg",
            "success",
            "3% of 1000000",
            "w:fd2874e33d19",
            "",
            "",
            "root",
            "2026-11-29 08:03:02",
            "12 s",
        ],
    ]
    table(headers, rows)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    words = " ".join(lines).split()
    assert {"1m8k58ce61rx4gyf", "1m8k58ce61rx4gyg", "corner:", "42ab638e5198", "fd2874e33d19"} <= set(words)


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 40, "5.0 TiB")])
def test_sizes(count: int, text: str) -> None:
    """Bytes are shown in the largest unit that leaves a number of one or more."""
    assert size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0004, "<0.01 s"), (0.254, "0.25 s"), (12, "12 s"), (185, "3:05 min"), (7800, "2:10 h")]
)
def test_spans(seconds: float, text: str) -> None:
    """Lengths of time are shown with about three digits."""
    assert span(timedelta(seconds=seconds)) == text


def test_a_syntax_error_shows_its_line_and_a_caret() -> None:
    """Line and column of malformed JSON are shown with an excerpt and a mark below the place."""
    text = b'{\n  "workflow": "w",,\n}'
    shown = describe_issues([Issue("", "expected a name", None, 2, 19)], "run.json", text)
    assert shown.split("\n") == [
        "run.json: line 2, column 19: expected a name",
        '  2 |   "workflow": "w",,',
        "                        ^",
    ]
    line, mark = shown.split("\n")[1:]
    assert line[mark.index("^")] == ","


def test_an_excerpt_of_a_long_line_is_short() -> None:
    """A document in one line of a megabyte is shown around the error only."""
    shown = describe_issues([Issue("", "wrong", None, 1, 500_000)], "", b"x" * 1_000_000)
    assert max(map(len, shown.split("\n"))) < 150


def test_times_are_in_utc() -> None:
    """Documents give instants in UTC with a Z, and milliseconds only where there are any."""
    from accio_client.documents import instant

    assert instant(datetime(2014, 1, 2, 23, 58, 29, tzinfo=UTC)) == "2014-01-02T23:58:29Z"
    assert instant(datetime(2014, 1, 2, 23, 58, 29, 120_000, tzinfo=UTC)) == "2014-01-02T23:58:29.120Z"
    assert instant(None) is None


@pytest.mark.parametrize(
    ("mean", "half", "text"),
    [
        (124015.8, 45376.4, "124016 ± 45000"),
        (12133.3, 145.3, "12133.3 ± 150"),
        (0.0142348, 0.000499, "0.0142348 ± 0.0005"),
        (4.22877e-05, 7.3e-05, "4.22877e-05 ± 7.3e-05"),
        (1.5e12, 3.2e9, "1.5e+12 ± 3.2e+09"),
    ],
)
def test_an_interval_is_written_like_its_mean(mean: float, half: float, text: str) -> None:
    """Half of an interval has an exponent only where its mean has one, or where it is tiny."""
    assert interval_text(mean, half) == text
