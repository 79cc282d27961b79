"""Operators for pictures and failures: a number per child, some of which fail."""

import sys

from accio import operator


@operator(version="1")
def Ratio(x: int, y: int) -> float:
    """Divide, which fails for zero."""
    sys.stdout.write(f"dividing {x} by {y}\n")
    return x / y
