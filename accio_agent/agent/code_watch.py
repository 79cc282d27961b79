"""Notices that the code of operators has changed on disk since it was announced.

What has been imported stays loaded, and runs under the digest of what it was. Whoever edits a file expects something
else: so the agent reloads, if it was told to. Else, or if what the file has become can't be loaded, it is said here.
The daemon is told in any case, which warns at each submission, until the code is loaded, the agent is started again or
the edit is undone.

Nothing here runs on the event loop, and little elsewhere: looks ask the file system only, and a pause after each keeps
them below a hundredth of a processor. Files are read only where a look differs from the one before.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from contextlib import suppress
from typing import NoReturn

import structlog

from accio.events import CODE_CHANGED
from accio.sdk.catalogue import Catalogue
from accio.sdk.glances import Glances
from accio.sdk.sources import Source
from accio_agent import clock
from accio_agent.agent.file_events import FileEvents

log = structlog.get_logger("accio.agent")

FIRST_LOOK_AFTER_S = 2.0
"""The operators were compared with what was announced just before; an agent has something else to do as it starts."""
SOURCE_EVERY_S = 0.5
PACKAGES_EVERY_S = 2.0
SPARE = 200
"""How many times the processor time of a look the pause after it is at least: two kinds of looks share a hundredth."""
SPARE_OF_WAITING = 10
"""The same for all the time that it took: a file server has others to serve, and reading is rare."""
QUICK_S = 0.005
"""A look that took no longer is worth no thread: its files are on no server that is away."""
UNSEEN = -1
"""How a source looks whose files can't be looked at."""

_Glance = Callable[[Glances], int]
Reload = Callable[[frozenset[str]], Awaitable[Catalogue]]


class _Pace:
    """How long something takes: the least of its last times, as a busy machine makes the others longer."""

    def __init__(self) -> None:
        self._times = deque[float](maxlen=3)

    @property
    def quick(self) -> bool:
        """Whether it is worth no thread, as far as is known."""
        return min(self._times, default=math.inf) <= QUICK_S

    def note(self, seconds: float) -> None:
        """Note how long it has taken."""
        self._times.append(seconds)


