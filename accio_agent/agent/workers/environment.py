"""The environment of templates and workers: repeatable, and without the agent's secrets."""

import os

from accio.grpc_polling import chosen_here
from accio.interpreter import finding_modules_as_here

_SECRETS = ("ACCIO_TOKEN", "ACCIO_JOIN")
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
)


def worker_environment(threads: int) -> dict[str, str]:
    """Return the environment of templates and workers: the agent's own, without its secrets and what it chose for
    itself, and what makes results repeatable.
    """
    environment = {
        name: value for name, value in os.environ.items() if name not in _SECRETS and not chosen_here(name, value)
    }
    environment = finding_modules_as_here(environment)
    environment |= {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"}
    environment |= dict.fromkeys(_THREAD_VARIABLES, str(threads))
    return environment
