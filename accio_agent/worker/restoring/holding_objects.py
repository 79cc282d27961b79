"""Which packages' objects hold what they were given, or what has happened, in plain attributes.

Runs in worker processes.

Objects of other packages fill their attributes as they go, with what would be computed again.
"""

import sys

# Packages of the standard library whose objects don't hold what they are given, or are looked at elsewhere.
_NOT_HOLDING = frozenset({"builtins", "importlib", "logging", "pathlib", "types", "typing", "warnings"})
# Packages whose objects are data and models.
_DATA = frozenset(
    {
        "catboost", "lightgbm", "lmfit", "networkx", "numpy", "pmdarima", "scipy", "shapely", "skimage", "sklearn",
        "statsmodels", "uncertainties", "xgboost",
    }
)  # fmt: skip
_FILLED = ("_ufunc", "cache", "memo")  # in names of attributes that such objects fill as they go


def is_holding(kind: type) -> bool:
    """Return whether what objects of a class hold counts: those of nearly all classes of the standard library do."""
    package = kind.__module__.partition(".")[0]
    return package in _DATA or (package in sys.stdlib_module_names and package not in _NOT_HOLDING)


def is_filled(owner: object, name: object) -> bool:
    """Return whether an attribute of another package's object only keeps what would be computed again."""
    package = type(owner).__module__.partition(".")[0]
    return package in _DATA and isinstance(name, str) and any(word in name.lower() for word in _FILLED)
