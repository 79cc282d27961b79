"""What has been brought for an attempt so far, and what is to be."""

from dataclasses import field

import orjson

from accio.content.reading import DigestedDataset
from accio.domain.datatypes import Kind
from accio.domain.keys import datasets_of
from accio.domain.operators import OperatorSpec
from accio.errors import AccioError
from accio.late import dataclass


@dataclass(slots=True)
class Inputs:
    """What has been brought here for an attempt so far."""

    copied: bool  # whether folders are written out of the store, wherever they lie
    datasets: dict[str, str] = field(default_factory=dict)
    large: dict[str, str] = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)
    watched: list[tuple[str, DigestedDataset]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    problem: str = ""
    disk_full: bool = False

    def lacks(self, what: str, error: AccioError) -> None:
        """Note that the store hasn't got an input."""
        self.missing.append(what)
        self.problem = error.message


def dataset_texts(spec: OperatorSpec, inputs_json: str) -> list[str]:
    """Return the texts of the datasets in an inputs document."""
    document = orjson.loads(inputs_json)
    found: dict[str, None] = {}
    for port in spec.inputs:
        if port.type.contains(Kind.DATASET) and port.name in document:
            found |= dict.fromkeys(datasets_of(port.type, orjson.dumps(document[port.name]).decode()))
    return list(found)
