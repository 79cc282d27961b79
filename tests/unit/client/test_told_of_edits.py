"""What `accio up` says of an edit."""

import pytest

from accio.events import CODE_CHANGED, CODE_KEPT, CODE_RELOADED
from accio_client.cli.daemon import told_of_edit

END = ". What runs ends as it began; runs that wait for earlier code say so"


@pytest.mark.parametrize(
    ("found", "line"),
    [
        ({"changed": ["A"], "added": [], "removed": []}, f"reloaded: A runs as it is now{END}"),
        (
            {"changed": ["A", "B"], "added": ["C"], "removed": ["D"]},
            f"reloaded: A, B run as they are now; C is new; D is offered no more{END}",
        ),
        ({"changed": [], "added": ["C"], "removed": []}, "reloaded: C is new"),
        ({"changed": [], "added": [], "removed": []}, "edited; nothing changes for its operators"),
    ],
)
def test_a_reload_names_what_it_changes(found: dict[str, list[str]], line: str) -> None:
    """Operators that are other, new and gone, in one line."""
    assert told_of_edit({"event": CODE_RELOADED, **found}) == line


def test_a_mistake_is_told_in_one_line() -> None:
    """What can't be loaded is told with its reason, whose lines are joined."""
    said = told_of_edit({"event": CODE_KEPT, "reason": "SyntaxError:\n  line 3"})
    assert said == f"{CODE_KEPT} until that is mended: SyntaxError: line 3"
    assert "start it again" in told_of_edit({"event": CODE_CHANGED})
