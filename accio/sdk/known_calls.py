"""Which functions of others are known to change nothing but what they return, if nothing else does."""

_BUILTINS = (
    "abs", "bool", "bytes", "complex", "dict", "divmod", "enumerate", "float", "frozenset", "int", "len", "list", "max",
    "min", "object", "ord", "pow", "range", "reversed", "round", "set", "slice", "sorted", "str", "sum", "tuple", "zip",
)  # fmt: skip
_NUMPY = (
    "arange",
    "array",
    "asarray",
    "deg2rad",
    "dtype",
    "eye",
    "float64",
    "full",
    "int64",
    "linspace",
    "ones",
    "zeros",
)
_CALLS = frozenset(
    {
        *(f"builtins.{name}" for name in _BUILTINS),
        *(f"numpy.{name}" for name in _NUMPY),
        "dataclasses.field",
        "enum.auto",
        "functools.partial",
        "importlib.metadata.version",
        "importlib_metadata.version",
        "logging.getLogger",
        "pathlib.Path",
        "pathlib.PurePath",
        "pathlib.PurePosixPath",
        "re.compile",
        "struct.Struct",
        "types.MappingProxyType",
    }
)
_CALLS_BELOW = (
    "accio.",
    "collections.",
    "datetime.",
    "decimal.",
    "fractions.",
    "itertools.",
    "math.",
    "string.",
    "typing.",
)
_NEVER = frozenset({"decimal.localcontext", "decimal.setcontext"})
_ITERATORS = frozenset({"builtins.enumerate", "builtins.reversed", "builtins.zip"})
_NO_DATA = frozenset({"collections.defaultdict", "functools.partial", "functools.partialmethod"})


def is_known(name: str) -> bool:
    """Return whether calling a function changes nothing."""
    return name not in _NEVER and (name in _CALLS or name.startswith(_CALLS_BELOW))


def keeps_functions(name: str) -> bool:
    """Return whether a function keeps others that it is given, and calls none of them."""
    return name.startswith("functools.partial")


def makes_iterator(name: str) -> bool:
    """Return whether a known function returns what can be read once: whoever reads from it takes that from others."""
    return name in _ITERATORS or name.startswith("itertools.")


def makes_data(name: str) -> bool:
    """Return whether a known function returns data: what can be read as often as one likes, and stays as it is."""
    return name not in _NO_DATA and not makes_iterator(name)
