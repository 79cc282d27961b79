"""Digests what stands at the paths of datasets on this machine, and answers the daemon's questions about it."""

import threading
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

from accio.content.digest import Progress
from accio.content.reading import DigestedDataset, digest_dataset
from accio.content.signatures import SqliteSignatureCache
from accio.errors import AccioError
from accio.v1 import agents_pb2
from accio_agent import clock
from accio_agent.agent.staging.remote_files import is_remote, local_copy


class NotStagedError(AccioError):
    """An input can't be had."""


class _GivenUpError(Exception):
    """Nobody needs the digest any more that is being computed."""


class PathDigests:
    """The digests of paths, and the daemon's requests for some that are being worked on."""

    def __init__(
        self,
        folder: Path,
        signatures: SqliteSignatureCache,
        in_thread: Callable[..., Coroutine[Any, Any, Any]],
    ) -> None:
        """Copy remote files into *folder*; *in_thread* runs a function with its arguments beside the event loop."""
        self._folder = folder
        self._signatures = signatures
        self._in_thread = in_thread
        self._given_up: dict[int, threading.Event] = {}  # by request; set once nobody needs the answer

    async def answer(self, request: int, paths: Iterable[str]) -> list[agents_pb2.PathDigest] | None:
        """Return the content digests of paths, and why some can't be known; None if the request was given up."""
        given_up = self._given_up[request] = threading.Event()

        def look(_: int) -> None:
            if given_up.is_set():
                raise _GivenUpError

        try:
            return [await self._answer(text, look) for text in paths]
        except _GivenUpError:
            return None
        finally:
            self._given_up.pop(request, None)

    def give_up(self, requests: Iterable[int]) -> None:
        """Read no further for these requests."""
        for request in requests:
            if request in self._given_up:
                self._given_up[request].set()

    async def _answer(self, text: str, look: Progress) -> agents_pb2.PathDigest:
        try:
            _, found = await self.at(text, look)
            look(0)
            return agents_pb2.PathDigest(path=text, digest=found.digest, bytes=found.manifest.size)
        except AccioError as error:
            return agents_pb2.PathDigest(path=text, error=error.message.removeprefix("staging: "))
        except OSError as error:
            return agents_pb2.PathDigest(path=text, error=f"can't read {text}: {error.strerror or error}")

    async def at(self, text: str, progress: Progress | None = None) -> tuple[Path, DigestedDataset]:
        """Return where a dataset's path or address is found on this machine, and what stands there.

        Raises AccioError or OSError if nothing can be read there.
        """
        path: Path = await self._in_thread(local_copy, text, self._folder) if is_remote(text) else Path(text)
        if not path.is_absolute():
            raise NotStagedError(f"expected an absolute path of a dataset, found {path}")
        found: DigestedDataset = await self._in_thread(
            lambda: digest_dataset(path, now_ns=clock.wall_ns(), cache=self._signatures, progress=progress)
        )
        return path, found
