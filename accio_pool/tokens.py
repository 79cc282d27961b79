"""Handing tokens of allocations to agents: by the environment, and by files that only their owner can read."""

import os
import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from accio.domain.pools import parse_key
from accio.places import ALLOCATION_TOKEN
from accio_pool.providers.ports import Order

OWN = "ACCIO_TOKEN"
"""The token of whoever serves the pool, which is no agent's."""
_SUFFIX = ".token"


def environment_for(order: Order, given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of an order's agent, or of what submits it; without a token, where one is handed over."""
    return {name: value for name, value in given.items() if name != OWN or not order.token}


def write(folder: Path, order: Order) -> None:
    """Write the token of an order for its owner alone; that of an earlier try is replaced."""
    path = _path(folder, order)
    draft = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
        file.write(order.token + "\n")
    draft.replace(path)


def reading(folder: Path, name: str) -> Sequence[str]:
    """Return the lines of a shell's script by which a job reads its token; *name* is the allocation's for the shell."""
    path = f'{shlex.quote(str(folder))}/"{name}{_SUFFIX}"'
    return (f"unset {OWN}", f"{ALLOCATION_TOKEN}=$(cat {path}) || exit 1", f"export {ALLOCATION_TOKEN}")


def forget(folder: Path, cluster: str, pool: str, keep: Collection[int]) -> None:
    """Delete the files of a pool's allocations, but for those of some numbers."""
    for path in folder.glob(f"*{_SUFFIX}"):
        key = parse_key(path.stem)
        if key is not None and (key.cluster, key.pool) == (cluster, pool) and key.number not in keep:
            path.unlink(missing_ok=True)


def _path(folder: Path, order: Order) -> Path:
    return folder / f"{order.key}{_SUFFIX}"
