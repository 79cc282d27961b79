"""Where an axis should be cut so that failures fall on one side: candidates are judged by likelihood, fewer cuts first.

A cut is a set of places on one axis. On an axis with an order it is a range, which costs one bound, or two inside the
axis; elsewhere it is any set, which costs a choice per value. The gain of a cut is how much more likely the failures
are when the share of failures may differ inside and outside, in nats; each bound costs half the logarithm of the number
of children (the Bayesian information criterion), so that noise doesn't make predicates.
"""

import numpy as np

from accio.late import dataclass
from accio_client.analysis.columns import Floats, Ints

_MOST_EDGES = 400


@dataclass(frozen=True, slots=True)
class Cut:
    """Some places of an axis, in growing order, what they cost, and what they gain against nothing."""

    places: tuple[int, ...]
    cost: int
    gain: float


def gain(failed: Floats, n: Floats, all_failed: float, all_n: float) -> Floats:
    """Return the gain of cuts with *failed* of *n* children inside; not positive where fewer fail inside than out."""
    inside = _log_likelihood(failed, n)
    outside = _log_likelihood(all_failed - failed, all_n - n)
    found = inside + outside - _log_likelihood(np.float64(all_failed), np.float64(all_n))
    more = failed * all_n > all_failed * n
    return np.where(more, found, 0.0)


def _log_likelihood(failed: Floats | np.float64, n: Floats | np.float64) -> Floats:
    passed = n - failed
    with np.errstate(divide="ignore", invalid="ignore"):
        of_failed = np.where(failed > 0, failed * np.log(failed / n), 0.0)
        of_passed = np.where(passed > 0, passed * np.log(passed / n), 0.0)
    return np.asarray(of_failed + of_passed)


def best_cut(failed: Floats, n: Floats, *, ordered: bool, all_failed: float, all_n: float) -> Cut:
    """Return the best cut of an axis with these counts per place (in its order, if it has one).

    *all_failed* and *all_n* are those of the whole sweep, of which the counts may be a part only.
    """
    price = np.log(max(all_n, 2.0)) / 2
    if not ordered:
        return _best_set(failed, n, all_failed, all_n, price)
    return _best_range(_running(failed), _running(n), all_failed, all_n, price)


def _best_range(sum_failed: Floats, sum_n: Floats, all_failed: float, all_n: float, price: float) -> Cut:
    """Return the best range of places, of which there are running sums.

    Where there are many places, their pairs are too many to look at: the best one of those that lie evenly is found,
    and its ends are moved in turns, each to the best of all places, until nothing is gained.
    """
    size = len(sum_n) - 1

    def best_of(low: Ints, high: Ints) -> tuple[int, int, float]:
        gains = gain(sum_failed[high] - sum_failed[low], sum_n[high] - sum_n[low], all_failed, all_n)
        worths = gains - price * ((low > 0).astype(np.int64) + (high < size))
        at = int(np.argmax(worths))
        return int(low[at]), int(high[at]), float(worths[at])

    edges = np.unique(np.linspace(0, size, min(size, _MOST_EDGES) + 1).astype(np.int64))
    at_low, at_high = np.triu_indices(len(edges), k=1)
    low, high, found = best_of(edges[at_low], edges[at_high])
    before = -np.inf
    while len(edges) <= size and found > before:
        before = found
        low, high, found = best_of(np.arange(high), np.full(high, high))
        low, high, found = best_of(np.full(size - low, low), np.arange(low + 1, size + 1))
    cost = int(low > 0) + int(high < size)
    return Cut(tuple(range(low, high)), cost, found + price * cost)


def _best_set(failed: Floats, n: Floats, all_failed: float, all_n: float, price: float) -> Cut:
    """Return the best set of places: one of the beginnings, once they are sorted by their share of failures.

    That the best set is among those is Breiman's theorem for two classes (Classification and Regression Trees, 1984).
    """
    order = by_share(failed, n)
    counts = np.arange(1, len(n) + 1)
    gains = gain(np.cumsum(failed[order]), np.cumsum(n[order]), all_failed, all_n)
    costs = np.minimum(counts, len(n) - counts)
    best = int(np.argmax(gains - price * costs))
    return Cut(tuple(sorted(order[: best + 1].tolist())), int(costs[best]), float(gains[best]))


def by_share(failed: Floats, n: Floats) -> Ints:
    """Return the places in the order of their share of failures, the largest first; those without children last."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(n > 0, failed / n, -1.0)
    return np.argsort(-share, kind="stable")


def best_corner(failed: Floats, n: Floats, all_failed: float, all_n: float) -> tuple[range, range]:
    """Return the best of all rectangles that touch a corner of a table of counts."""
    best_gain, best = -np.inf, (range(0), range(0))
    rows, columns = n.shape
    for up in (False, True):
        for left in (False, True):
            sums = []
            for counts in (failed, n):
                turned = counts[::-1] if up else counts
                turned = turned[:, ::-1] if left else turned
                sums.append(turned.cumsum(axis=0).cumsum(axis=1))
            gains = gain(sums[0], sums[1], all_failed, all_n)
            at = int(np.argmax(gains))
            if gains.flat[at] > best_gain:
                best_gain = float(gains.flat[at])
                i, j = at // columns + 1, at % columns + 1
                best = (
                    range(rows - i, rows) if up else range(i),
                    range(columns - j, columns) if left else range(j),
                )
    return best


def _running(counts: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum(counts)])
