"""Prints and plots a metric of traces against epsilon: mean over the repetitions, with its 95 % confidence interval."""

import csv
import math
import sys
from collections import defaultdict
from pathlib import Path
from statistics import fmean, stdev

import matplotlib

matplotlib.use("agg")  # writes files; no display is needed

from matplotlib import pyplot as plt
from scipy import stats


def points(table: Path) -> list[tuple[float, float, float]]:
    """Return (epsilon, mean, half the interval), sorted; a repetition counts with the mean over its traces."""
    traces: dict[tuple[float, str], list[float]] = defaultdict(list)
    with table.open(newline="", encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            traces[float(row["epsilon"]), row["repeat"]].append(float(row["value"]))
    repetitions: dict[float, list[float]] = defaultdict(list)
    for (epsilon, _), values in traces.items():
        repetitions[epsilon].append(fmean(values))
    return [(epsilon, fmean(means), half_width(means)) for epsilon, means in sorted(repetitions.items())]


def half_width(values: list[float]) -> float:
    """Return half the width of Student's 95 % confidence interval of the mean; 0 for one value, which tells nothing."""
    if len(values) < 2:
        return 0.0
    quantile = float(stats.t.ppf(0.975, len(values) - 1))
    return quantile * stdev(values) / math.sqrt(len(values))


def main(table: str, picture: str) -> None:
    """Read an exported table of SpatialDistortion/avg; print a line per epsilon, and draw the picture."""
    rows = points(Path(table))
    print(f"{'epsilon (1/m)':>13}  {'distortion (m)':>14}  {'± (95 %)':>9}")
    for epsilon, mean, error in rows:
        print(f"{epsilon:>13g}  {mean:>14.2f}  {error:>9.2f}")
    epsilons, means, errors = zip(*rows, strict=True)
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    axes.errorbar(epsilons, means, yerr=errors, marker="o", markersize=4, linewidth=1, capsize=4)
    axes.set(xscale="log", yscale="log", xlabel="epsilon (1/m)", ylabel="mean spatial distortion (m)")
    axes.set_title(
        "Geo-indistinguishability: distortion against epsilon\n(bars: 95 % confidence, from the repetitions)",
        fontsize=11,
    )
    axes.grid(visible=True, which="major", alpha=0.3)
    figure.savefig(picture, dpi=150)
    print(f"\nwrote {picture}")


if __name__ == "__main__":
    main(*sys.argv[1:])
