"""How large a definition may be."""

from accio.late import dataclass

LONGEST_MS = 10 * 365 * 86_400_000
"""Longest time-out and longest wait before a retry, in milliseconds: ten years, for whatever nobody means to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of the daemon; `max_children` is an option of it, the others are generous bounds on nonsense."""

    max_children: int = 10_000_000
    name_bytes: int = 1_000
    notes_bytes: int = 256 * 1024
    tags: int = 1_000
    nodes: int = 100_000
