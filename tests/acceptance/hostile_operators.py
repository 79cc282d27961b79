"""An operator that says what it is told to: in its log, its result and its error."""

import sys

from accio import OperatorContext, operator


@operator(version="1")
def Echo(ctx: OperatorContext, text: str, fail: bool) -> str:
    """<img src=x onerror="document.title='help'"><u>Say</u> *text*."""
    sys.stdout.write(f"{text}\n")
    sys.stderr.write(f"{text}\n")
    ctx.metric("length", len(text))
    if fail:
        raise ValueError(text)
    return text
