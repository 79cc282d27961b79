"""Whether a file that no digest counts holds what it held before: one of an operator with a version of its own, or of a
package that is only found while it works.
"""

import os
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

from accio.sdk.installed import is_as_listed


def is_as_before(path: str, before_ns: int) -> bool:
    """Return whether a file is as it was at a time (epoch, by the clock of files).

    An installed one holds what the RECORD of its package says, if that is older; another one was written last before
    then. What links to it, and who may read it, doesn't count.
    """
    real = os.path.realpath(path)
    for site in sys.path:
        root = os.path.realpath(site)
        if site and real.startswith(f"{root}{os.sep}"):
            name = Path(os.path.relpath(real, root)).as_posix()
            for found in distributions(path=[site]):
                listed = is_as_listed(found, name, real)
                if listed is not None:
                    return listed and _written_ns(found) < before_ns
    return _modified_ns(real) < before_ns


def _written_ns(found: Distribution) -> int:
    """Return when the RECORD of a package was written: by its own time, or that of the folder that it was put into."""
    record = next((str(file.locate()) for file in found.files or () if file.name == "RECORD"), "")
    return max(_modified_ns(record), _modified_ns(os.path.dirname(record))) if record else sys.maxsize  # noqa: PTH120 - beside stat


def _modified_ns(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - one of many
    except OSError:
        return sys.maxsize
