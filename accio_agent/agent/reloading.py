"""Has an agent offer the code of operators as it is now, each time that it has changed.

What can't be loaded, a half-written file among them, is offered as it was, until the next change. Nothing of this is
for agents that a cluster relies on: what is queued for the code as it was waits from then on.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import structlog

from accio.events import CODE_KEPT, CODE_RELOADED
from accio.sdk.catalogue import Catalogue, Offer, renew

log = structlog.get_logger("accio.agent")

Replace = Callable[[Catalogue, Collection[Sequence[str]]], None]


class Reloader:
    """Describes changed operators anew. *replace* takes the new catalogue and the references that it differs in."""

    def __init__(self, catalogue: Catalogue, replace: Replace, *, cache: Path, shared: Path | None) -> None:
        """*cache* and *shared* are where descriptions are kept."""
        self._catalogue = catalogue
        self._replace = replace
        self._cache = cache
        self._shared = shared
        self._failures: dict[str, str] = {}

    async def reload(self, changed: Collection[str]) -> Catalogue:
        """Replace what can be loaded of the *changed* distributions; return what is offered from now on."""
        before = self._catalogue
        try:
            after, failures = await asyncio.to_thread(renew, before, changed, cache=self._cache, shared=self._shared)
        except Exception as error:  # a full disk, or what no author of an operator has foreseen: it ends nothing
            log.warning("can't describe the code of operators", exc_info=True)
            after, failures = before, dict.fromkeys(changed, f"it can't be described: {error}")
        self._failures = {**{of: why for of, why in self._failures.items() if of not in changed}, **failures}
        for distribution, reason in failures.items():
            log.warning(CODE_KEPT, of=distribution, reason=reason)
        done = [each for each in before.sources if each.distribution in changed and each.distribution not in failures]
        if done:
            self._catalogue = after
            self._replace(after, [source.references for source in done])
        for source in done:
            log.info(CODE_RELOADED, of=source.distribution, **_news(source.distribution, before, after))
        return self._catalogue

    def problem(self, changed: Collection[str]) -> str:
        """Return why one of the *changed* distributions can't be loaded; empty if none was tried in vain."""
        return next((self._failures[of] for of in sorted(changed) if of in self._failures), "")


def _news(distribution: str, before: Catalogue, after: Catalogue) -> dict[str, list[str]]:
    """Return the names of the operators of a distribution that have changed, that are new, and that are gone."""
    old, new = _specs(distribution, before), _specs(distribution, after)
    return {
        "changed": sorted(name for name in old.keys() & new.keys() if _differ(old[name], new[name])),
        "added": sorted(new.keys() - old.keys()),
        "removed": sorted(old.keys() - new.keys()),
    }


def _specs(distribution: str, catalogue: Catalogue) -> dict[str, Offer]:
    return {each.spec.name: each for each in catalogue.offers if each.source.distribution == distribution}


def _differ(old: Offer, new: Offer) -> bool:
    """Return whether an operator may have changed: what has no digest always may."""
    return old.spec != new.spec or new.spec.digest is None
