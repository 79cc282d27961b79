"""What packages open for good when they are first used: done before the first execution, whose doing it isn't.

Runs in worker processes. Otherwise the worker would be replaced after that execution, for a file that was left open,
and its successor again.
"""

import io
import sys
from collections.abc import Callable, Mapping
from types import ModuleType


def _of_arrow_csv(csv: ModuleType) -> None:
    """Read a table: the first one opens the pipe through which Ctrl-C stops reading."""
    csv.read_csv(io.BytesIO(b"column\n1\n"), read_options=csv.ReadOptions(use_threads=False))


_OF_MODULES: Mapping[str, Callable[[ModuleType], None]] = {"pyarrow.csv": _of_arrow_csv}


def use_first(name: str) -> None:
    """Use a module that was imported, if the first use of it leaves something."""
    use = _OF_MODULES.get(name)
    if use is not None:
        use(sys.modules[name])


def use_all_first() -> None:
    """Use what is imported already."""
    for name in _OF_MODULES.keys() & sys.modules.keys():
        use_first(name)
