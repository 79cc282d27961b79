"""The GPUs of an agent, by the texts that name them to programs.

A batch system that gave somebody the cards 2 and 3 says so in `CUDA_VISIBLE_DEVICES` (numbers or UUIDs), and no other
text names these cards. Daemon and agent count GPUs from 0; the texts are put in their place where a worker is told.
"""

from collections.abc import Mapping, Sequence

from accio.domain.problems import ValueProblem
from accio.late import dataclass

VARIABLES = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK", "GPU_DEVICE_ORDINAL")
"""What NVIDIA, AMD, Intel and OpenCL on AMD read; Slurm sets several of them alike."""

_NONE = frozenset({"", "-1", "NoDevFiles", "none", "void"})


@dataclass(frozen=True, slots=True)
class Devices:
    """The texts of each GPU, by variable; the first variable counts."""

    texts: Mapping[str, tuple[str, ...]]

    @property
    def count(self) -> int:
        return len(next(iter(self.texts.values())))

    def variables(self, indices: Sequence[int]) -> dict[str, str]:
        """Return the variables by which a program sees these GPUs and no others."""
        return {name: ",".join(texts[each] for each in indices) for name, texts in self.texts.items()}


def first(count: int, environment: Mapping[str, str]) -> Devices:
    """Return the first *count* GPUs that variables leave to this process, ValueProblem if there are fewer; as many
    as that where no variable says anything.
    """
    found = named(environment)
    if found is None:
        return numbered(count)
    if count > found.count:
        name = next(iter(found.texts))
        raise ValueProblem(f"expected at most {found.count} GPUs, as {name} is {environment[name]!r}, found {count}")
    return Devices({name: texts[:count] for name, texts in found.texts.items()})


def named(environment: Mapping[str, str]) -> Devices | None:
    """Return the GPUs that variables leave to this process; None if none of them is set."""
    found = {name: _texts(environment[name]) for name in VARIABLES if name in environment}
    if not found:
        return None
    count = max(len(texts) for texts in found.values())
    return Devices({name: texts for name, texts in found.items() if len(texts) == count})


def numbered(count: int) -> Devices:
    """Return GPUs that are named by their numbers, as where no variable leaves out any."""
    return Devices({VARIABLES[0]: tuple(map(str, range(count)))})


def _texts(value: str) -> tuple[str, ...]:
    """Return the texts of a list, up to the first that names no GPU: what follows that, CUDA doesn't show either."""
    found: list[str] = []
    for each in value.split(","):
        if each.strip() in _NONE:
            break
        found.append(each.strip())
    return tuple(found)
