"""Curves and tests on rows few enough to work out on paper."""

from __future__ import annotations

import numpy as np
import pytest

from biomarkers.kernels.competing import aalen_johansen, gray_test
from biomarkers.kernels.km import kaplan_meier, reverse
from biomarkers.kernels.logrank import logrank
from biomarkers.kernels.rmst import rmst_difference, survival_difference


def test_a_plateau_at_one_half_gives_its_midpoint() -> None:
    km = kaplan_meier([1, 2, 3, 4, 5, 6], [1, 1, 1, 0, 1, 1])
    assert km.survival[2] == 0.5
    assert km.quantile(0.5)[0] == (3 + 5) / 2


def test_a_plateau_that_lasts_uses_the_last_time_on_study() -> None:
    # R's quantile() rule; summary()$table says 2 here.
    assert kaplan_meier([1, 2, 3, 4], [1, 1, 0, 0]).quantile(0.5)[0] == 3.0


def test_a_median_that_is_not_reached_is_missing() -> None:
    estimate, low, high = kaplan_meier([1, 2, 3, 4, 5], [1, 0, 0, 0, 0]).quantile(0.5)
    assert np.isnan(estimate)
    assert np.isnan(high)
    assert low == 1.0  # the lower limit falls below one half at once


def test_greenwood_and_log_log_limits_on_paper() -> None:
    km = kaplan_meier([1, 2, 3, 4], [1, 0, 1, 0])
    S = 0.75 * 0.5
    greenwood = 1 / (4 * 3) + 1 / (2 * 1)
    assert km.survival[2] == S
    assert km.std_error[2] == pytest.approx(S * np.sqrt(greenwood), rel=1e-14)
    theta, se = np.log(-np.log(S)), np.sqrt(greenwood) / abs(np.log(S))
    assert km.low[2] == pytest.approx(np.exp(-np.exp(theta + 1.959963984540054 * se)), rel=1e-12)
    assert km.high[2] == pytest.approx(np.exp(-np.exp(theta - 1.959963984540054 * se)), rel=1e-12)


def test_limits_are_one_before_the_first_event_and_missing_at_zero() -> None:
    km = kaplan_meier([1, 2, 3], [0, 1, 1])
    assert (km.low[0], km.high[0]) == (1.0, 1.0)
    assert km.survival[-1] == 0.0
    assert np.isnan(km.low[-1])
    assert np.isnan(km.high[-1])


def test_delayed_entry_is_open_at_its_left_end() -> None:
    # The row that enters at 2 is not at risk at 2.
    km = kaplan_meier([2, 4, 5], [1, 1, 1], entry=[0, 2, 0])
    assert km.at_risk.tolist() == [2.0, 2.0, 1.0]


def test_case_weights_count_as_rows() -> None:
    weighted = kaplan_meier([1, 2, 3], [1, 1, 0], weight=[2, 1, 3])
    repeated = kaplan_meier([1, 1, 2, 3, 3, 3], [1, 1, 1, 0, 0, 0])
    np.testing.assert_allclose(weighted.survival, repeated.survival, atol=1e-15)


def test_reverse_curve_is_of_potential_follow_up() -> None:
    assert reverse([1, 2, 3, 4], [1, 0, 1, 0]).quantile(0.5)[0] == 4.0


def test_area_under_the_curve_on_paper() -> None:
    area, error = kaplan_meier([1, 2, 4, 5], [1, 1, 1, 1]).rmst(4)
    assert area == pytest.approx(1 + 0.75 + 0.5 * 2)
    # Remaining areas after 1, 2 and 4 are 1.75, 1 and 0.
    assert error == pytest.approx(np.sqrt(1.75**2 / (4 * 3) + 1.0**2 / (3 * 2)))


def test_area_beyond_the_data_is_refused_unless_the_curve_has_ended() -> None:
    with pytest.raises(ValueError, match="beyond the last observed time 3"):
        kaplan_meier([1, 2, 3], [1, 1, 0]).rmst(4)
    assert kaplan_meier([1, 2, 3], [1, 1, 1]).rmst(4)[0] == pytest.approx(2.0)


