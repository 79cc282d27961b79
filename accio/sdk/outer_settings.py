"""Settings from outside by which code computes otherwise: environment variables that packages look at by themselves,
and how the interpreter was told to run.

What an operator's own code reads from the environment is its own affair: its author sees that it isn't an input. Nobody
sees that of `JAX_ENABLE_X64`, and a result in single precision would be that of a run in double. A variable counts
where it is set, for operators that use its package.
"""

import os
import sys
from collections.abc import Iterable

_CUDA = ("CUBLAS_WORKSPACE_CONFIG", "NVIDIA_TF32_OVERRIDE")
_VARIABLES = {
    "aesara": ("AESARA_FLAGS",),
    "cupy": ("CUPY_ACCELERATORS", "CUPY_TF32", *_CUDA),
    "deepxde": ("DDE_BACKEND",),
    "dgl": ("DGLBACKEND",),
    "geomstats": ("GEOMSTATS_BACKEND",),
    "jax": (
        "JAX_DEFAULT_DTYPE_BITS", "JAX_DEFAULT_MATMUL_PRECISION", "JAX_DEFAULT_PRNG_IMPL", "JAX_DISABLE_JIT",
        "JAX_ENABLE_X64", "JAX_NUMPY_DTYPE_PROMOTION", "JAX_NUMPY_RANK_PROMOTION", "JAX_RANDOM_SEED_OFFSET",
        "JAX_THREEFRY_PARTITIONABLE", "XLA_FLAGS", *_CUDA,
    ),
    "keras": ("KERAS_BACKEND",),
    "keras_core": ("KERAS_BACKEND",),
    "mpmath": ("MPMATH_NOGMPY", "MPMATH_STRICT"),
    "networkx": ("NETWORKX_AUTOMATIC_BACKENDS", "NETWORKX_BACKEND_PRIORITY"),
    "numba": ("NUMBA_BOUNDSCHECK", "NUMBA_DISABLE_JIT", "NUMBA_ENABLE_CUDASIM", "NUMBA_OPT"),
    "numpy": ("MKL_CBWR", "NPY_DISABLE_CPU_FEATURES", "NPY_PROMOTION_STATE"),
    "pandas": ("PANDAS_COPY_ON_WRITE",),
    "pyproj": ("PROJ_DATA", "PROJ_LIB", "PROJ_NETWORK"),
    "pytensor": ("PYTENSOR_FLAGS",),
    "qibo": ("QIBO_BACKEND", "QIBO_PLATFORM"),
    "scipy": ("SCIPY_ARRAY_API", "SCIPY_USE_PROPACK"),
    "sklearn": ("SKLEARN_ASSUME_FINITE",),
    "sympy": ("SYMPY_GROUND_TYPES", "SYMPY_USE_CACHE"),
    "tensorflow": (
        "TF_CUDNN_DETERMINISTIC", "TF_DETERMINISTIC_OPS", "TF_ENABLE_ONEDNN_OPTS", "TF_USE_LEGACY_KERAS",
        "TF_XLA_FLAGS", "XLA_FLAGS", *_CUDA,
    ),
    "tensorly": ("TENSORLY_BACKEND",),
    "theano": ("THEANO_FLAGS",),
    "torch": ("TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "TORCHDYNAMO_DISABLE", *_CUDA),
}  # fmt: skip
_OPTIMIZE = "PYTHONOPTIMIZE"


def of_packages(names: Iterable[str]) -> dict[str, str]:
    """Return the variables that are set and matter to these top-level packages."""
    wanted = sorted({variable for name in names for variable in _VARIABLES.get(name, ())})
    return {variable: os.environ[variable] for variable in wanted if os.environ.get(variable)}


def of_interpreter() -> str:
    """Return the interpreter's minor version, and whether it leaves assertions out."""
    return f"{sys.version_info.major}.{sys.version_info.minor}" + (" -O" if sys.flags.optimize else "")


def seen() -> str:
    """Return a text that differs where any of this may, for the interpreter and those that it starts."""
    told = [f"{name}={value}" for name, value in of_packages(_VARIABLES).items()]
    if os.environ.get(_OPTIMIZE):
        told.append(_OPTIMIZE)
    return " ".join((sys.version, *told))
