"""The restricted cubic basis is linear in its tails, smooth at its knots, and spans R's natural splines."""

from __future__ import annotations

import numpy as np
import pytest

from biomarkers.kernels.cox import cox
from biomarkers.kernels.spline import knots, restricted_cubic


def test_the_curve_is_linear_beyond_the_outer_knots() -> None:
    at = [-1.0, 0.2, 1.3, 2.0]
    for far in (np.linspace(-9, -1, 9), np.linspace(2, 9, 9)):
        assert np.abs(np.diff(restricted_cubic(far, at), n=2, axis=0)).max() < 1e-9


def test_two_derivatives_are_continuous_at_every_knot() -> None:
    at, h = np.array([0.0, 1.0, 2.5]), 1e-4
    for knot in at:
        x = knot + h * np.arange(-3, 4)
        second = np.diff(restricted_cubic(x, at)[:, 1], n=2) / h**2
        assert np.ptp(second) < 1e-2


def test_the_fit_is_r_s_natural_spline() -> None:
    # R: coxph(Surv(t, d) ~ splines::ns(x, knots = c(2, 5), Boundary.knots = c(1, 8))), eps 1e-14, on these rows.
    t = [4, 3, 9, 12, 7, 6, 10, 2, 8, 5, 11, 1, 13, 14, 15, 16]
    d = [1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1]
    x = [1.0, 2, 3, 4, 5, 6, 7, 8, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 0.5]
    fit = cox(t, d, restricted_cubic(x, [1, 2, 5, 8]))
    assert fit.loglik == pytest.approx(R_LOGLIK, rel=1e-10)


R_LOGLIK = -24.47862235489899


def test_default_knots_are_harrell_s_quantiles() -> None:
    x = np.arange(101.0)
    assert knots(x, 3).tolist() == [10.0, 50.0, 90.0]
    assert knots(np.r_[x, np.nan], 4).tolist() == [5.0, 35.0, 65.0, 95.0]
    assert knots(x, 5) == pytest.approx([5.0, 27.5, 50.0, 72.5, 95.0])


def test_too_few_values_and_unknown_numbers_of_knots_are_refused() -> None:
    with pytest.raises(ValueError, match="3 knots need more distinct values"):
        knots(np.r_[np.zeros(90), np.ones(10)], 3)
    with pytest.raises(ValueError, match="choose 3, 4 or 5"):
        knots(np.arange(9.0), 6)
    with pytest.raises(ValueError, match="at least three and increasing"):
        restricted_cubic([1.0], [0.0, 1.0])
