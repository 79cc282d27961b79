"""The ways in which a run may use the memo."""

from enum import StrEnum


class CacheMode(StrEnum):
    """How a run uses the memo."""

    USE = "use"
    NONE = "none"  # no look-up, no joining, nothing stored
    REFRESH = "refresh"  # no look-up; the new result is stored
