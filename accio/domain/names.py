"""Which names are legal, and which known name was probably meant."""

import re
from collections.abc import Iterable

_NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)
_PARAMETER = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)

NODE_RULE = "letters, digits, '_', '.' and '-', beginning with a letter or a digit"
PARAMETER_RULE = "letters, digits and '_', beginning with a letter"
MAX_LENGTH = 200
MEASURED_METRICS = ("wall_us", "user_cpu_us", "system_cpu_us", "peak_memory", "bytes_in", "bytes_out")
"""What is measured of every execution; no metric of an operator's own has such a name."""

# Below this likeness (0 to 1) a suggestion puzzles more than it helps.
_LIKENESS = 0.6


def is_node_name(text: str) -> bool:
    """Return whether *text* can name a node, an operator or a workflow (see NODE_RULE)."""
    return len(text) <= MAX_LENGTH and _NODE.fullmatch(text) is not None


is_operator_name = is_node_name
is_workflow_id = is_node_name


def is_parameter_name(text: str) -> bool:
    """Return whether *text* can name a parameter or a port (see PARAMETER_RULE)."""
    return len(text) <= MAX_LENGTH and _PARAMETER.fullmatch(text) is not None


is_port_name = is_parameter_name


def suggest(name: str, known: Iterable[str], *, likeness: float = _LIKENESS) -> str | None:
    """Return the known name closest to *name*, ignoring case, or None if none is closer than *likeness*: 1 is equal."""
    from difflib import SequenceMatcher  # few names are wrong

    best: str | None = None
    best_likeness = likeness
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(name[:MAX_LENGTH].lower())
    for candidate in sorted(known):
        matcher.set_seq1(candidate.lower())
        if matcher.real_quick_ratio() <= best_likeness or matcher.quick_ratio() <= best_likeness:
            continue
        found = matcher.ratio()
        if found > best_likeness:
            best, best_likeness = candidate, found
    return best


class Suggestions:
    """Suggestions among a fixed set of names, with a bound on the work that one document can cause.

    A document of thousands of misspelt names gets suggestions for the first of them only.
    """

    def __init__(self, known: Iterable[str], *, budget: int = 200_000) -> None:
        self._known = tuple(known)
        self._left = budget
        self._found: dict[str, str | None] = {}

    def closest(self, name: str) -> str | None:
        """Return the known name closest to *name*, or None if none is close or the work is used up."""
        if name not in self._found:
            self._left -= len(self._known) * max(1, min(len(name), MAX_LENGTH))
            if self._left < 0:
                return None
            self._found[name] = suggest(name, self._known)
        return self._found[name]
