"""Environment variables that an operator's code reads: their values are a part of what it computes with.

Which ones a piece of code asks for can't always be told, so all texts in the code that reaches the environment count as
names. Left out are variables that say where, by whom and with how many threads something runs, which differ between
machines and jobs, and those that hold secrets.
"""

import os
import re
from collections.abc import Iterable, Mapping

READERS = frozenset({"os.environ", "os.environb", "os.getenv", "os.getenvb", "os.path.expandvars"})
"""The absolute names by which code reaches the environment."""

AT_START: Mapping[str, str] = dict(os.environ)
"""The variables that this process began with: what operators' modules set while they are imported isn't among them."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_PLACES = frozenset(
    {
        "COLUMNS", "DISPLAY", "HOME", "HOST", "HOSTNAME", "LANG", "LINES", "LOGNAME", "MAIL", "MPLBACKEND", "NO_COLOR",
        "OLDPWD", "PATH", "PWD", "SHELL", "SHLVL", "TEMP", "TERM", "TMP", "TMPDIR", "TZ", "USER", "USERNAME",
        "VIRTUAL_ENV",
    }
)  # fmt: skip
_FAMILIES = (
    "ACCIO_", "CONDA", "CUDA_", "DBUS_", "GPU_", "HIP_", "KUBERNETES_", "LC_", "LD_", "LSB_", "NVIDIA_", "OMPI_",
    "PBS_", "PMI_", "PYTHON", "ROCR_", "SGE_", "SLURM_", "SSH_", "XDG_",
)  # fmt: skip
_ENDINGS = ("_THREADS", "_PROXY")
_SECRET = re.compile("TOKEN|PASSWORD|PASSWD|SECRET|CREDENTIAL|APIKEY|API_KEY|ACCESS_KEY")


def names_in(texts: Iterable[str]) -> set[str]:
    """Return which texts may be the names of variables that count; also `$NAME` within one."""
    found = {text for text in texts if _NAME.fullmatch(text)}
    found.update(name for text in texts for name in re.findall(r"\$\{?([A-Za-z_][A-Za-z0-9_]{0,99})", text))
    return {name for name in found if _counts(name.upper())}


def values_of(names: Iterable[str], environment: Mapping[str, str] = AT_START) -> dict[str, str]:
    """Return the values of those variables that are set, by name."""
    return {name: environment[name] for name in sorted(names) if name in environment}


def _counts(name: str) -> bool:
    return not (
        name in _PLACES or name.startswith(_FAMILIES) or name.endswith(_ENDINGS) or _SECRET.search(name) is not None
    )
