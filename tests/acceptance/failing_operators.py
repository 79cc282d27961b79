"""Operators for pictures and failures: a number per child, some of which fail."""

import sys

from accio import OperatorContext, operator


@operator(version="1")
def Ratio(x: int, y: int) -> float:
    """Divide, which fails for zero."""
    sys.stdout.write(f"dividing {x} by {y}\n")
    return x / y


@operator(version="1", unstable=True)
def Draw(ctx: OperatorContext, x: int, y: int) -> float:
    """Draw a number that the seed fixes; nothing can be drawn for y=0, nor, by bad luck, at a third of the others."""
    if y == 0 or ctx.random.random() < 1 / 3:
        raise ValueError(f"nothing to draw for {x} and {y}")
    return x + y * ctx.random.gauss(0, 1)
