"""The check of the JavaScript's types."""

from scripts.check_js import complaints


def test_what_others_wrote_is_not_judged() -> None:
    """Complaints about vendored files are left out; those about ours are told, and nothing else is."""
    ours = "accio_web/static/parts.js(14,9): error TS2365: Operator '<' can't be applied"
    others = "accio_web/static/vendor/htm.js(1,565): error TS2345: Argument of type 'string'"
    assert complaints(f"{ours}\n{others}\n  more about it\n") == [ours]
