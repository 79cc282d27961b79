"""What is wrong with a definition, for people: each issue on a line, a syntax error with the line that it is in."""

from collections.abc import Sequence

from accio.domain.issues import Issue
from accio_client.cli.text import printable


def describe_issues(issues: Sequence[Issue], source: str, text: bytes) -> str:
    """Return the issues of a definition, one per line; a syntax error with its line and a mark below the column."""
    lines: list[str] = []
    for issue in issues:
        lines.append(f"{source}: {issue}" if source else str(issue))
        if issue.line is not None:
            lines.extend(_excerpt(text, issue.line, issue.column or 1))
    return "\n".join(lines)


def _excerpt(text: bytes, line: int, column: int) -> list[str]:
    """Return the line of *text* around *column*, and a caret below it."""
    all_lines = text.decode(errors="replace").split("\n")
    if line > len(all_lines):
        return []
    begin = max(0, column - 60)
    shown = printable(all_lines[line - 1][begin : begin + 100].replace("\t", " ").rstrip("\r"))
    before = printable(all_lines[line - 1][begin : column - 1].replace("\t", " "))
    number = f"{line} | "
    return [f"  {number}{shown}", "  " + " " * (len(number) + len(before)) + "^"]
