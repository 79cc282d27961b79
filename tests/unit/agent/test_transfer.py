"""How the agent moves content while the daemon is away."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from accio.channels import Door
from accio.content.digest import Digest
from accio.content.store import FolderStore
from accio.errors import FailedPrecondition, Unavailable
from accio.trust import Trust
from accio_agent.agent.link.transfer import Transfer


class AwayAtFirst(Door):
    """A daemon that can't be asked for its authority the first time, and then lets nobody in."""

    def __init__(self) -> None:
        super().__init__("h:1", Trust(digest="0" * 32))
        self.asked = 0

    def find_authority(self) -> None:
        self.asked += 1
        if self.asked == 1:
            raise Unavailable("no daemon answers")

    def open(self, options: Sequence[tuple[str, Any]]) -> NoReturn:
        raise FailedPrecondition(f"opened after {self.asked} questions")


async def test_a_daemon_that_cannot_be_asked_who_it_is_is_asked_again(tmp_path: Path) -> None:
    """With a join token, content waits until the daemon has told its authority, as it waits for the daemon itself."""
    transfer = Transfer(AwayAtFirst(), lambda: None)
    with FolderStore(tmp_path / "store") as store, pytest.raises(FailedPrecondition, match="after 2 questions"):
        await transfer.fetch([Digest("blake3:" + "0" * 64)], store)
    await transfer.close()
