"""What an execution leaves in its process, and the next one must not find: runs in worker processes.

Results are kept by their inputs, so they may not depend on what the same worker executed before. After each execution
the process is compared with what the first one found. What can be put back is; for the rest the worker is replaced, so
that the next execution gets a fresh copy of what was imported. What an import changes stays, as the module does; if
that is an own module, which other operators needn't import, the worker is replaced, too.
"""

import builtins
import decimal
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from accio_agent.protocol.doubts import Signature
from accio_agent.worker.restoring import interpreter_state, process_state
from accio_agent.worker.restoring.dict_versions import DictVersions
from accio_agent.worker.restoring.first_uses import use_all_first, use_first
from accio_agent.worker.restoring.foreign_modules import ForeignModules
from accio_agent.worker.restoring.generators import Generators
from accio_agent.worker.restoring.import_effects import changes_others
from accio_agent.worker.restoring.interpreter_state import Warnings
from accio_agent.worker.restoring.late_imports import LateImports
from accio_agent.worker.restoring.own_globals import OwnGlobals
from accio_agent.worker.restoring.package_state import OF_MODULES
from accio_agent.worker.restoring.process_state import Descriptors, Property
from accio_agent.worker.restoring.pure_code import is_pure
from accio_agent.worker.restoring.still_code import is_still

Result = TypeVar("Result")

LONG_NS = 500_000
"""After executions that took longer, everything is looked at that a shorter one doesn't pay for."""
EVERY = 64
"""After how many executions there is another look, too."""


