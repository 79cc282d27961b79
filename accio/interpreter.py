"""How processes of Accio start further ones: no file of the working folder takes the place of a module that they need.

`python -m` puts the working folder first on the path, and so does an empty entry of PYTHONPATH. A file `queue.py` there
would be run in place of the standard library's.
"""

import os
import sys
from collections.abc import Iterable, Mapping

PATH = "PYTHONPATH"
GIVEN_PATH = "PYTHONPATH_BEFORE_ACCIO"
"""What PYTHONPATH was, empty if it wasn't set, for a process of ours that has another one."""

FAULTS = ("-X", "faulthandler")

LENT: list[str] = []
"""How a module of ours is run where this interpreter is another environment's, to which Accio is lent."""


def python(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of ours with this interpreter, which says on stderr where it was when a
    signal such as SIGABRT ended it, from its very beginning.
    """
    return [*LENT, module, *arguments] if LENT else [sys.executable, "-P", *FAULTS, "-m", module, *arguments]


NO_FOLDER = "the working folder isn't there any more: change to one that is, and try again"
"""What a command says that needs the working folder when there is none."""


def has_folder() -> bool:
    """Return whether the working folder is still there."""
    try:
        os.getcwd()  # noqa: PTH109 - `Path` has nothing that is only asked
    except OSError:
        return False
    return True


def fork_only_to_exec() -> None:
    """Keep gRPC from handling forks, in a program whose forks are only ever followed by exec, and in those that it
    starts. It must be called before gRPC is loaded, which is when gRPC asks.

    What gRPC does in the child between the two ends every tenth of them by SIGABRT or SIGSEGV, in silence, while calls
    are being made beside it.
    """
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"


def without_working_folder(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment whose PYTHONPATH has no empty entry, which would stand for the working folder."""
    cleaned = dict(environment)
    if PATH in cleaned:
        cleaned[PATH] = search_path(cleaned[PATH].split(os.pathsep))
    return cleaned


def finding_modules_as_here(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which an interpreter finds modules where this one does.

    It is for a module of ours, which calls `give_back_path` before anything of a user's runs: a program with another
    interpreter, or with packages of its own, would load those of this one by such a PYTHONPATH.
    """
    return {**environment, PATH: search_path(sys.path), GIVEN_PATH: environment.get(PATH, "")}


def give_back_path() -> None:
    """Make PYTHONPATH what it was before `finding_modules_as_here`; nothing in a process that was started otherwise."""
    given = os.environ.pop(GIVEN_PATH, None)
    if given:
        os.environ[PATH] = given
    elif given is not None:
        os.environ.pop(PATH, None)


def search_path(entries: Iterable[str]) -> str:
    """Return a PYTHONPATH of these entries, without those that stand for the working folder."""
    return os.pathsep.join(entry for entry in entries if entry)
