"""The operators that an agent can offer: all that its sources have, described, and kept up with their code."""

from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from accio.domain.draws import doubt_when_loaded
from accio.domain.issues import Issue
from accio.domain.operators import OperatorSpec
from accio.errors import AccioError, BadRequest, InvalidDefinition
from accio.late import dataclass
from accio.sdk.describe import Description
from accio.sdk.descriptions import describe_source
from accio.sdk.fingerprint import Fingerprint
from accio.sdk.installed import Installed
from accio.sdk.sources import Source, installed_sources, merged, named_source
from accio.sdk.uncounted import is_as_before


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An operator and where it is loaded from."""

    spec: OperatorSpec
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """What there is to offer. `warnings` are for people: operators that aren't cached; `left_out` says of each package
    that can't be loaded why.

    `fingerprints` are those of the sources, by distribution; `contents` is where those of installed packages are kept;
    `named` are the distributions that were asked for by name.
    """

    offers: tuple[Offer, ...]
    named: frozenset[str]
    warnings: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    fingerprints: dict[str, Fingerprint]
    contents: Path | None = None

    @property
    def sources(self) -> tuple[Source, ...]:
        """Where the operators come from, each source once."""
        return tuple(dict.fromkeys(offer.source for offer in self.offers))

    @property
    def doubts(self) -> tuple[str, ...]:
        """What to tell people of operators that draw random numbers otherwise than from their context."""
        told = (
            doubt_when_loaded(spec.name, spec.draws, unstable=spec.unstable)
            for spec in (offer.spec for offer in self.offers)
        )
        return tuple(filter(None, told))

    def is_current(self, source: Source) -> bool:
        """Return whether the files of a source are still those that were described: a worker with others would lie."""
        return self.fingerprints[source.distribution].is_current(Installed(self.contents))

    def has_as_was(self, source: Source, paths: Iterable[str], before_ns: int) -> bool:
        """Return whether files that a source leads to hold what they held when it was described, or at a time for files
        that don't count for it.
        """
        fingerprint, now = self.fingerprints[source.distribution], Installed(self.contents)
        found = {path: fingerprint.has_as_was(path, now) for path in paths}
        return all(is_as_before(path, before_ns) if same is None else same for path, same in found.items())


def discover(
    named: Iterable[str], *, folder: Path, cache: Path | None, shared: Path | None = None, installed: bool = True
) -> Catalogue:
    """Find and describe operators. *named* are the values of `--operators`, relative to *folder*.

    *cache* is a folder for descriptions, *shared* one for those of what installed packages announce, which are the same
    for all agents of a user; by default it is *cache*. What can't be loaded is an error if it was named (BadRequest,
    InvalidDefinition: of all that was named), and `left_out` if it is only installed. Two operators of one name are
    refused.
    """
    explicit = [named_source(text, folder) for text in named]
    wanted = {source.distribution for source in explicit}
    announced = installed_sources() if installed else []
    sources = merged([*announced, *explicit])
    shared = shared or cache
    contents = None if shared is None else shared / "installed"
    with ThreadPoolExecutor() as pool:  # each is described by a process of its own
        # Those that were named first: they start processes, while what is kept of the others is compared here.
        describing = {
            source: pool.submit(describe_source, source, shared if source in announced else cache, contents)
            for source in sorted(sources, key=announced.__contains__)
        }
    described: list[tuple[Source, Description]] = []
    left_out: list[str] = []
    wrong: list[AccioError] = []
    for source in sources:
        try:
            described.append((source, describing[source].result()))
        except AccioError as error:
            if source.distribution in wanted:
                wrong.append(error)
            else:
                left_out.append(f"the operators of {source.distribution} are left out: {error.message}")
    if wrong:
        raise _together(wrong)
    offers = tuple(Offer(spec=spec, source=source) for source, description in described for spec in description.specs)
    refuse_duplicates(offers)
    uncached = (offer.spec for offer in offers if offer.spec.digest is None)
    return Catalogue(
        offers=offers,
        named=frozenset(wanted),
        warnings=tuple(f"operator {spec.name} is never cached: {spec.uncacheable}" for spec in uncached),
        left_out=tuple(left_out),
        fingerprints={source.distribution: description.fingerprint for source, description in described},
        contents=contents,
    )


def _together(errors: Sequence[AccioError]) -> AccioError:
    """Return one error that says what several do."""
    if len(errors) == 1:
        return errors[0]
    definitions = [error for error in errors if isinstance(error, InvalidDefinition)]
    if len(definitions) == len(errors):
        return InvalidDefinition(issue for error in definitions for issue in error.issues)
    return BadRequest("\n".join(error.message for error in errors))


def renew(
    catalogue: Catalogue, changed: Collection[str], *, cache: Path | None, shared: Path | None = None
) -> tuple[Catalogue, dict[str, str]]:
    """Describe the *changed* distributions of a catalogue anew. Return the catalogue as it is now, and why some are in
    it as they were: they can't be loaded, or have an operator that another one has, too.

    *cache* and *shared* are the folders that `discover` was given.
    """
    failures: dict[str, str] = {}
    for source in catalogue.sources:
        if source.distribution not in changed:
            continue
        try:
            folder = cache if source.distribution in catalogue.named else shared or cache
            description = describe_source(source, folder, catalogue.contents)
            own = [Offer(spec=spec, source=source) for spec in description.specs]
            others = [offer for offer in catalogue.offers if offer.source != source]
            refuse_duplicates([*others, *own])
        except AccioError as error:
            failures[source.distribution] = error.message
            continue
        fingerprints = catalogue.fingerprints | {source.distribution: description.fingerprint}
        catalogue = replace(catalogue, offers=(*others, *own), fingerprints=fingerprints)
    return catalogue, failures


def refuse_duplicates(offers: Sequence[Offer]) -> None:
    """Raise InvalidDefinition if two sources offer an operator of the same name."""
    first: dict[str, Offer] = {}
    issues = []
    for offer in offers:
        other = first.setdefault(offer.spec.name, offer)
        if other.source.distribution != offer.source.distribution:
            issues.append(
                Issue(
                    "/name",
                    f"there are two operators {offer.spec.name}: one of {other.source.distribution}, one of "
                    f"{offer.source.distribution}; leave one of them out, or rename one with name=",
                )
            )
    if issues:
        raise InvalidDefinition(issues)
