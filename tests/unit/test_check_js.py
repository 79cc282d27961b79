"""The check of the JavaScript's types."""

import pytest

from scripts.check_js import complaints, main


def test_what_others_wrote_is_not_judged() -> None:
    """Complaints about vendored files are left out; those about ours are told, and nothing else is."""
    ours = "accio_web/static/parts.js(14,9): error TS2365: Operator '<' can't be applied"
    others = "accio_web/static/vendor/htm.js(1,565): error TS2345: Argument of type 'string'"
    assert complaints(f"{ours}\n{others}\n  more about it\n") == [ours]


def test_without_node(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing can be checked, that is said, and is a failure only where it is demanded."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("ACCIO_REQUIRE_NODE", raising=False)
    assert main() == 0
    assert "not checked" in capsys.readouterr().out
    monkeypatch.setenv("ACCIO_REQUIRE_NODE", "1")
    assert main() == 1
