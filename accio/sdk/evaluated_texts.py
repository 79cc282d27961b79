"""Names in texts that other packages evaluate where they are called: formulas, queries, expressions.

`smf.ols("y ~ scaled(x, BY)", data)` calls a function of the module that says so with a constant of it, `"y ~ x + Z"`
takes an array of it where the data have no such column, `table.query("x > @LIMIT")` reads its constant, and so does
`numexpr.evaluate("x * FACTOR")`. No name in the code tells.
"""

import re
from collections.abc import Callable, Iterable

_CALLED = re.compile(r"([^\W\d]\w*)(?:\.\w+)*\s*\(")
_MARKED = re.compile(r"@\s*([^\W\d]\w*)")
_WORD = re.compile(r"[^\W\d]\w*")
_EVALUATORS = frozenset(
    {
        "append_where", "dmatrices", "dmatrix", "eval", "evaluate", "execute", "executemany", "from_query",
        "get_where_list", "itersequence", "lazyexpr", "model_matrix", "query", "re_evaluate", "read_where", "sql",
        "where",
    }
)  # fmt: skip
_FORMULA = "~"


def names_evaluated(texts: Iterable[str], functions: Iterable[str], is_name: Callable[[str], bool]) -> set[str]:
    """Return words in *texts* that may be evaluated as names of their module, by code that names these *functions*.

    Anybody may evaluate what is called in a text, or has an @ before it; any word those who are known for it. So it is
    with a formula, and where a text calls what *is_name* of the module: what it is called with may be of it, too.
    """
    knows = not _EVALUATORS.isdisjoint(functions)
    found: set[str] = set()
    for text in texts:
        called = set(_CALLED.findall(text))
        if knows or _FORMULA in text or any(map(is_name, called)):
            found.update(_WORD.findall(text))
        else:
            found.update(called, _MARKED.findall(text))
    return found
