"""The provider `local`: agents are processes of this machine, which outlive the process that serves the pool.

They are found again by their command line, which names the allocation: by nothing that could be lost or out of date.
"""

import asyncio
import os
import shlex
import signal
import socket
import subprocess
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import psutil

from accio.domain.pools import AllocationKey, parse_key
from accio.file_ends import end_of
from accio.places import ALLOCATION_TOKEN
from accio_pool import tokens
from accio_pool.agents import agent_command, last_words
from accio_pool.config import PoolConfig
from accio_pool.providers.ports import Found, Listing, Order, Refused

_LAST = 2000  # bytes of an agent's output that are looked at
_OPTION = "--allocation"


class LocalProvider:
    """A pool of agents on this machine."""

    def __init__(self, pool: PoolConfig, folder: Path) -> None:
        """Start agents as *pool* says; what they print goes to *folder*."""
        self._pool = pool
        self._folder = folder
        self._children: dict[AllocationKey, subprocess.Popen[bytes]] = {}  # to be reaped once they have ended

    async def submit(self, order: Order) -> str:
        """Start an agent."""
        child = self._start(order)
        self._children[order.key] = child
        return str(child.pid)

    def _start(self, order: Order) -> "subprocess.Popen[bytes]":
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            with self._log(order.key).open("ab") as log:
                return subprocess.Popen(
                    agent_command(self._pool, order, until=True),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    env=tokens.environment_for(order) | ({ALLOCATION_TOKEN: order.token} if order.token else {}),
                )
        except OSError as error:
            raise Refused(f"the agent can't be started: {error}") from None

    async def list(self, cluster: str) -> Listing:
        """Look for the agents' processes."""
        over = {key for key, child in self._children.items() if child.poll() is not None}
        self._children = {key: child for key, child in self._children.items() if key not in over}
        found = await asyncio.to_thread(_processes)
        host = socket.gethostname()
        return Listing(
            found=[
                Found(key=key, job=str(pid), begun=True, host=host)
                for pid, key in found
                if (key.cluster, key.pool) == (cluster, self._pool.spec.name)
            ],
            over=frozenset(key.number for key in over if key.cluster == cluster),
        )

    async def cancel(self, found: Found, *, gently: bool) -> None:
        """Signal an agent, unless its process has become another one since."""
        pid = int(found.job)
        try:
            process = os.pidfd_open(pid)  # it stays that process's, whoever gets the number next
        except ProcessLookupError:
            return
        try:
            if (pid, found.key) in await asyncio.to_thread(_processes):
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(process, signal.SIGTERM if gently else signal.SIGKILL)
        finally:
            os.close(process)

    async def forget_tokens(self, cluster: str, keep: Collection[int]) -> None:
        """Do nothing: they are in the agents' environment alone."""

    async def last_words(self, key: AllocationKey) -> str:
        """Return what an agent said last."""
        try:
            return last_words(end_of(self._log(key), _LAST))
        except OSError:
            return ""

    def preview(self, order: Order) -> str:
        """Return the agent's command."""
        return shlex.join(agent_command(self._pool, order, until=True))

    def _log(self, key: AllocationKey) -> Path:
        return self._folder / f"{key}.log"


def _processes() -> list[tuple[int, AllocationKey]]:
    """Return the processes of this user that are agents in allocations."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.uids().real != os.getuid():
                continue
            words = process.cmdline()
        except psutil.Error:
            continue
        if _OPTION in words[:-1] and (key := parse_key(words[words.index(_OPTION) + 1])) is not None:
            found.append((process.pid, key))
    return found
