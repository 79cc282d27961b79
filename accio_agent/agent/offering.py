"""Changes what an agent offers while it runs: to the code of operators as it was edited, or without what was edited.

Each change comes into force with the next session, in whose first message the daemon is told of it; without one to
come, or without a difference to tell, at once.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any

import structlog

from accio.sdk.catalogue import Catalogue
from accio_agent.agent.core.decisions import AgentCore
from accio_agent.agent.offer import Offers

log = structlog.get_logger("accio.agent")

UNDONE_EVERY_S = 1.0
"""How often the files of operators that are withheld are looked at."""


class Offering:
    """What is offered, what is to be offered next, and what is withheld."""

    def __init__(
        self,
        operators: Offers,
        core: AgentCore,
        *,
        replace_templates: Callable[[Collection[Sequence[str]], Collection[Sequence[str]]], Collection[str]],
        spawn: Callable[[Coroutine[Any, Any, None], str], None],
        settle: Callable[[], None],
    ) -> None:
        """*replace_templates* is `Fleet.replace`, *spawn* runs a task, *settle* carries out the core's effects."""
        self._operators = operators
        self._core = core
        self._replace_templates = replace_templates
        self._spawn = spawn
        self._settle = settle
        self._following: tuple[Catalogue, set[Sequence[str]]] | None = None  # what is offered next, what changed for it
        self._withheld: set[Sequence[str]] = set()  # references whose code on disk isn't what could be offered
        self.changed: Callable[[], None] = lambda: None  # has the daemon told, by a new session

    def replace(self, catalogue: Catalogue, changed: Collection[Sequence[str]]) -> bool:
        """Offer what a catalogue has, as the code behind the *changed* references is another; what runs goes on. Return
        whether the daemon is to be told: then it is done as the next session opens.
        """
        self._withheld.difference_update(changed)
        self._following = (catalogue, {*changed, *(self._following[1] if self._following else ())})
        if self._operators.differ_from(catalogue, self._withheld):
            return True
        self.change_over()
        return False

    def begin_anew(self, references: Sequence[str]) -> None:
        """Import what is behind references anew, as files have been touched: what is imported from now on is as old as
        they are.
        """
        if references not in self._withheld and self._following is None:
            self._core.offer(self._operators.current, self._replace_templates([references], self._withheld))

    def withhold(self, references: Sequence[str]) -> None:
        """Offer what is behind references no more, as a template found other code on disk, until that is reloaded or
        the edit undone. What waits here for it is given back: it goes to another agent, or waits at the daemon.
        """
        if references in self._withheld or (self._following is not None and references in self._following[1]):
            return  # what is offered next knows of it
        log.warning("operators have changed on disk, and are withheld until that is undone", references=references)
        self._withheld.add(references)
        catalogue, changed = self._following or (self._operators.catalogue, set())
        self._following = (catalogue, {*changed, references})
        if self._core.leaving:  # there will be no other session, and no more work in this one
            self.change_over()
        else:
            self.changed()
        self._spawn(self._offer_once_undone(references), f"withhold {references}")

    async def _offer_once_undone(self, references: Sequence[str]) -> None:
        """Offer what is withheld once its code is again what was announced."""
        while references in self._withheld:
            await asyncio.sleep(UNDONE_EVERY_S)
            if await asyncio.to_thread(self._operators.is_current, references) and references in self._withheld:
                log.info("operators are again what was announced, and are offered", references=references)
                if self.replace((self._following or (self._operators.catalogue,))[0], [references]):
                    self.changed()

    def change_over(self) -> None:
        """Offer from now on what is to be offered next, if that is something else."""
        if self._following is not None:
            (catalogue, changed), self._following = self._following, None
            self._operators.renew(catalogue, self._withheld)
            self._core.offer(self._operators.current, self._replace_templates(changed, self._withheld))
            self._settle()