class CodeWatch:
    """Looks at the files of all operators. *tell* takes the distributions whose code isn't what was announced, and
    whether that is about to be loaded, *reload* those that have just been edited: it returns what is announced from
    then on.
    """

    def __init__(
        self, catalogue: Catalogue, tell: Callable[[frozenset[str], bool], None], reload: Reload | None = None
    ) -> None:
        self._catalogue = catalogue
        self._tell = tell
        self._reload = reload
        self._glances = {source: self._glances_at(source) for source in catalogue.sources}
        self._seen: dict[tuple[Source, _Glance], int] = {}
        self._changed: set[str] = set()
        self._edited: set[str] = set()  # of these, the ones that were edited before the last look
        self._told: frozenset[str] | None = frozenset()  # None: what is being loaded
        self._read: tuple[int, ...] | None = None  # how the source looked that was read before the first look
        self._looks = _Pace()  # that of looks at the source
        self._events = FileEvents()
        self._before: dict[Source, int] = {}  # what would have been found before a source as it was looked at
        self._before_looks = _Pace()  # that of finding it
        self._expected = asyncio.Event()  # somebody may ask
        self._one = asyncio.Lock()  # one look at a time: the older of two must not have the last word

    async def run(self) -> None:
        """Look again and again, until cancelled.

        Once somebody may ask, files are followed, so that no answer waits; not before, as the agent has to connect.
        """
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(FIRST_LOOK_AFTER_S):
                    await self._expected.wait()
            async with self._one:
                await asyncio.to_thread(self._source_is_current)
            await asyncio.sleep(FIRST_LOOK_AFTER_S)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._repeat(Glances.at_source, SOURCE_EVERY_S), name="source watch")
                tasks.create_task(self._repeat(Glances.at_packages, PACKAGES_EVERY_S), name="packages watch")
        finally:
            self._events.close()

    def expect(self) -> None:
        """Note that somebody may ask soon."""
        self._expected.set()

    def look(self, glance: _Glance) -> float:
        """Look once at all sources; return the seconds for which to rest after it."""
        following = self._follow_files() if glance is Glances.at_source else {}
        began, used = time.monotonic(), time.thread_time()
        differing = [source for source in self._glances if self._differs(source, glance)]
        used = time.thread_time() - used
        if glance is Glances.at_source:
            self._looks.note(time.monotonic() - began)
        self._edited.clear()
        for source in differing:
            self._changed.discard(source.distribution)
            if not self._is_current(source):
                self._changed.add(source.distribution)
                self._edited.add(source.distribution)
        self._confirm(following)
        return max(SPARE * used, SPARE_OF_WAITING * (time.monotonic() - began))

    @property
    def changed(self) -> frozenset[str]:
        """The distributions whose code wasn't what was announced when it was looked at last."""
        return frozenset(self._changed)

    def _is_current(self, source: Source) -> bool:
        """Return whether a source is what was announced; False, too, if what it has become can't be compared."""
        try:
            return self._catalogue.is_current(source)
        except Exception:
            log.warning("can't compare the code of operators", of=source.distribution, exc_info=True)
            return False

    def _differs(self, source: Source, glance: _Glance) -> bool:
        """Return whether a source looks other than before. A first look at its packages has nothing to be held against:
        the first look at the source asks for everything. One that fails differs from all others, and ends nothing.
        """
        try:
            seen = glance(self._glances[source])
        except Exception:
            log.warning("can't look at the code of operators", of=source.distribution, exc_info=True)
            seen = UNSEEN
        before = self._seen.get((source, glance))
        self._seen[(source, glance)] = seen
        return seen != before and (before is not None or glance is Glances.at_source)

    def nothing_new(self) -> bool:
        """Return whether all is as it was when it was told last, if that can be said at once: by what the kernel has
        told since, and a look at what it doesn't tell.
        """
        if self._told != self.changed or self._are_installed_anew():
            return False
        still = self._events.still()
        others = [source for source in self._glances if source not in still]
        if others and (self._one.locked() or not self._looks.quick or any(map(self._events.heard, others))):
            return False
        try:
            return self._nothing_before(still) and self._all_as_seen(others)
        except Exception:  # noqa: BLE001 - the look that follows tells of it
            return False

    def _nothing_before(self, sources: Collection[Hashable]) -> bool:
        """Return whether nothing else would be found before what was of *sources*; False if that takes long."""
        if sources and not self._before_looks.quick:
            return False
        began = time.monotonic()
        same = all(
            self._glances[each].before_source() == self._before.get(each) for each in self._glances if each in sources
        )
        self._before_looks.note(time.monotonic() - began)
        return same

    def _all_as_seen(self, sources: Collection[Source]) -> bool:
        began = time.monotonic()
        same = all(self._glances[each].at_source() == self._seen.get((each, Glances.at_source)) for each in sources)
        if sources:
            self._looks.note(time.monotonic() - began)
        return same

    def _follow_files(self) -> dict[Source, tuple[int, int]]:
        """Have the kernel tell of changes from now on, where it can, so that what it has told of is looked at anew.

        Return of each source since which time it is followed and what would be found before it, for `_confirm` once all
        has been looked at.
        """
        since: dict[Source, int] = {}
        for source, glances in self._glances.items():
            since[source] = self._events.follow(source, glances)
            if self._events.heard(source, forget=True):
                self._seen.pop((source, Glances.at_source), None)
                self._read = None
        began = time.monotonic()
        found = {source: (since[source], glances.before_source()) for source, glances in self._glances.items()}
        self._before_looks.note(time.monotonic() - began)
        return found

    def _confirm(self, following: Mapping[Source, tuple[int, int]]) -> None:
        """Note that sources were compared with what was announced since they are followed (see `_follow_files`)."""
        for source, (since, before) in following.items():
            if self._seen.get((source, Glances.at_source)) != UNSEEN:
                self._before[source] = before
                self._events.confirm(source, since)

    async def look_now(self) -> None:
        """Look at the source, and at packages where something was installed; reload and tell what is other until now.

        Before the first look of all, which takes long, the source alone is compared with what was announced.
        """
        async with self._one:
            current = not self._seen and await asyncio.to_thread(self._source_is_current)
        if not current:
            await self._look_and_follow(Glances.at_source)
        if self._are_installed_anew():
            await self._look_and_follow(Glances.at_packages)

    def _are_installed_anew(self) -> bool:
        return any(glances.is_installed_anew() for glances in self._glances.values())

    def _glances_at(self, source: Source) -> Glances:
        return Glances(self._catalogue.fingerprints[source.distribution], clock.wall_ms)

    def _source_is_current(self) -> bool:
        fingerprints = self._catalogue.fingerprints
        try:
            following = self._follow_files()
            looks = tuple(glances.at_source() for glances in self._glances.values())
            same = looks == self._read or all(
                fingerprints[source.distribution].source_is_current() for source in self._catalogue.sources
            )
        except Exception:  # noqa: BLE001 - the look tells of it
            return False
        self._read = looks if same else None
        if same:
            self._confirm(following)
        return same

    async def _repeat(self, glance: _Glance, every_s: float) -> NoReturn:
        while True:
            rest_s = await self._look_and_follow(glance)
            await asyncio.sleep(max(every_s, rest_s))

    async def _look_and_follow(self, glance: _Glance) -> float:
        """Look once, reload what was edited, and tell; return the seconds for which to rest."""
        async with self._one:
            rest_s = await asyncio.to_thread(self.look, glance)
            if self._edited and self._reload is not None:
                self._told = None
                self._tell(self.changed, True)
                self._follow(await self._reload(frozenset(self._edited)))
            self._say(self.changed)
            return rest_s

    def _follow(self, catalogue: Catalogue) -> None:
        """Hold what is looked at from now on against another catalogue, where that differs."""
        before, self._catalogue = self._catalogue, catalogue
        for source in before.sources:
            name = source.distribution
            if catalogue.fingerprints[name] is not before.fingerprints[name]:
                self._changed.discard(name)
                self._glances[source] = self._glances_at(source)
                self._seen = {key: seen for key, seen in self._seen.items() if key[0] != source}
                self._events.drop(source)

    def _say(self, changed: frozenset[str]) -> None:
        if changed == self._told:
            return
        before = self._told or frozenset()
        for distribution in sorted(changed - before) if self._reload is None else ():
            log.warning(CODE_CHANGED, of=distribution, do="start the agent again to run it as it is now")
        for distribution in sorted(before - changed):
            log.info("the code of operators is again what was announced", of=distribution)
        self._told = changed
        self._tell(changed, False)
