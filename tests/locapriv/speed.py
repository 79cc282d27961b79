"""Measures the operators over the Geolife users: `python -m tests.locapriv.speed [FOLDER]`.

Runs the eight-node workflow of examples/geoind_full_workflow.json and every other operator, one after the other on one
core, and prints seconds of processor time and what came out: other work on the machine hardly shows in those. The
limits are those of docs/location-privacy.md.
"""

import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

from accio_locapriv.pois import read_pois
from tests.locapriv.calling import Desk, calls, geolife

LIMITS_S = {"EventSource": 0.5, "SpatialDistortion, interpolated": 2.0}
OTHERS = """
Promesse(200.meters), SizeSplitting(1000), TemporalGapSplitting(10.minutes), SpatialGapSplitting(500.meters),
TemporalSampling(30.seconds), SpatialSampling(50.meters), UniformSampling(0.5), ModuloSampling(100), EnforceSize(10),
EnforceDuration(10.minutes), SequentialSplitting(0, 50), CollapseTemporalGaps(2016-01-01T00:00:00Z),
GaussianKernelSmoothing(10.seconds)
"""
METRICS = """
SpatioTemporalDistortion, DataCompleteness, TransmissionDelay, HeatMapDistortion(200.meters),
CountQueriesDistortion(200, 500.meters, 2.kilometers, 2.hours, 4.hours)
"""


def timed(name: str, work: Callable[[], Any]) -> Any:
    """Run some work; print how long it took and what is allowed."""
    begin = process_time()
    result = work()
    seconds, limit = process_time() - begin, LIMITS_S.get(name, 1.0)
    sys.stdout.write(f"{name:34} {seconds:7.3f} s  {'' if seconds <= limit else f'over {limit} s'}\n")
    return result


def mean(figures: dict[str, float]) -> float:
    """The plain mean over the traces that have a value."""
    return sum(figures.values()) / len(figures)


def main(folder: Path) -> None:
    """Measure everything."""
    with tempfile.TemporaryDirectory() as work:
        desk = Desk(folder=Path(work))
        raw = timed("EventSource", lambda: desk.call("EventSource", {}, {"url": folder})).data.path
        split = timed("DurationSplitting", lambda: desk.chain("DurationSplitting(4.hours)", raw))[-1]
        noisy = timed("GeoIndistinguishability", lambda: desk.chain("GeoIndistinguishability(0.01)", split))[-1]
        extraction = "PoisExtraction(200.meters, 15.minutes)"
        pois = timed("PoisExtraction, train", lambda: desk.chain(extraction, split))[-1]
        found = timed("PoisExtraction, test", lambda: desk.chain(extraction, noisy))[-1]
        sides, poi_sides = {"train": split, "test": noisy}, {"train": pois, "test": found}
        timed("PoisRetrieval", lambda: desk.call("PoisRetrieval", {"threshold": "100.meters"}, poi_sides))
        timed("SpatialDistortion, interpolated", lambda: desk.call("SpatialDistortion", {}, sides))
        distortion = timed("SpatialDistortion", lambda: desk.call("SpatialDistortion", {"interpolate": False}, sides))
        coverage = timed("AreaCoverage", lambda: desk.call("AreaCoverage", {"level": 15}, sides))
        timed("PoisReident", lambda: desk.call("PoisReident", {}, poi_sides))
        for operator, inputs in calls(OTHERS.strip().replace("\n", " ")):
            timed(operator, partial(desk.call, operator, inputs, {"data": split}))
        for operator, inputs in calls(METRICS.strip().replace("\n", " ")):
            timed(operator, partial(desk.call, operator, inputs, sides))
        timed("BasicAnalyzer", lambda: desk.call("BasicAnalyzer", {}, {"data": split}))
        sys.stdout.write(
            f"train POIs {len(read_pois(pois).lat)}, test POIs {len(read_pois(found).lat)}, "
            f"mean SpatialDistortion/avg {mean(distortion.avg):.2f} m, "
            f"mean AreaCoverage F {mean(coverage.fscore):.4f}\n"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else geolife())
