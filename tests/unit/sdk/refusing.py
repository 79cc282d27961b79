"""What a decoration says when it refuses."""

from typing import Any

import pytest

from accio import (
    InvalidDefinition,
    operator,
)


def refusal(declare: Any) -> str:
    """The message of a declaration that must be refused."""
    with pytest.raises(InvalidDefinition) as caught:
        operator(declare)
    return caught.value.message
