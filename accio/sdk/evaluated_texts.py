"""Names in texts that other packages evaluate where they are called: formulas, queries, expressions.

`smf.ols("y ~ scaled(x)", data)` calls a function of the module that says so, `table.query("x > @LIMIT")` reads its
constant, and so does `numexpr.evaluate("x * FACTOR")`. No name in the code tells.
"""

import re
from collections.abc import Iterable

_CALLED = re.compile(r"([^\W\d]\w*)(?:\.\w+)*\s*\(")
_MARKED = re.compile(r"@\s*([^\W\d]\w*)")
_WORD = re.compile(r"[^\W\d]\w*")
_EVALUATORS = frozenset({"eval", "evaluate", "get_where_list", "lazyexpr", "query", "re_evaluate", "read_where", "sql"})


def names_evaluated(texts: Iterable[str], functions: Iterable[str]) -> set[str]:
    """Return words in *texts* that may be evaluated as names of their module, by code that names these *functions*.

    Anybody may evaluate what is called in a text, or has an @ before it; any word those who are known for it.
    """
    patterns = (_WORD,) if not _EVALUATORS.isdisjoint(functions) else (_CALLED, _MARKED)
    return {word for text in texts for pattern in patterns for word in pattern.findall(text)}
