"""Censored regression, Rubin's rules, state occupation, accuracy and carried values: by hand, and against R."""

import json
from pathlib import Path

import numpy as np
import pytest

from biomarkers.kernels import rubin, tobit
from biomarkers.kernels.accuracy import auc, brier, censoring, kaplan_meier_at
from biomarkers.kernels.carried import NONE, drawn, last, nearest
from biomarkers.kernels.concordance import concordance
from biomarkers.kernels.multistate import occupation

EXPECTED = json.loads(
    (Path(__file__).resolve().parents[1] / "reference" / "multistate" / "expected.json").read_text(encoding="utf-8")
)


# -- censored normal regression ----------------------------------------------------------------
def r_tobit():
    x = EXPECTED["tobit"]
    return x, np.array(x["v"]), np.column_stack([np.ones(len(x["x"])), x["x"]]), np.array(x["status"], dtype=int)


def test_the_censored_regression_is_survreg_s():
    x, v, X, status = r_tobit()
    found = tobit.fit(v, X, status)
    np.testing.assert_allclose(found.coef, x["coef"], rtol=1e-9)
    assert found.sigma == pytest.approx(x["scale"][0], rel=1e-9)
    assert found.loglik == pytest.approx(x["loglik"][0], rel=1e-10)
    # survreg reports (b, log s); ours is (b/s, 1/s): carry the covariance over.
    s, b = found.sigma, found.coef
    J = np.zeros((3, 3))  # d(b, log s) / d(g, h)
    J[0, 0] = J[1, 1] = s
    J[:2, 2] = -b * s
    J[2, 2] = -s
    np.testing.assert_allclose(J @ found.covariance @ J.T, x["var"], rtol=1e-7)


def test_units_change_nothing():
    _, v, X, status = r_tobit()
    one, two = tobit.fit(v, X, status), tobit.fit(1e6 + 1e3 * v, X, status)
    np.testing.assert_allclose(two.coef, [1e6 + 1e3 * one.coef[0], 1e3 * one.coef[1]], rtol=1e-8)


def test_imputed_values_lie_beyond_their_own_limit_and_measured_ones_stay():
    _, v, X, status = r_tobit()
    found = tobit.fit(v, X, status)
    rng = np.random.default_rng(1)
    for _ in range(50):
        y = tobit.impute(found, v, X, status, rng)
        assert (y[status == 0] == v[status == 0]).all()
        assert (y[status == -1] <= v[status == -1]).all()
        assert (y[status == 1] >= v[status == 1]).all()


def test_without_censoring_the_parameters_are_least_squares():
    rng = np.random.default_rng(2)
    X = np.column_stack([np.ones(50), rng.normal(size=50)])
    y = X @ [1.0, 2.0] + rng.normal(size=50)
    found = tobit.fit(y, X, np.zeros(50))
    beta, residual, *_ = np.linalg.lstsq(X, y, rcond=None)
    np.testing.assert_allclose(found.coef, beta, rtol=1e-9)
    assert found.sigma == pytest.approx(np.sqrt(residual[0] / 50), rel=1e-9)


def test_too_few_measured_values_are_refused():
    with pytest.raises(ValueError, match="2 values are observed for 3 parameters"):
        tobit.fit([0, 0, 1, 2], np.column_stack([np.ones(4), [1, 2, 3, 4.0]]), [-1, -1, 0, 0])


# -- Rubin ----------------------------------------------------------------
def test_rubin_by_hand():
    """W = 0.25, B = 0.01, T = 0.25 + 4/3 0.01; r = 0.0533, df_old = 2 (1 + 1/r)^2."""
    found = rubin.pool([0.9, 1.0, 1.1], [0.5, 0.5, 0.5])
    r = (4 / 3) * 0.01 / 0.25
    assert found.std_error == pytest.approx((0.25 + (4 / 3) * 0.01) ** 0.5)
    assert found.df == pytest.approx(2 * (1 + 1 / r) ** 2)


def test_small_samples_have_no_more_degrees_of_freedom_than_their_data():
    assert rubin.pool([0.9, 1.0, 1.1], [0.5, 0.5, 0.5], df_complete=20).df < 20
    assert rubin.pool([1.0, 1.0], [0.5, 0.5], df_complete=20).df == 20


