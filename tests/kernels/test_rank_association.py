"""Association by ranks: scipy's rho, delta by counting pairs, intervals that cover, limits that keep their place."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from biomarkers.kernels.rank_association import cliffs_delta, spearman

values = st.lists(st.integers(-5, 5), min_size=2, max_size=15)


@settings(max_examples=60, deadline=None)
@given(values, values)
def test_delta_is_the_share_of_pairs_above_less_that_below(a, b):
    pairs = [np.sign(x - y) for x in a for y in b]
    assert cliffs_delta(a, b).estimate == pytest.approx(np.mean(pairs), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(values, values)
def test_exchanging_the_groups_turns_delta_and_its_interval_round(a, b):
    one, two = cliffs_delta(a, b), cliffs_delta(b, a)
    np.testing.assert_allclose([one.estimate, one.conf_low, one.conf_high], [-two.estimate, -two.conf_high, -two.conf_low],
                               atol=1e-12)


def test_rho_is_that_of_scipy_with_ties_and_gaps():
    rng = np.random.default_rng(4)
    x, y = rng.integers(0, 6, 40).astype(float), rng.integers(0, 6, 40).astype(float)
    x[3] = y[9] = np.nan
    known = ~(np.isnan(x) | np.isnan(y))
    found = spearman(x, y)
    assert found.n == 38
    assert found.estimate == pytest.approx(spearmanr(x[known], y[known]).statistic, abs=1e-12)


def test_the_interval_of_rho_is_that_of_bonett_and_wright():
    """rho = 0.8 of 5 pairs: z = 1.0986, standard error sqrt(1.32 / 2) = 0.8124."""
    found = spearman([1, 2, 3, 4, 5], [2, 1, 4, 3, 5])
    assert found.conf_low == pytest.approx(np.tanh(1.0986123 - 1.959964 * 0.8124038), abs=1e-6)
    assert found.conf_high == pytest.approx(np.tanh(1.0986123 + 1.959964 * 0.8124038), abs=1e-6)


def test_delta_of_a_marker_that_is_yes_or_no_is_the_difference_of_the_shares():
    assert cliffs_delta([1] * 12 + [0] * 8, [1] * 3 + [0] * 17).estimate == pytest.approx(12 / 20 - 3 / 20)


def test_delong_by_hand():
    """a = 1, 3; b = 0, 2: placements 0, 1 (as signs) each way, so the variance is 0.5 and z = atanh(0.5)."""
    found = cliffs_delta([1, 3], [0, 2])
    assert found.estimate == 0.5
    # Signs: [[1, -1], [1, 1]]; row means 0 and 1, column means 1 and 0: each variance 0.5, over 2 in each group.
    error = np.sqrt(0.5 / 2 + 0.5 / 2) / (1 - 0.25)
    assert found.conf_high == pytest.approx(np.tanh(np.arctanh(0.5) + 1.959964 * error), abs=1e-6)


def test_values_beyond_a_limit_keep_their_place():
    below = [-np.inf, -np.inf, 30, 45, 70]
    assert spearman(below, [1, 2, 3, 4, 5]).estimate == pytest.approx(spearman([0, 0, 30, 45, 70], [1, 2, 3, 4, 5]).estimate)
    assert cliffs_delta(below, [-np.inf, 25]).estimate == cliffs_delta([0, 0, 30, 45, 70], [0, 25]).estimate


@pytest.mark.parametrize(("x", "y"), [([], []), ([1.0], [2.0]), ([1, 1, 1], [1, 2, 3]), ([np.nan, 2], [1, np.nan])])
def test_what_has_no_correlation_has_no_number(x, y):
    assert np.isnan(spearman(x, y).estimate)


def test_an_empty_group_has_no_number_and_a_complete_separation_no_interval():
    assert np.isnan(cliffs_delta([], [1, 2]).estimate)
    apart = cliffs_delta([5, 6, 7], [1, 2])
    assert apart.estimate == 1
    assert np.isnan([apart.conf_low, apart.conf_high]).all()


@pytest.mark.parametrize("shift", [0.0, 0.8])
def test_the_intervals_cover_at_about_their_level(shift):
    """400 draws; 95 % less three Monte-Carlo errors is 91.7 %."""
    from scipy.stats import norm

    rng = np.random.default_rng(11)
    true = 2 * norm.cdf(shift / np.sqrt(2)) - 1
    inside = 0
    for _ in range(400):
        found = cliffs_delta(rng.normal(shift, 1, 30), rng.normal(0, 1, 25))
        inside += found.conf_low <= true <= found.conf_high
    assert inside / 400 > 0.917
