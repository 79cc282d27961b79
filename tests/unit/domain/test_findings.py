"""What is found wrong with a document is bounded, whatever the document holds."""

from accio.domain.findings import Findings
from accio.domain.names import MAX_LENGTH


def test_any_number_of_unknown_keys_is_told_in_few_words() -> None:
    """The first hundred are named, the others counted: 4 MB of them took 17 s, and as many errors were sent back."""
    findings = Findings()
    findings.known_keys(
        {"id": 1, **dict.fromkeys((f"k{n}" for n in range(5_000)), 1)}, ("id", "kind"), "", "a workflow"
    )
    assert [issue.path for issue in findings.errors] == [*(f"/k{n}" for n in range(100)), ""]
    assert findings.errors[-1].message == "4900 more keys are none of a workflow"


def test_a_key_of_any_length_is_told_in_few_words() -> None:
    """An error names no more of a key than a name may have."""
    findings = Findings()
    findings.known_keys({"k" * 100_000: 1}, ("id",), "", "a workflow")
    assert len(str(findings.errors[0])) < 3 * MAX_LENGTH


def test_what_was_meant_is_told() -> None:
    """A misspelt key is told with the one that was meant, also beside others."""
    findings = Findings()
    findings.known_keys({"grap": 1, "x-own": 1, "paramz": 1}, ("graph", "params"), "/w", "a workflow")
    assert [(issue.path, issue.suggestion) for issue in findings.errors] == [
        ("/w/grap", "graph"),
        ("/w/paramz", "params"),
    ]
