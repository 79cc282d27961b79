"""What an operator reaches, as the walk through its code notes it, and what follows from that for its digest."""

from collections.abc import Set
from dataclasses import field

from accio.late import dataclass
from accio.sdk.drawing import draws, seeds
from accio.sdk.module_source import Unit
from accio.sdk.references import Called
from accio.sdk.unfollowable import (
    ATTRIBUTES,
    DOCSTRING_NAMES,
    OWN_FILE_NAMES,
    reads_docstrings,
    reads_own_files,
    why_unfollowable,
)

_ALL_CLASSES = "__subclasses__"
# Attributes that count also where a text names them: getattr(x, "__file__").
_TELLING = OWN_FILE_NAMES | DOCSTRING_NAMES | {_ALL_CLASSES} | ATTRIBUTES.keys()


@dataclass(slots=True, kw_only=True)
class Reached:
    """What was found. Every collection is keyed so that order and repetition don't matter."""

    units: dict[tuple[str, int], Unit] = field(default_factory=dict)
    imports: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    orders: dict[tuple[str, str], list[str]] = field(default_factory=dict)  # what binds a name that several bind
    executed: list[str] = field(default_factory=list)
    packages: dict[str, str] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    extended: dict[str, dict[str, str]] = field(default_factory=dict)  # packages, with what is announced to them
    versions: set[str] = field(default_factory=set)  # distributions whose versions are asked for
    problems: dict[str, None] = field(default_factory=dict)
    own_file_readers: dict[str, None] = field(default_factory=dict)
    uses_docstrings: bool = False
    uses_all_classes: bool = False  # it asks for subclasses, wherever they are defined
    draws: dict[str, str] = field(default_factory=dict)  # names that draw random numbers, and where
    seeded: set[str] = field(default_factory=set)  # modules whose global generator the code seeds itself

    def note_problem(self, where: str, what: str) -> None:
        """Note why there is no digest."""
        self.problems[f"{where} {what}"] = None

    def note_attributes(self, attributes: Set[str], texts: Set[str], where: str) -> None:
        """Note what follows from attributes that the code asks for, or names in a text."""
        attributes = attributes | texts & _TELLING
        if attributes & DOCSTRING_NAMES:
            self.uses_docstrings = True
        if _ALL_CLASSES in attributes:
            self.uses_all_classes = True
        if attributes & OWN_FILE_NAMES:
            self.own_file_readers[where] = None
        for attribute in attributes & ATTRIBUTES.keys():
            self.note_problem(where, ATTRIBUTES[attribute])

    def note_version_asked(self, module: str, call: Called, where: str) -> None:
        """Note the distribution whose version *module* asks for."""
        own = module.partition(".")[0]
        if call.texts[:1] == (None,) and call.chains[0] in ([(("__name__",), False)], [(("__package__",), False)]):
            self.versions.add(own)
        elif call.texts and call.texts[0] is not None:
            self.versions.add(call.texts[0])
        else:
            self.note_problem(where, "asks for the version of something that is known at run time only")

    def note_outside(self, name: str, where: str) -> None:
        """Note what follows from a use of the absolute *name*, which isn't followed, as its version is known."""
        if draws(name):
            self.draws.setdefault(name, where)
        if seeded := seeds(name):
            self.seeded.add(seeded)
        if reads_docstrings(name):
            self.uses_docstrings = True
        if reads_own_files(name):
            self.own_file_readers[where] = None
            return
        reason = why_unfollowable(name)
        if reason is not None:
            self.note_problem(where, reason)
