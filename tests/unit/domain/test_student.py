"""Student's t, held against SciPy."""

import pytest
from scipy import stats

from accio.domain.student import ci95_factor, t_quantile


@pytest.mark.parametrize("degrees", [1, 1.5, 2, 3, 4, 5, 7, 10.25, 19, 30, 79, 80, 99, 999, 3000, 3001, 1e5, 1e6, 1e9])
@pytest.mark.parametrize("probability", [0.51, 0.6, 0.9, 0.975, 0.995, 0.9999])
def test_quantiles_are_scipys(probability: float, degrees: float) -> None:
    """Quantiles agree with SciPy's to twelve digits, for whole and broken degrees of freedom, few and many."""
    assert t_quantile(probability, degrees) == pytest.approx(float(stats.t.ppf(probability, degrees)), rel=1e-12)


@pytest.mark.parametrize(("probability", "degrees"), [(0.5, 3), (1.0, 3), (0.9, 0), (0.9, float("nan"))])
def test_nonsense_is_refused(probability: float, degrees: float) -> None:
    """A quantile outside its domain is a ValueError."""
    with pytest.raises(ValueError, match="expected"):
        t_quantile(probability, degrees)


def test_the_factor_of_the_interval_is_the_textbooks() -> None:
    """Five values have four degrees of freedom, and 2.776 standard errors to each side."""
    assert ci95_factor(4) == pytest.approx(2.7764451051977987, rel=1e-12)
