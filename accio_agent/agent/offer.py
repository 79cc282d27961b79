"""An agent's identity and its operators, as its Hello tells them."""

from collections.abc import Collection, Iterable, Sequence
from typing import overload

from accio.domain.datatypes import Kind
from accio.domain.failures import clip
from accio.domain.operators import OperatorSpec
from accio.domain.resources import Resources
from accio.late import dataclass
from accio.sdk.catalogue import Catalogue
from accio.v1 import agents_pb2
from accio.wire.operators import operator_message
from accio.wire.resources import resources_message
from accio_agent import clock
from accio_agent.agent.deadline import Deadline

PREFETCH_LIMIT = 1024
"""How many attempts an agent takes ahead of what has a place."""

MOST_LEFT_OUT, MOST_SAID, MOST_NAMED = 100, 2000, 3
"""Of how many packages the daemon is told why they can't be loaded, in how many characters of each, and how many
operators are named of one that is withheld.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the agent is; see `disk/state_folder.py`."""

    name: str
    agent_id: str
    incarnation: int
    boot_id: str
    version: str
    life: str
    predecessors: tuple[str, ...]
    place: str
    deadline: Deadline | None = None
    allocation: str = ""
    owners: tuple[str, ...] = ()
    answers_looks: bool = False  # at the code of its operators, whenever somebody submits


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """An operator, and the references that its template imports."""

    spec: OperatorSpec
    references: tuple[str, ...]
    takes_datasets: bool


class Offers(Sequence[Offered]):
    """All operators that an agent has offered since it started, each at a place that stays its own; `current` are the
    places of those that it offers now, and `left_out` says why there are no others.

    What is offered again as it once was gets its old place: attempts of one version are of one class, whenever they
    came, as they are for the daemon.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._all: list[Offered] = []
        self._since_ns = clock.wall_ns()
        self.catalogue = catalogue
        self.current: tuple[int, ...] = ()
        self.left_out: tuple[str, ...] = ()
        self.renew(catalogue)

    def __len__(self) -> int:
        return len(self._all)

    @overload
    def __getitem__(self, place: int) -> Offered: ...
    @overload
    def __getitem__(self, place: slice) -> list[Offered]: ...
    def __getitem__(self, place: int | slice) -> Offered | list[Offered]:
        return self._all[place]

    @property
    def now(self) -> list[Offered]:
        """What is offered now, as the daemon is told it."""
        return [self._all[place] for place in self.current]

    def is_current(self, references: Sequence[str]) -> bool:
        """Return whether the code behind references is what is offered now. It reads files."""
        catalogue = self.catalogue
        return all(catalogue.is_current(source) for source in catalogue.sources if source.references == references)

    def are_read_as_announced(self, place: int, paths: Sequence[str]) -> bool:
        """Return whether files hold what they held when the operator at a place was described. It reads them."""
        references, catalogue = self._all[place].references, self.catalogue
        sources = [source for source in catalogue.sources if source.references == references]
        return bool(sources) and all(catalogue.has_as_was(source, paths, self._since_ns) for source in sources)

    def differ_from(self, catalogue: Catalogue, withheld: Collection[Sequence[str]] = ()) -> bool:
        """Return whether a catalogue, without what is behind *withheld* references, has other operators than are
        offered now.
        """
        return self.now != list(_offered(catalogue, withheld))

    def renew(self, catalogue: Catalogue, withheld: Collection[Sequence[str]] = ()) -> None:
        """Offer what there is in a catalogue, but for what is behind *withheld* references, and nothing else."""
        self.catalogue = catalogue
        self.current = tuple(self._place(each) for each in _offered(catalogue, withheld))
        self.left_out = (*map(_why_withheld, _names_withheld(catalogue, withheld)), *catalogue.left_out)

    def _place(self, offered: Offered) -> int:
        if offered not in self._all:
            self._all.append(offered)
        return self._all.index(offered)


def _offered(catalogue: Catalogue, withheld: Collection[Sequence[str]]) -> Iterable[Offered]:
    for offer in catalogue.offers:
        if offer.source.references not in withheld:
            yield Offered(
                spec=offer.spec,
                references=offer.source.references,
                takes_datasets=any(port.type.contains(Kind.DATASET) for port in offer.spec.inputs),
            )


def _names_withheld(catalogue: Catalogue, withheld: Collection[Sequence[str]]) -> Iterable[list[str]]:
    """Yield the names of the operators behind each of the *withheld* references."""
    for references in sorted(withheld, key=list):
        if names := sorted(offer.spec.name for offer in catalogue.offers if offer.source.references == references):
            yield names


def _why_withheld(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    those = ", ".join(names[:MOST_NAMED]) + more
    return f"{those}: the code was edited before it was loaded as announced; undo the edit, or start the agent again"


def hello(
    identity: Identity,
    resources: Resources,
    operators: Offers,
    *,
    held: Sequence[agents_pb2.HeldAttempt],
    draining: bool,
    history: str,
) -> agents_pb2.Hello:
    """Return the first message of a session: who the agent is, what it offers, and what it *held* since the last."""
    deadline = identity.deadline
    return agents_pb2.Hello(
        name=identity.name,
        agent_id=identity.agent_id,
        incarnation=identity.incarnation,
        boot_id=identity.boot_id,
        version=identity.version,
        resources=resources_message(resources),
        operators=[operator_message(each.spec) for each in operators.now],
        held=held,
        draining=draining,
        prefetch_limit=PREFETCH_LIMIT,
        history=history,
        life=identity.life,
        predecessors=identity.predecessors,
        place=identity.place,
        ends_in_ms=0 if deadline is None else max(1, int(deadline.seconds_left * 1000)),
        allocation=identity.allocation,
        owners=identity.owners,
        left_out=[clip(each, MOST_SAID) for each in operators.left_out[:MOST_LEFT_OUT]],
        answers_looks=identity.answers_looks,
    )
