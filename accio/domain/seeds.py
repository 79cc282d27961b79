"""Seeds: H of canonical bytes to a signed 64-bit integer. docs/seeds.md has the format and test vectors.

H is BLAKE3 of a canonical JSON object, of which the first 8 bytes count, big-endian and signed:

    child seed   H({"params":{NAME:VALUE,…},"repetition":K,"seed":PARENT})     K counts from 1
    node seed    H({"node":NAME,"seed":RUN})

Values are the canonical ones of the child's effective parameters: what the run gives, else the workflow's default. A
parameter without either is left out, and so is one that has no value in this child (`null`), or whose type contains
dataset. Types don't enter.
"""

from collections.abc import Mapping, Sequence
from itertools import repeat

from blake3 import blake3

from accio.domain.absence import NO_VALUE
from accio.domain.datatypes import DataType, Kind
from accio.domain.jsontext import json_string

MIN_SEED = -(2**63)


def _hashed(document: str) -> int:
    return int.from_bytes(blake3(document.encode()).digest(8), "big", signed=True)


def _of_child(members: str, repetition: int, parent_seed: int) -> int:
    return _hashed(f'{{"params":{{{members}}},"repetition":{repetition},"seed":{parent_seed}}}')


class SeedTemplate:
    """Computes child seeds of one sweep: what doesn't depend on the child is prepared once."""

    __slots__ = ("_members",)

    def __init__(self, types: Mapping[str, DataType]) -> None:
        """Prepare for the types of all parameters that can have a value."""
        counting = [name for name, datatype in types.items() if not datatype.contains(Kind.DATASET)]
        self._members = tuple((name, f"{json_string(name)}:") for name in sorted(counting, key=str.encode))

    def seed(self, parent_seed: int, params: Mapping[str, str], repetition: int) -> int:
        """Return the seed of the child with these canonical texts; parameters without a value are left out."""
        members = ",".join(
            [prefix + text for name, prefix in self._members if (text := params.get(name, NO_VALUE)) != NO_VALUE]
        )
        return _of_child(members, repetition, parent_seed)

    def seeds(
        self,
        parent_seed: int,
        constant: Mapping[str, str],
        varying: Mapping[str, Sequence[str]],
        repetitions: Sequence[int],
    ) -> list[int]:
        """Return the seeds of many children: *varying* has a text for each of them, and goes before *constant*."""
        if any(NO_VALUE in texts for texts in varying.values()):  # then the children have different members
            rows = zip(*varying.values(), strict=True)
            children = ({**constant, **dict(zip(varying, row, strict=True))} for row in rows)
            return [self.seed(parent_seed, child, number) for child, number in zip(children, repetitions, strict=True)]
        columns = [
            [prefix + text for text in varying[name]] if name in varying else repeat(prefix + constant[name])
            for name, prefix in self._members
            if name in varying or constant.get(name, NO_VALUE) != NO_VALUE
        ]
        params = map(",".join, zip(*columns, strict=False)) if columns else repeat("")
        return [_of_child(members, number, parent_seed) for members, number in zip(params, repetitions, strict=False)]


def child_seed(parent_seed: int, params: Mapping[str, tuple[DataType, str]], repetition: int) -> int:
    """Return the seed of one child; *params* maps a name to type and canonical text."""
    template = SeedTemplate({name: datatype for name, (datatype, _) in params.items()})
    return template.seed(parent_seed, {name: text for name, (_, text) in params.items()}, repetition)


def node_seed(run_seed: int, node: str) -> int:
    """Return the seed of one node of a single run or child."""
    return _hashed(f'{{"node":{json_string(node)},"seed":{run_seed}}}')