def test_log_rank_on_paper_and_its_direction() -> None:
    test = logrank([1, 2, 3, 4, 5, 6], [1] * 6, [0, 0, 0, 1, 1, 1])
    expected = 3 / 6 + 3 / 5 + 3 / 4 + 1 + 1 + 1
    variance = 0.25 + (3 / 5) * (2 / 5) + (3 / 4) * (1 / 4)
    assert test.expected[1] == pytest.approx(expected)
    assert test.z == pytest.approx((expected - 3) / np.sqrt(variance))
    assert test.z > 0, "the second group lives longer"
    assert test.p_value("greater") < 0.05 < test.p_value("less")
    assert test.chi2 == pytest.approx(test.z**2)


def test_tied_deaths_use_the_hypergeometric_variance() -> None:
    test = logrank([1, 1, 2, 2], [1, 1, 1, 1], [0, 1, 0, 1])
    assert test.variance[1, 1] == pytest.approx(2 * 0.5 * 0.5 * (4 - 2) / (4 - 1) + 0.0)


def test_strata_add_up() -> None:
    t, d, g, s = [1, 2, 3, 4, 1, 2, 3, 5], [1] * 8, [0, 1, 0, 1, 1, 0, 1, 0], [0, 0, 0, 0, 1, 1, 1, 1]
    whole = logrank(t, d, g, stratum=s)
    parts = [logrank(t[a : a + 4], d[:4], g[a : a + 4]) for a in (0, 4)]
    assert whole.expected[1] == pytest.approx(sum(p.expected[1] for p in parts))
    assert whole.variance[1, 1] == pytest.approx(sum(p.variance[1, 1] for p in parts))


def test_competing_causes_share_out_what_the_curve_loses() -> None:
    found = aalen_johansen([1, 2, 2, 3, 4], [1, 1, 2, 0, 2])
    S_before = [1.0, 0.8, 0.8 * 0.5]
    assert found.incidence[:, 0].tolist() == pytest.approx([0.2, 0.2 + S_before[1] / 4, 0.4, 0.4])
    np.testing.assert_allclose(found.incidence.sum(axis=1), 1 - found.event_free, atol=1e-15)


def test_without_competition_the_incidence_and_its_error_are_kaplan_meier_s() -> None:
    t, d = [1, 2, 3, 4, 5, 6], [1, 1, 0, 1, 0, 1]
    found, km = aalen_johansen(t, d), kaplan_meier(t, d)
    np.testing.assert_allclose(1 - found.incidence[:, 0], km.survival, atol=1e-15)
    # The infinitesimal jackknife of Kaplan-Meier is Greenwood's formula with d/n^2 for d/(n (n - d)).
    hazard = np.array(d) / np.array([6, 5, 4, 3, 2, 1])
    steps = hazard * (1 - hazard) / np.array([6, 5, 4, 3, 2, 1]) / np.maximum((1 - hazard) ** 2, 1e-300)
    ij = km.survival * np.sqrt(np.cumsum(steps))
    np.testing.assert_allclose(found.std_error[:-1, 0], ij[:-1], rtol=1e-12)


# R's answers on these sixteen rows are printed by tests/reference/survival/cmprsk.R (cmprsk 2.2-11, survival 3.5-3).
LEAVES = [1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 8, 9, 9, 10, 11, 12]
CAUSE = [1, 2, 1, 1, 0, 2, 1, 1, 2, 0, 2, 1, 1, 2, 0, 1]
GROUP = [0, 0, 1, 0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 1, 0]
ENTERS = [0, 0, 1, 0, 3, 0, 2, 0, 5, 1, 0, 4, 0, 6, 2, 0]