class Leftovers:
    """The process as the first execution found it. To be made when nothing but the first execution is still to come."""

    def __init__(
        self,
        own: OwnGlobals,
        foreign: ForeignModules,
        generators: Generators,
        note_import: Callable[[str, Signature | None], None] = lambda name, seen: None,
    ) -> None:
        """*note_import* is `Freshness.imported`."""
        self._own = own
        self._foreign = foreign
        self._generators = generators
        self._note_import = note_import
        use_all_first()
        LateImports(self).install()
        self._pending = set(OF_MODULES)
        self._properties: list[Property] = []
        self._reads: list[Callable[[], Any]] = []
        self._kept: list[Any] = []
        self._add([*process_state.PROPERTIES, *interpreter_state.PROPERTIES])
        for name in OF_MODULES.keys() & sys.modules.keys():
            self._add_those_of(name)
        self._limits = process_state.LIMITS.read()
        self._descriptors = Descriptors()
        self._warnings = Warnings()
        self._context = interpreter_state.base_context()
        self._decimals = interpreter_state.own_decimals(self._context)
        self._builtin_names = {name: value for name, value in vars(builtins).items() if name != "_"}
        self._builtins = DictVersions([vars(builtins)])
        self._before: list[Any] = []
        self._given: Iterable[str | Path] = ()
        self._had_files = False
        self._unclear = ""  # what both the execution and an import within it have changed
        self._count = 0
        self._pure: dict[str, bool] = {}
        self._still: dict[str, bool] = {}  # of these, what can't change anything that outlives an execution
        self._is_still = False
        self._effects: dict[str, str] = {}  # by which word an operator may change what can't be looked at
        self._effect = ""
        self._looks = own.looks

    def __repr__(self) -> str:
        return f"<Leftovers: {len(self._properties)} properties, {self._own!r}, {self._foreign!r}>"

    def call(self, function: Callable[[], Result], given: Iterable[str | Path] = ()) -> Result:
        """Call a function with context variables, and thereby decimals, that end with the call. A module that it
        imports from one of the *given* folders is another one for the next execution.
        """
        self._given = given
        if not self._foreign.plain:
            self._warnings.forget()
        context = self._context.copy()
        if self._decimals is not None:
            context.run(decimal.setcontext, self._decimals.copy())
        try:
            return context.run(function)
        finally:
            if self._builtins.changed():
                self._restore_builtins()

    def _restore_builtins(self) -> None:
        """Put the built-in functions back at once: what reports the execution needs them, too."""
        names = vars(builtins)
        if any(names.get(name) is not value for name, value in self._builtin_names.items()):
            self._unclear = "built-in functions"
            names.update(self._builtin_names)
        self._builtins.renew()

    def expect(self, what: str) -> None:
        """Expect a property to be as it is now: it was changed on purpose."""
        for at, each in enumerate(self._properties):
            if each.what == what:
                self._kept[at] = _copied(each.read())

    def expect_files(self) -> None:
        """Expect the files to be open that are open now: the worker itself has opened or closed some."""
        self._descriptors.look()

    def is_pure(self, name: str, code: Callable[..., Any]) -> bool:
        """Return whether an operator's function, or class, that is given plain values can but compute with them."""
        if self._own.looks != self._looks:  # what it leads to may be another thing now
            self._looks = self._own.looks
            self._pure.clear()
        found = self._pure.get(name)
        if found is None:
            found = self._pure[name] = is_pure(code, self._own.is_own)
            self._still[name] = found and is_still(code, self._own.is_own)
            self._effects[name] = "" if found else self._own.unseen_effect(code)
        self._effect = self._effects[name]
        self._is_still = self._still[name]
        return found

    def settle_pure(self) -> str:
        """Do as `settle` after an execution of pure code, of which `is_pure` was the last that was asked."""
        self._count += 1
        if self._is_still and self._count % EVERY and not self._unclear:
            return ""
        return self._changes()

    def _changes(self) -> str:
        changed = self._own.changed() or self._foreign.changed() or self._unclear
        return f"the operator changed {changed}" if changed else ""

    def settle(self, taken_ns: int) -> str:
        """Put back what an execution of this duration left behind; why that can't be done, or an empty text."""
        changed = self._changes()  # always: what later workers share is put back there
        if not self._foreign.plain and (why := self._settle_process()):
            return why
        if (filled := self._own.new_in_caches()) and self._generators.were_drawn_from():
            for cache in filled:
                cache.cache_clear()
            self._own.new_in_caches()
        self._count += 1
        if self._descriptors.changed(thorough=taken_ns > LONG_NS or self._count % EVERY == 0):
            return "the operator left files open, or closed some of the worker's"
        if not changed and self._effect:
            return f"the operator's code names {self._effect}, whose effects can't be found"
        return changed

    def _settle_process(self) -> str:
        """Put back what kernel, interpreter and packages keep for the process; why that can't be done."""
        process_state.stop_timers()
        if (found := [read() for read in self._reads]) != self._kept and (why := self._restore(found)):
            return why
        return self._restore_limits() if process_state.may_set_limits() else ""

    def _restore(self, found: list[Any]) -> str:
        for each, now, kept in zip(self._properties, found, self._kept, strict=True):
            if now != kept and (why := _restore(each, kept)):
                return why
        return ""

    def _restore_limits(self) -> str:
        if process_state.LIMITS.read() != self._limits:
            return _restore(process_state.LIMITS, self._limits)
        return ""

    def _add(self, properties: list[Property]) -> None:
        for each in properties:
            self._properties.append(each)
            self._reads.append(each.read)
            self._kept.append(_copied(each.read()))

    def _add_those_of(self, name: str) -> None:
        self._pending.discard(name)
        with suppress(AttributeError):  # another package of that name
            self._add(OF_MODULES[name](sys.modules[name]))

    # --- imports within an execution ---------------------------------------------------------------------------------

    def import_begins(self) -> None:
        """See `late_imports.Watcher`."""
        self._before = [_copied(read()) for read in self._reads]
        self._unclear = self._unclear or self._own.changed() or self._foreign.changed()
        self._had_files = self._descriptors.changed(thorough=True)

    def imported(self, name: str, seen: Signature | None) -> None:
        """See `late_imports.Watcher`."""
        self._note_import(name, seen)
        self._generators.imported(name)
        if self._is_given(getattr(sys.modules.get(name), "__file__", None)):
            self._unclear = f"the module {name}, which was only there for this execution"
        elif self._own.is_own(name) and changes_others(str(sys.modules[name].__file__)):
            self._unclear = self._unclear or f"others by the import of {name}"
        use_first(name)
        if name in self._pending:
            self._add_those_of(name)

    def _is_given(self, file: object) -> bool:
        """Return whether a module's file lies in one of the folders that the execution was given."""
        return isinstance(file, str) and any(
            Path(file).resolve().is_relative_to(Path(folder).resolve()) for folder in self._given
        )

    def import_ends(self) -> None:
        """Keep what the import changed. What the execution had changed before is still to be put back."""
        for at, before in enumerate(self._before):
            now = self._reads[at]()
            if now == before:
                continue
            if before == self._kept[at]:
                self._kept[at] = _copied(now)
            else:
                self._unclear = self._unclear or self._properties[at].what
        if not self._had_files:
            self._descriptors.look()
        if self._own.is_outdated():
            self._own.look()
        self._foreign.look()


def _restore(each: Property, kept: Any) -> str:
    """Put a property back; why that failed, or an empty text."""
    try:
        each.restore(_copied(kept))
    except Exception as error:  # noqa: BLE001 - whatever it is, the worker can't be used any more
        return f"the operator changed {each.what}: {error}"
    return f"the operator changed {each.what}" if each.read() != kept else ""


def _copied(value: Any) -> Any:
    """Return a value that doesn't change with what it was read from."""
    if isinstance(value, tuple) and type(value) is tuple:
        return tuple(map(_copied, value))
    return value.copy() if type(value) in {list, dict, set} else value
