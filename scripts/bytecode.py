"""Leaves bytecode of Accio's packages and, with `--all`, of what they and the tests import: no start need compile then.

Python does so by itself at each program's first start, but not where PYTHONDONTWRITEBYTECODE is set. Only what is
imported is compiled: the rest of the environment is many times as much.
"""

import compileall
import importlib
import pkgutil
import sys
from pathlib import Path

PACKAGES = ("accio", "accio_daemon", "accio_agent", "accio_client", "accio_locapriv", "accio_pool", "accio_web")
# What isn't imported together with Accio's modules, but later or by the tests.
OTHERS = (
    "_pytest.terminal",
    "hypothesis",
    "jsonschema",
    "pandas",
    "polars",
    "pyarrow.parquet",
    "pytest_asyncio",
    "xdist",
)


def main(arguments: list[str]) -> int:
    sys.dont_write_bytecode = False
    root = Path(__file__).resolve().parent.parent
    for package in PACKAGES:
        compileall.compile_dir(root / package, quiet=1)
    if "--all" in arguments:
        sys.path.insert(0, str(root))
        for name in (*OTHERS, *modules()):
            importlib.import_module(name)
    return 0


def modules() -> list[str]:
    """Return every module of Accio's packages; not the programs, which do something when they are imported."""
    found = []
    for package in PACKAGES:
        path = importlib.import_module(package).__path__
        found += [each.name for each in pkgutil.walk_packages(path, f"{package}.")]
    return [name for name in found if not name.endswith("__main__")]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
