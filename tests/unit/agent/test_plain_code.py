"""Which operators can't change their process."""

import pytest

from accio_agent.worker.restoring.plain_code import is_plain


@pytest.mark.parametrize(
    ("words", "modules", "plain"),
    [
        ({"math", "sqrt"}, {"math", "builtins"}, True),
        ({"json", "dumps", "path"}, {"json", "os", "os.path"}, True),
        ({"signal", "alarm"}, {"signal"}, False),
        ({"os", "nice"}, {"os"}, False),
        ({"numpy"}, {"numpy"}, False),
        ({"eval"}, {"builtins"}, False),
        ({"warnings", "warn"}, {"builtins"}, False),
        ({"resource", "setrlimit"}, {"builtins"}, False),
    ],
)
def test_plain(words: set[str], modules: set[str], plain: bool) -> None:
    """Code is plain if all modules that it names compute, and it names none of the ways that lead further."""
    assert is_plain(words, modules) is plain