def test_gray_s_test_agrees_with_cmprsk() -> None:
    first, second = gray_test(LEAVES, CAUSE, GROUP, of=1), gray_test(LEAVES, CAUSE, GROUP, of=2)
    assert (first.statistic, second.statistic) == pytest.approx((0.33885812978114926, 0.10310949407310521), rel=1e-10)
    assert (first.df, second.df) == (1, 1)
    assert first.p_value == pytest.approx(0.56048907371982537, rel=1e-10)


# More of the same script: up to three competing events of one group at one time, three groups, two strata, weights.
TIED = [1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 7, 7, 7, 7, 8, 8, 8, 9, 9, 9, 10]
WHY = [2, 2, 2, 1, 1, 1, 2, 2, 0, 2, 2, 2, 1, 1, 1, 1, 0, 2, 2, 2, 0, 1, 1, 0, 2, 2, 2, 1, 0, 1, 1, 2, 0, 2, 1, 0]
THREE = [0, 0, 1, 2, 0, 1, 1, 1, 2, 0, 0, 0, 1, 1, 1, 2, 0, 2, 2, 2, 1, 0, 0, 1, 2, 1, 1, 0, 2, 0, 2, 2, 0, 0, 2, 0]


@pytest.mark.parametrize(("n_groups", "stratified", "rho", "expected"), [
    (3, False, 0.0, [(0.80330114140088749, 0.66921454801004132), (0.37364834501711808, 0.82958958821886919)]),
    (3, True, 0.0, [(0.95053550559800082, 0.62171856729046093), (0.40506981583049323, 0.81665797427317921)]),
    (3, True, 1.0, [(1.03002062103621794, 0.59749443410929559), (0.33804501110327928, 0.84448989746116920)]),
    (3, False, 2.0, [(1.02124829292181785, 0.60012089856179829), (0.62256619312988182, 0.73250647644640665)]),
    (2, False, 0.0, [(0.156236958483996990, 0.69264495737079002), (0.057395417168990659, 0.81066098287300881)]),
])  # fmt: skip
def test_gray_s_test_with_tied_competing_events_agrees_with_cmprsk(n_groups, stratified, rho, expected) -> None:
    stratum = np.arange(len(TIED)) % 2 if stratified else None
    for of, (statistic, p) in enumerate(expected, start=1):
        found = gray_test(TIED, WHY, np.minimum(THREE, n_groups - 1), of=of, stratum=stratum, rho=rho)
        assert (found.statistic, found.p_value) == pytest.approx((statistic, p), rel=1e-10)
        assert found.df == n_groups - 1


def test_cumulative_incidence_and_its_jackknife_error_agree_with_r() -> None:
    F, error, _, _ = aalen_johansen(LEAVES, CAUSE).at([4, 9])
    np.testing.assert_allclose(F, [[0.1875, 0.125], [0.48541666666666661, 0.2739583333333333]], rtol=1e-12)
    expected = [[0.097578093724974974, 0.08267972847076846], [0.133761857491872221, 0.11801155097972912]]
    np.testing.assert_allclose(error, expected, rtol=1e-12)


def test_cumulative_incidence_with_delayed_entry_agrees_with_r() -> None:
    F, error, _, _ = aalen_johansen(LEAVES, CAUSE, entry=ENTERS).at([4, 9])
    expected = [[0.29783950617283950, 0.16443758573388201], [0.54149519890260633, 0.28206447187928668]]
    np.testing.assert_allclose(F, expected, rtol=1e-12)
    expected = [[0.14719981996989090, 0.10784132365721580], [0.13888377127175974, 0.12504748180516845]]
    np.testing.assert_allclose(error, expected, rtol=1e-12)


def test_fixed_time_and_area_differences_subtract_the_first_group() -> None:
    a, b = kaplan_meier([1, 2, 3, 4], [1] * 4), kaplan_meier([2, 4, 5, 6], [1] * 4)
    assert survival_difference(a, b, 3).estimate == pytest.approx(0.5)
    area = rmst_difference([(a, b)], 4)
    assert area.estimate == pytest.approx(1.0)
    assert area.low < 1.0 < area.high
