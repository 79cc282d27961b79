"""Failures explained: what was sown is found, noise isn't, and each figure can be counted again."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accio.domain.axes import Axis
from accio.domain.datatypes import DISTANCE, DOUBLE, LONG, STRING
from accio.domain.ranges import WholePoints, evenly_geometric
from accio.domain.states import RunState
from accio.domain.sweeps import Sweep
from accio_client.analysis.columns import Mask, SweepTable
from accio_client.analysis.explain import explain_failures
from accio_client.analysis.where import where
from tests.unit.client.analysis.tables import axis_of, sweep_of, table_of, words_axis

SWEEP = Sweep(
    (
        Axis("epsilon", DOUBLE, evenly_geometric(Decimal("0.00001"), Decimal(1), 50)),
        Axis("memory_mb", LONG, WholePoints(start=2560, step=-128, size=20)),
        words_axis("algorithm", "geoi", "promesse"),
    ),
    repeat=5,
)


def sown(matching: str, *, caught: float = 1.0, stray: float = 0.0) -> SweepTable:
    """10,000 children, of which those matching a query failed (each with the probability *caught*), and strays."""
    random = np.random.default_rng(8)
    clean = table_of(SWEEP, np.zeros(SWEEP.size))
    corner = where(clean, matching, 0)
    failed = (corner & (random.random(SWEEP.size) < caught)) | (random.random(SWEEP.size) < stray)
    return table_of(SWEEP, np.zeros(SWEEP.size), failed=failed)


@pytest.mark.parametrize(
    "corner",
    [
        "memory_mb<=512",
        "memory_mb<=512 epsilon<=0.001",
        "memory_mb>=1024 memory_mb<=1536",
        "algorithm=promesse memory_mb>=2048",
        "algorithm=geoi",
        "memory_mb=256 algorithm=geoi",
    ],
)
def test_the_corner_that_was_sown_is_named(corner: str) -> None:
    """Failures sown into some values of one parameter or two are found exactly, as a query that finds them again."""
    table = sown(corner)
    (found,) = explain_failures(table)
    np.testing.assert_array_equal(where(table, str(found.where), 0), where(table, corner, 0))
    assert found.coverage == found.rate == 1
    assert found.rate_elsewhere == 0


@pytest.mark.parametrize("corner", ["a>=801 b<=19", "a>=333 a<=335", "a>=17 a<=501 b=998"])
def test_the_corner_is_exact_where_parameters_have_a_thousand_values(corner: str) -> None:
    """Too many ends to try all pairs of them: those that lie evenly lead to the ones that were sown."""
    sweep = sweep_of(1000, 1000)
    failed = where(table_of(sweep, np.zeros(sweep.size)), corner, 0)
    (found,) = explain_failures(table_of(sweep, np.zeros(sweep.size), failed=failed))
    assert str(found.where) == corner
    assert found.coverage == found.rate == 1


def test_a_corner_is_named_among_strays() -> None:
    """With 97 % failing in the corner, and one in five hundred elsewhere, the corner is found and said in words."""
    table = sown("memory_mb<=512 epsilon<=0.0009", caught=0.97, stray=0.002)
    (found,) = explain_failures(table)
    assert str(found.where) == "epsilon<=0.0008685113737513527 memory_mb<=512"
    assert str(found).startswith("epsilon ≤ 0.0008685113737513527 and memory_mb ≤ 512 covers ")
    assert "elsewhere 0.2 %" in str(found)
    assert found.coverage > 0.95
    assert found.lift > 10


def test_two_causes_are_explained_one_after_the_other() -> None:
    """What the first explanation leaves has one of its own."""
    table = sown("memory_mb<=256 or (algorithm=promesse epsilon>=0.5)")
    found = explain_failures(table)
    queries = " or ".join(f"({each.where})" for each in found)
    np.testing.assert_array_equal(where(table, queries, 0), table.in_state(RunState.FAILED))


@pytest.mark.parametrize("rate", [0.0, 0.05, 1.0])
def test_noise_is_not_explained(rate: float) -> None:
    """Failures that fall anywhere, none at all, and nothing but failures have no explanation."""
    failed = np.random.default_rng(2).random(SWEEP.size) < rate
    assert explain_failures(table_of(SWEEP, np.zeros(SWEEP.size), failed=failed)) == ()


def test_values_without_order_are_a_set() -> None:
    """Words are listed, and distances have their unit."""
    sweep = Sweep(
        (words_axis("city", "a b", "c", "d", "e", "f"), axis_of("cell", DISTANCE, "100.0", "200.0", "300.0")), 40
    )
    table = table_of(sweep, np.zeros(sweep.size))
    failed = where(table, 'city in ("a b", d) cell<=200m', 0)
    (found,) = explain_failures(table_of(sweep, np.zeros(sweep.size), failed=failed))
    assert str(found.where) == 'city in ("a b", d) cell<=200.meters'
    assert found.words == "city in a b, d and cell ≤ 200.meters"


@settings(max_examples=40)
@given(st.integers(0, 10**6))
def test_figures_can_be_counted_again(seed: int) -> None:
    """Coverage and shares of every explanation are what its own query counts."""
    random = np.random.default_rng(seed)
    sweep = sweep_of(4, 5, 3, repeat=6)
    blank = table_of(sweep, np.zeros(sweep.size))
    place = blank.coordinate("a") + blank.coordinate("b")
    failed: Mask = random.random(sweep.size) < np.where(place < random.integers(1, 5), 0.8, 0.05)
    table = table_of(sweep, np.zeros(sweep.size), failed=failed)
    for found in explain_failures(table):
        inside = where(table, str(found.where), 0)
        assert found.inside == inside.sum()
        assert found.covered == (inside & failed).sum()
        assert found.failed == failed.sum()
        assert found.elsewhere == (~inside).sum()


def test_a_sweep_without_parameters_has_no_explanation() -> None:
    """Repetitions alone explain nothing."""
    failed = np.array([True, False, True])
    assert explain_failures(table_of(sweep_of(repeat=3), np.zeros(3), failed=failed)) == ()


@pytest.mark.parametrize("failing", [("null",), ("null", '"geoi"'), ('"null"',), ('"geoi"', '"promesse"')])
def test_no_value_is_told_from_texts(failing: tuple[str, ...]) -> None:
    """Failures of children without a text are found by the query that is given, those of a text `null` by another."""
    texts = ('"geoi"', "null", '"promesse"', '"null"')
    sweep = Sweep((axis_of("algorithm", STRING, *texts), Axis("x", LONG, WholePoints(start=0, step=1, size=50))))
    failed = np.repeat([text in failing for text in texts], 50)
    table = table_of(sweep, np.zeros(sweep.size), failed=failed)
    (found,) = explain_failures(table)
    np.testing.assert_array_equal(where(table, str(found.where), 0), failed)
    assert found.coverage == found.rate == 1
