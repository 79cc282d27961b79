"""What a query meant when it was shown: the runs that an action touches then, and no other.

The ids are kept for the session that was shown them, under a name that nobody guesses. The oldest selections of a
session go first.
"""

import secrets
from collections.abc import AsyncIterator

from accio.errors import BadRequest, FailedPrecondition
from accio.late import dataclass
from accio.latest import Latest
from accio_client.views import RunView

MOST_RUNS = 100_000
"""Of more, an action would take longer than anybody looks at a page; their parent can be named instead."""
MOST_KEPT = 4
SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Runs that match, and the first of them as they were shown."""

    name: str
    ids: tuple[str, ...]
    first: tuple[RunView, ...]


class Selections:
    """The selections of all sessions."""

    def __init__(self) -> None:
        self._kept: dict[str, Latest[str, Selection]] = {}

    async def keep(self, session: str, matching: AsyncIterator[RunView]) -> Selection:
        """Read what matches and keep it; BadRequest if it is too much."""
        ids: list[str] = []
        first: list[RunView] = []
        async for run in matching:
            if len(ids) >= MOST_RUNS:
                raise BadRequest(
                    f"expected a query that matches at most {MOST_RUNS:,} runs, found more: say more about which ones, "
                    "or name their parent"
                )
            ids.append(run.id)
            if len(first) < SHOWN:
                first.append(run)
        made = Selection(name=secrets.token_urlsafe(18), ids=tuple(ids), first=tuple(first))
        self._kept.setdefault(session, Latest(MOST_KEPT)).keep(made.name, made)
        return made

    def find(self, session: str, name: str) -> Selection:
        """Return a selection; FailedPrecondition where it is no longer kept."""
        kept = self._kept.get(session)
        found = None if kept is None else kept.get(name)
        if found is None:
            raise FailedPrecondition("what was selected isn't known any more: select it again")
        return found

    def forget(self, session: str) -> None:
        """Forget what a session selected."""
        self._kept.pop(session, None)
