"""Options in all their spellings."""

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accio_client.cli.spelling import rewrite

PARAMETERS = [
    click.Argument(["words"], nargs=-1),
    click.Option(["--tags"]),
    click.Option(["-n", "--limit"]),
    click.Option(["--cache/--no-cache"], default=True),
    click.Option(["--dry-run/--no-dry-run"]),
    click.Option(["--wait/--no-wait"]),
]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["-tags=a,b"], ["--tags=a,b", "--"]),
        (["--tags=a,b"], ["--tags=a,b", "--"]),
        (["-tags", "a,b"], ["--tags=a,b", "--"]),
        (["--tags", "-a"], ["--tags=-a", "--"]),
        (["-tags="], ["--tags=", "--"]),
        (["-n", "5"], ["--limit=5", "--"]),
        (["-limit=5"], ["--limit=5", "--"]),
        (["-wait"], ["--wait", "--"]),
        (["-nowait"], ["--no-wait", "--"]),
        (["--no-wait"], ["--no-wait", "--"]),
        (["-wait=false"], ["--no-wait", "--"]),
        (["-nocache"], ["--no-cache", "--"]),
        (["--no-cache"], ["--no-cache", "--"]),
        (["--nocache"], ["--no-cache", "--"]),
        (["-no-cache=no"], ["--cache", "--"]),
        (["-dryrun"], ["--dry-run", "--"]),
        (["--dry-run"], ["--dry-run", "--"]),
        (["run.json", "-wait", "epsilon=-1"], ["--wait", "--", "run.json", "epsilon=-1"]),
        (["-wait", "--", "-tags=x", "--"], ["--wait", "--", "-tags=x", "--"]),
        (["-"], ["--", "-"]),
    ],
)
def test_spellings(given: list[str], meant: list[str]) -> None:
    """One dash or two, with or without an equal sign, dashes inside or not: all mean the same option."""
    assert rewrite(given, PARAMETERS) == meant


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["-tag=x"], "there is no option -tag; did you mean -tags"),
        (["-workflow=x"], "there is no option -workflow"),
        (["-tags"], "needs a value"),
        (["-wait=maybe"], "takes no value 'maybe'"),
        (["-notags"], "there is no option -notags"),
    ],
)
def test_mistakes(given: list[str], message: str) -> None:
    """What is no option, lacks a value or has one too many is named, with what was probably meant."""
    with pytest.raises(click.UsageError, match=message):
        rewrite(given, PARAMETERS)


@given(st.lists(st.text()))
def test_nothing_but_usage_errors(arguments: list[str]) -> None:
    """Whatever is typed is rewritten or refused."""
    try:
        rewritten = rewrite(arguments, PARAMETERS)
    except click.UsageError:
        return
    assert "--" in rewritten