# -- states ----------------------------------------------------------------
def test_state_occupation_is_survfit_s():
    x = EXPECTED["states"]
    found = occupation(x["id"], x["start"], x["stop"], x["from"], x["to"], n_states=3, origin=0.0, times=x["times"])
    np.testing.assert_allclose(found.probability, x["p"], rtol=1e-10)
    np.testing.assert_allclose(found.initial, x["p0"], rtol=1e-12)
    assert (found.std_error > 0).all()


def test_without_a_way_back_it_is_one_minus_kaplan_meier():
    rng = np.random.default_rng(3)
    t, d = rng.integers(1, 20, 40).astype(float), rng.random(40) < 0.6
    found = occupation(np.arange(40), np.zeros(40), t, np.zeros(40, int), d.astype(int), n_states=2, origin=0.0, times=[5, 12])
    for k, h in enumerate((5, 12)):
        assert found.probability[k, 0] == pytest.approx(kaplan_meier_at(t, d, h), rel=1e-12)


def test_nobody_at_the_origin_is_said():
    with pytest.raises(ValueError, match="nobody is observed"):
        occupation([0], [5.0], [9.0], [0], [1], n_states=2, origin=0.0, times=[6.0])


# -- accuracy ----------------------------------------------------------------
def test_events_leave_the_censoring_risk_set_of_their_own_time():
    """At t = 2 one event and one censoring: three at risk, one of them an event, so G falls by 1/2."""
    g = censoring([1, 2, 2, 3], [1, 1, 0, 1])
    assert g.at([2.0])[0] == 0.5
    assert g.before([2.0])[0] == 1.0


def test_without_censoring_accuracy_is_plain():
    rng = np.random.default_rng(4)
    t, m = rng.exponential(size=60), rng.normal(size=60)
    d = np.ones(60)
    case, control = m[t <= 0.7], m[t > 0.7]
    assert auc(t, d, m, 0.7).estimate == pytest.approx((case[:, None] > control).mean())
    S = rng.random(60)
    assert brier(t, d, S, 0.7) == pytest.approx(np.mean((S - (t > 0.7)) ** 2))


def test_the_error_of_the_auc_is_that_of_the_bootstrap():
    rng = np.random.default_rng(5)
    n = 250
    m = rng.normal(size=n)
    t, c = rng.exponential(np.exp(-0.8 * m)), rng.exponential(2.0, n)
    follow, d = np.minimum(t, c), t <= c
    found = auc(follow, d, m, 0.8)
    resampled = []
    for _ in range(400):
        k = rng.integers(n, size=n)
        resampled.append(auc(follow[k], d[k], m[k], 0.8).estimate)
    assert found.std_error == pytest.approx(np.std(resampled), rel=0.12)


def test_no_cases_or_no_controls_give_no_number():
    assert np.isnan(auc([1, 2], [0, 0], [1, 2], 1.5).estimate)
    assert np.isnan(auc([1, 2], [1, 1], [1, 2], 5.0).estimate)
    assert concordance([1, 2, 3], [1, 1, 1], [1, 1, 1], uno=True).c == 0.5


# -- carried values ----------------------------------------------------------------
def test_the_last_draw_is_found_whatever_the_order_of_the_table():
    rng = np.random.default_rng(6)
    subject, day = rng.integers(0, 8, 60), rng.integers(-5, 60, 60).astype(float)
    found = drawn(subject, day)
    for at in (-6.0, 0.0, 14.0, 59.0, 100.0):
        for s in range(8):
            own = day[(subject == s) & (day <= at)]
            place = last(found, [s], at)[0]
            assert (place == NONE) == (own.size == 0)
            if own.size:
                assert found.day[place] == own.max()


def test_a_tie_around_the_nominal_day_goes_to_the_earlier_draw():
    found = drawn([0, 0, 1], [40.0, 44.0, 44.0])
    place = nearest(found, 3, nominal=42, first=35, until=np.full(3, 49.0))
    assert found.day[place[:2]].tolist() == [40.0, 44.0]
    assert place[2] == NONE
