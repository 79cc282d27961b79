"""What is said to a command that there isn't."""

import pytest

from accio_client.cli import help_text


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("describe last", "did you mean `accio describe run last`?"),
        ("describe 1m8mq8cyw871qabz", "did you mean `accio describe run 1m8mq8cyw871qabz`?"),
        ("describe opertor", "did you mean `accio describe operator`?"),
        ("describe agent", "did you mean `accio get agents`?"),
        ("get rnus", "did you mean `accio get runs`?"),
        ("tabel", "did you mean `accio table`?"),
        ("runs", "did you mean `accio get runs`?"),
        ("backup", "did you mean `accio daemon backup`?"),
        ("get last", "there are: get runs, "),
    ],
)
def test_what_was_meant(words: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A word in the place of a noun that is like none of them is taken for a run that was named."""
    assert help_text.unknown(words) == 1
    assert f"accio: there is no command '{words}'; {meant}" in capsys.readouterr().err
