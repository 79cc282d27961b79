"""The ledger: what each agent has, and what is reserved on it. Integers only.

It refuses overdraft and double release by raising LedgerError, which is a bug of the caller, and changes nothing
then. It knows amounts, not why they are reserved.
"""

from dataclasses import field

from accio.domain.resources import Resources
from accio.late import dataclass


class LedgerError(Exception):
    """An overdraft or a double release: a bug of the caller."""


@dataclass(slots=True)
class Account:
    """One agent's resources.

    Offered, reserved by executions, and held back for a node that couldn't be placed for long.
    """

    milli_cpus: int
    memory: int
    disk: int
    gpus: list[int]  # free indices, ascending
    gpu_count: int
    custom: dict[str, int]
    used_cpus: int = 0
    used_memory: int = 0
    used_disk: int = 0
    used_custom: dict[str, int] = field(default_factory=dict)
    reservations: int = 0
    held_back: Resources | None = None

    @classmethod
    def of(cls, offered: Resources) -> "Account":
        """Open an account with nothing reserved."""
        return cls(
            milli_cpus=offered.milli_cpus,
            memory=offered.memory,
            disk=offered.disk,
            gpus=list(range(offered.gpus)),
            gpu_count=offered.gpus,
            custom=dict(offered.custom),
        )

    def could_ever_fit(self, demand: Resources) -> bool:
        """Return whether the demand fits when nothing else is reserved."""
        return (
            demand.milli_cpus <= self.milli_cpus
            and demand.memory <= self.memory
            and demand.disk <= self.disk
            and demand.gpus <= self.gpu_count
            and all(amount <= self.custom.get(name, 0) for name, amount in demand.custom)
        )

    def fits(self, demand: Resources, *, ignoring_hold: bool = False) -> bool:
        """Return whether the demand fits beside everything that is reserved and held back."""
        held = None if ignoring_hold else self.held_back
        if held is None:
            return (
                demand.milli_cpus <= self.milli_cpus - self.used_cpus
                and demand.memory <= self.memory - self.used_memory
                and demand.disk <= self.disk - self.used_disk
                and demand.gpus <= len(self.gpus)
                and self._custom_fits(demand, None)
            )
        return (
            demand.milli_cpus <= self.milli_cpus - self.used_cpus - held.milli_cpus
            and demand.memory <= self.memory - self.used_memory - held.memory
            and demand.disk <= self.disk - self.used_disk - held.disk
            and demand.gpus <= len(self.gpus) - held.gpus
            and self._custom_fits(demand, held)
        )

    def _custom_fits(self, demand: Resources, held: Resources | None) -> bool:
        if not demand.custom:
            return True
        kept = dict(held.custom) if held else {}
        return all(
            amount <= self.custom.get(name, 0) - self.used_custom.get(name, 0) - kept.get(name, 0)
            for name, amount in demand.custom
        )

    def missing(self, demand: Resources) -> float:
        """Return how much would have to be freed for the demand, as a sum of shares of what the agent has."""
        share = 0.0
        for wanted, free, total in (
            (demand.milli_cpus, self.milli_cpus - self.used_cpus, self.milli_cpus),
            (demand.memory, self.memory - self.used_memory, self.memory),
            (demand.disk, self.disk - self.used_disk, self.disk),
            (demand.gpus, len(self.gpus), self.gpu_count),
            *(
                (amount, self.custom.get(name, 0) - self.used_custom.get(name, 0), self.custom.get(name, 0))
                for name, amount in demand.custom
            ),
        ):
            if wanted > free:
                share += (wanted - free) / max(total, 1)
        return share

    def reserve(self, demand: Resources) -> tuple[int, ...]:
        """Reserve the demand; return the indices of its GPUs, the lowest free ones."""
        if not self.fits(demand, ignoring_hold=True):
            raise LedgerError(f"{demand} doesn't fit: {self}")
        self.used_cpus += demand.milli_cpus
        self.used_memory += demand.memory
        self.used_disk += demand.disk
        for name, amount in demand.custom:
            self.used_custom[name] = self.used_custom.get(name, 0) + amount
        self.reservations += 1
        assigned = tuple(self.gpus[: demand.gpus])
        del self.gpus[: demand.gpus]
        return assigned

    def take(self, demand: Resources, gpus: tuple[int, ...]) -> bool:
        """Reserve the demand with GPUs that were assigned before; False, and nothing has changed, if it doesn't fit."""
        if not self.fits(demand, ignoring_hold=True) or not set(gpus) <= set(self.gpus) or len(gpus) != demand.gpus:
            return False
        self.gpus = [*gpus, *(index for index in self.gpus if index not in gpus)]
        self.reserve(demand)
        return True

    def release(self, demand: Resources, gpus: tuple[int, ...]) -> None:
        """Return the demand and its GPUs back."""
        if self.reservations == 0 or self.used_cpus < demand.milli_cpus or self.used_memory < demand.memory:
            raise LedgerError(f"{demand} isn't reserved: {self}")
        if len(gpus) != demand.gpus or not set(gpus).isdisjoint(self.gpus):
            raise LedgerError(f"GPUs {gpus} aren't reserved: {self}")
        self.used_cpus -= demand.milli_cpus
        self.used_memory -= demand.memory
        self.used_disk -= demand.disk
        for name, amount in demand.custom:
            self.used_custom[name] -= amount
        self.reservations -= 1
        if gpus:
            self.gpus = sorted((*self.gpus, *gpus))

    def used(self) -> Resources:
        """Return the sum of all reservations."""
        return Resources(
            milli_cpus=self.used_cpus,
            memory=self.used_memory,
            disk=self.used_disk,
            gpus=self.gpu_count - len(self.gpus),
            custom=tuple(sorted((name, amount) for name, amount in self.used_custom.items() if amount)),
        )

    def load(self) -> float:
        """Share of the processors that is reserved."""
        return self.used_cpus / self.milli_cpus if self.milli_cpus else 1.0
