"""What differs between two runs, as the document that `accio diff -json` prints and the web interface shows."""

from collections.abc import Sequence
from dataclasses import asdict

from accio.late import dataclass
from accio_client.analysis import differences
from accio_client.analysis.differences import Fact, Outputs
from accio_client.collected import Collected
from accio_client.documents.basics import Document
from accio_client.views import OperatorDifferenceView, RunView


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """Two runs, and everything in which they differ."""

    first: RunView
    second: RunView
    facts: Sequence[Fact]
    params: Sequence[Fact]
    operators: Sequence[OperatorDifferenceView]
    outputs: Outputs

    @property
    def none(self) -> bool:
        """Whether nothing was found to differ."""
        outputs = self.outputs
        return not (
            self.facts
            or self.params
            or self.operators
            or outputs.differing
            or outputs.only_first
            or outputs.only_second
        )


def compared(operators: Sequence[OperatorDifferenceView], first: Collected, second: Collected) -> Differences:
    """Compare two runs by their columns; *operators* is what the daemon says of their code."""
    runs = first.head.run, second.head.run
    return Differences(
        first=runs[0],
        second=runs[1],
        facts=differences.facts(*runs),
        params=differences.parameters(first.table.sweep, second.table.sweep),
        operators=operators,
        outputs=differences.outputs(first, second),
    )


def differences_document(found: Differences, limit: int) -> Document:
    """Return the document, with at most *limit* points of each output."""
    outputs = found.outputs
    return {
        "first": found.first.id,
        "second": found.second.id,
        "same": found.none,
        "facts": [asdict(each) for each in found.facts],
        "params": [asdict(each) for each in found.params],
        "operators": [asdict(each) for each in found.operators],
        "outputs": [
            {
                "name": each.name,
                "unit": each.unit,
                "common": each.common,
                "differing": len(each.points),
                "paired": each.paired,
                "points": [asdict(point) for point in each.points[:limit]],
            }
            for each in outputs.differing
        ],
        "only_first": outputs.only_first,
        "only_second": outputs.only_second,
        "obstacle": outputs.obstacle or None,
    }
