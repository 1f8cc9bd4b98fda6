"""Where fits end: infinite, stopped, aliased, underflowed; and what their units and rare branches do to them."""

from __future__ import annotations

import importlib
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from biomarkers.kernels.cox import _inverse, cox, fit
from biomarkers.kernels.firth import firth
from biomarkers.kernels.likelihood import aliased_columns, design, evaluate
from biomarkers.kernels.logistic import logistic
from biomarkers.kernels.mmrm import fit as mixed
from biomarkers.kernels.mmrm import fit_growth
from biomarkers.kernels.newton import newton
from biomarkers.kernels.residuals import robust_covariance
from biomarkers.kernels.riskset import risk_sets
from biomarkers.kernels.scan import fit_many, null_model
from biomarkers.kernels.separation import infinite_directions
from biomarkers.kernels.tobit import fit as tobit
from biomarkers.kernels.tobit import impute

# ---- where Newton stops ----------------------------------------------------------------------------------------------


def batch(columns: list[np.ndarray]):
    n = columns[0].size
    rs = risk_sets(np.arange(1.0, n + 1), np.ones(n, int))
    return rs, np.column_stack(columns)[rs.order][:, None, :]


def test_likelihoods_without_a_maximum_stop_when_nothing_is_gained_each_in_its_own_time() -> None:
    i = np.arange(20.0)
    rs, X = batch([-i, -(i**3), np.r_[1.0, np.zeros(19)], -(i**6), np.random.default_rng(0).normal(size=20), -np.sqrt(i)])
    together = newton(rs, design(rs, X), np.zeros((6, 1)))
    alone = [newton(rs, design(rs, X[:, :, [q]]), np.zeros((1, 1))) for q in range(6)]
    assert together.iterations == pytest.approx([one.iterations[0] for one in alone], abs=2)
    assert len(set(together.iterations)) > 3
    assert together.iterations.max() < 45
    assert together.converged.all()
    assert together.loglik == pytest.approx([one.loglik[0] for one in alone], abs=1e-9)


def test_a_newton_that_was_stopped_says_the_likelihood_of_where_it_stands() -> None:
    rng = np.random.default_rng(2)
    rs, X = batch([rng.normal(size=20) for _ in range(3)])
    D = design(rs, X)
    for steps in range(4):
        found = newton(rs, D, np.full((3, 1), 2.0), max_steps=steps)
        assert not found.converged.any()
        assert found.iterations.tolist() == [steps] * 3
        at = evaluate(rs, D, found.beta)
        assert found.loglik == pytest.approx(at.loglik, rel=1e-12)
        assert found.information == pytest.approx(at.information)


def test_a_direction_made_of_two_columns_is_infinite_though_each_keeps_its_information() -> None:
    """x1 + x2 separates and x1 varies on: both are infinite, by the linear programme that many steps call for."""
    for seed in range(4):
        a, s = np.random.default_rng(seed).normal(size=14), np.r_[np.ones(7), np.zeros(7)]
        found = cox(np.arange(1.0, 15), np.r_[np.ones(10), np.zeros(4)], np.column_stack([a, s - a]))
        assert found.coef.tolist() == [math.inf, math.inf]
        assert not found.finite.any()


def test_a_lone_carrier_who_dies_first_is_infinite_beside_an_ordinary_covariate() -> None:
    """One leap takes Newton to where the likelihood is flat in one column and as good as ever in the other."""
    leaps, n = 0, 100
    for seed in range(8):
        rng = np.random.default_rng(seed)
        z = rng.normal(size=n) if seed % 2 else rng.integers(0, 2, n).astype(float)
        d = np.r_[1, rng.random(n - 1) < 0.7]
        found = cox(np.arange(1.0, n + 1), d, np.column_stack([np.r_[1.0, np.zeros(n - 1)], z]))
        assert found.finite.tolist() == [False, True]
        assert found.coef[0] == math.inf
        leaps += found.iterations <= 10
    assert leaps >= 5


def test_a_column_is_made_of_others_where_its_pivot_is_below_r_s_tolerance() -> None:
    """`toler.chol` of R is eps^0.75 = 1.8e-12 of the largest pivot."""
    assert aliased_columns(np.array([[1.0, 1.0], [1.0, 1.0 + 1e-12]])).tolist() == [False, True]
    assert aliased_columns(np.array([[1.0, 1.0], [1.0, 1.0 + 4e-12]])).tolist() == [False, False]
    assert aliased_columns(np.array([[1e6, 0.0], [0.0, 1e-6]])).tolist() == [False, True]
    assert aliased_columns(np.diag([1e-6, 1e6])).tolist() == [True, False]


def test_one_event_is_enough_for_many_fits() -> None:
    """Information of less than one in scaled units is information."""
    t, d, x = [1.0, 2, 3, 4, 5, 6], [1, 0, 0, 0, 0, 0], np.array([0.9, 0.0, 1.0, 1.0, 0.95, 1.0])
    one = cox(t, d, x[:, None])
    assert one.finite.all()
    assert one.information[0, 0] < 1
    rs = risk_sets(t, d)
    found = fit_many(null_model(rs), x[rs.order][:, None])
    assert (found.coef[0], found.std_error[0]) == pytest.approx((one.coef[0], one.std_error[0]))


def test_a_fit_that_was_stopped_says_that_it_did_not_converge(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless a coefficient is infinite: that is an answer, and no more steps would change it."""
    module = importlib.import_module("biomarkers.kernels.cox")
    real = module.newton
    monkeypatch.setattr(module, "newton", lambda *given, **named: real(*given, **named, max_steps=1))
    x = np.random.default_rng(1).normal(size=(20, 1))
    short = cox(np.arange(20.0) + 1, np.ones(20), x)
    assert (short.finite.tolist(), short.converged) == ([True], False)
    separated = cox(np.arange(20.0) + 1, np.ones(20), np.arange(20.0)[:, None])
    assert (separated.finite.tolist(), separated.converged) == ([False], True)


def test_newton_takes_as_many_steps_as_it_says() -> None:
    i = np.arange(20.0)
    rs, X = batch([-i, np.random.default_rng(0).normal(size=20), -(i**3)])
    for q in range(3):
        D = design(rs, X[:, :, [q]])
        found = newton(rs, D, np.zeros((1, 1)))
        steps = int(found.iterations[0])
        assert newton(rs, D, np.zeros((1, 1)), max_steps=steps).converged[0]
        assert not newton(rs, D, np.zeros((1, 1)), max_steps=steps - 1).converged[0]


def test_a_fit_to_ordered_rows_has_merged_nothing_and_holds_an_aliased_column_at_zero() -> None:
    rng = np.random.default_rng(5)
    X = rng.normal(size=(12, 2))
    rs = risk_sets(np.arange(1.0, 13), np.ones(12))
    found = fit(rs, np.column_stack([X, X[:, 0]])[rs.order])
    assert found.n_merged == 0
    held = firth(found)
    assert held.information[2].tolist() == held.information[:, 2].tolist() == [0, 0, 0]
    assert held.information[0, 0] > 0


def test_a_logistic_regression_that_was_stopped_says_so_too(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    X, y = np.column_stack([np.ones(30), rng.normal(size=30)]), (rng.random(30) < 0.5).astype(float)
    assert logistic(X, y).converged
    monkeypatch.setattr(importlib.import_module("biomarkers.kernels.logistic"), "_STEPS", 1)
    short = logistic(X, y)
    assert (short.finite.all(), short.converged) == (True, False)
    half = logistic(np.column_stack([np.ones(8), np.repeat([0.0, 1.0], 4)]), [0, 1, 0, 1, 1, 1, 1, 1])
    assert (half.finite.tolist(), half.converged) == ([True, False], True)


def test_firth_s_fit_that_was_stopped_says_so_and_one_without_columns_takes_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(1).normal(size=(20, 1))
    whole = cox(np.arange(20.0) + 1, np.ones(20), x)
    assert firth(whole).converged
    assert firth(cox([1, 2, 3], [1, 1, 0], np.ones((3, 1)))).iterations == 0
    monkeypatch.setattr(importlib.import_module("biomarkers.kernels.firth"), "_STEPS", 1)
    assert not firth(whole).converged


def test_all_coefficients_at_once_are_tested_against_none() -> None:
    rng = np.random.default_rng(6)
    y = (rng.random(40) < 0.6).astype(float)
    found = logistic(np.column_stack([np.ones(40), rng.normal(size=40)]), y)
    statistic, p = found.likelihood_ratio([0, 1])
    assert statistic == pytest.approx(2 * (found.loglik - 40 * math.log(0.5)))
    assert p == pytest.approx(stats.chi2.sf(statistic, 2))


def test_a_constant_column_stays_where_it_starts() -> None:
    rs, X = batch([np.ones(6), np.array([3.0, 1, 2, 5, 4, 0])])
    for at in (0.0, 0.7):
        found = newton(rs, design(rs, X[:, :, [0]]), np.full((1, 1), at))
        assert (found.beta[0, 0], found.iterations[0], found.converged[0]) == (at, 0, True)


def test_information_that_cannot_be_inverted_gives_no_errors() -> None:
    assert np.isnan(_inverse(np.zeros((2, 2)))).tolist() == [[True, True]] * 2
    assert _inverse(np.diag([2.0, 4.0])).tolist() == [[0.5, 0], [0, 0.25]]


def test_one_row_that_enters_late_is_not_at_risk_before() -> None:
    rs = risk_sets([1.0, 2, 3, 4, 5], [1, 1, 1, 1, 0], entry=[0.0, 0, 0, 0, 2.5])
    assert rs.time.tolist() == [4, 3, 2, 1]
    for one in (rs, replace(rs, _dense=None)):
        assert one.at_risk_sums(np.ones((5, 1)))[:, 0].tolist() == [2, 3, 3, 4]


def test_a_null_model_keeps_the_coefficients_of_its_adjusters() -> None:
    rng = np.random.default_rng(3)
    t, Z = rng.exponential(size=25), rng.normal(2, 3, (25, 2))
    rs = risk_sets(t, np.ones(25))
    columns = np.column_stack([Z[:, 0], np.ones(25), Z[:, 1]])
    found = null_model(rs, columns[rs.order])
    scale = design(rs, Z[rs.order]).scale[:, 0]
    assert found.coef[[0, 2]] == pytest.approx(cox(t, np.ones(25), Z).coef * scale)
    assert found.coef[1] == 0


def test_a_censored_regression_needs_one_value_more_than_it_has_coefficients() -> None:
    X = np.column_stack([np.ones(5), [0.0, 1, 2, 3, 4]])
    found = tobit([1.0, 2.5, 2.0, 1.0, 1.0], X, [0, 0, 0, -1, -1])
    assert np.isfinite(found.coef).all()
    with pytest.raises(ValueError, match="2 values are observed for 3 parameters"):
        tobit([1.0, 2.5, 2.0, 1.0, 1.0], X, [0, 0, 1, -1, -1])


def test_lines_of_complete_visits_have_as_many_degrees_of_freedom_as_there_are_others() -> None:
    """Every patient at every visit: the mean line is the mean of the patients' own, each of its errors a sample's, n - 1."""
    rng = np.random.default_rng(8)
    n, T = 15, 4
    y = 3 + 2 * rng.normal(size=(n, 1)) + (0.5 + rng.normal(size=(n, 1))) * np.arange(T) + rng.normal(size=(n, T))
    who, visit = np.repeat(np.arange(n), T), np.tile(np.arange(float(T)), n)
    found = fit_growth(y.ravel(), np.column_stack([np.ones(n * T), visit]), who, visit, slopes=True)
    own = np.array([np.polyfit(np.arange(T), row, 1)[::-1] for row in y])
    assert found.coef == pytest.approx(own.mean(axis=0))
    assert found.covariance == pytest.approx(np.cov(own.T) / n, rel=1e-3)
    assert found.df == pytest.approx([n - 1, n - 1], rel=1e-3)


def test_a_coefficient_without_information_at_all_is_aliased_and_a_tiny_one_is_not() -> None:
    assert aliased_columns(np.array([[0.0]])).tolist() == [True]
    assert aliased_columns(np.array([[1e-20]])).tolist() == [False]


@pytest.mark.parametrize("constant", [1e8 / 3, 0.1, 1e-8 / 3, 7e15 / 9, -1e8 / 7])
def test_a_column_that_is_constant_but_for_rounding_has_no_coefficient(constant: float) -> None:
    rng = np.random.default_rng(1)
    w, t = rng.uniform(0.5, 2, 25), rng.exponential(size=25)
    found = cox(t, np.ones(25), np.full((25, 1), constant), weight=w)
    assert found.aliased.tolist() == [True]
    assert (found.score_test, found.df) == (0, 0)
    assert np.abs(found.D.X).max() == 0


def test_a_likelihood_that_has_underflowed_is_minus_infinity() -> None:
    rs = risk_sets(np.arange(1.0, 5), np.ones(4, int))
    D = design(rs, np.array([0.0, 2, 1, 3])[rs.order][:, None])
    x = rs.to_caller(D.X[:, 0, 0])
    for b in (-200.0, -290.0):  # beyond exp's range, until everything is lifted by exp(300)
        eta = b * x
        assert evaluate(rs, D, np.array([[b]])).loglik[0] == pytest.approx(sum(eta[i] - eta[i:].max() for i in range(4)))
    assert evaluate(rs, D, np.array([[-1e5]])).loglik[0] == -math.inf


def test_entries_at_minus_infinity_stand_beside_late_ones() -> None:
    rng = np.random.default_rng(8)
    t, d, x = rng.integers(4, 12, 30).astype(float), rng.random(30) < 0.8, rng.normal(size=(30, 1))
    late = np.where(np.arange(30) % 2, t - 2, 0.0)
    some = cox(t, d, x, entry=np.where(np.arange(30) % 2, late, -np.inf))
    assert some.coef[0] == pytest.approx(cox(t, d, x, entry=late).coef[0], rel=1e-12)
    assert some.coef[0] != pytest.approx(cox(t, d, x).coef[0], rel=1e-3)
    assert cox(t, d, x, entry=np.full(30, -np.inf)).coef[0] == pytest.approx(cox(t, d, x).coef[0], rel=1e-12)


def test_of_deaths_at_one_time_all_must_have_the_largest_value() -> None:
    used, hint = np.array([True]), np.zeros(1)
    for x, sign in (([3.0, 1, 2], 0), ([3.0, 3, 2], 1), ([1.0, 1, 2], -1), ([2.0, 2, 2], 0), ([3.0, 2, 2], 0)):
        rs = risk_sets([1.0, 1, 2], [1, 1, 0])
        assert infinite_directions(rs, np.array(x)[rs.order][:, None], used, hint).tolist() == [sign]


def test_a_robust_covariance_is_missing_in_row_and_column_of_what_has_no_coefficient() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(20, 2))
    t = rng.exponential(size=20)
    found = robust_covariance(cox(t, np.ones(20), np.column_stack([x, x[:, 0]])))
    assert np.isnan(found[2]).all()
    assert np.isnan(found[:, 2]).all()
    assert found[:2, :2] == pytest.approx(robust_covariance(cox(t, np.ones(20), x)))


def test_visits_that_were_never_seen_together_leave_no_degrees_of_freedom() -> None:
    """Patients seen at visits 1 and 2, or at 2 and 3: nothing says how 1 and 3 go together."""
    rng = np.random.default_rng(1)
    who, visit = map(np.array, zip(*[(i, v) for i in range(12) for v in ((0, 1) if i < 6 else (1, 2))], strict=True))
    found = mixed(rng.normal(size=24) + rng.normal(size=12)[who], np.eye(3)[visit], who, visit, n_visits=3)
    assert np.isnan(found.df).tolist() == [True] * 3
    assert np.isfinite(found.coef).all()
    assert (found.n, found.n_subjects) == (24, 12)


@pytest.mark.parametrize("unit", [1e-3, 1e3])
def test_the_unit_of_a_repeated_measure_is_that_of_its_covariances(unit: float) -> None:
    rng = np.random.default_rng(7)
    n, T = 16, 3
    y = 3 + 2 * rng.normal(size=(n, 1)) + (0.5 + rng.normal(size=(n, 1))) * np.arange(T) + rng.normal(size=(n, T))
    who, visit = np.repeat(np.arange(n), T), np.tile(np.arange(T), n)
    one, other = (mixed(u * y.ravel(), np.eye(T)[visit], who, visit, n_visits=T) for u in (1.0, unit))
    assert other.sigma / unit**2 == pytest.approx(one.sigma, rel=1e-4)
    assert other.coef / unit == pytest.approx(one.coef, rel=1e-6)
    assert other.df == pytest.approx(one.df, rel=1e-3)
    X = np.column_stack([np.ones(n * T), visit])
    one, other = (fit_growth(u * y.ravel(), X, who, visit, slopes=True) for u in (1.0, unit))
    assert other.effects / unit**2 == pytest.approx(one.effects, rel=1e-4)
    assert other.residual / unit**2 == pytest.approx(one.residual, rel=1e-4)
    assert other.df == pytest.approx(one.df, rel=1e-3)
    assert (other.converged, other.singular) == (True, False)


@pytest.mark.parametrize("unit", [1e-4, 1e4])
def test_imputed_values_have_the_unit_of_the_measured_ones(unit: float) -> None:
    rng = np.random.default_rng(5)
    X = np.column_stack([np.ones(40), rng.normal(size=40)])
    truth = X @ [1.0, 2.0] + rng.normal(size=40)
    y, censor = np.clip(truth, 0.0, 3.0), np.where(truth < 0, -1, np.where(truth > 3, 1, 0))
    one, other = (tobit(u * y, X, censor) for u in (1.0, unit))
    for seed in range(5):
        drawn = impute(one, y, X, censor, np.random.default_rng(seed))
        assert impute(other, unit * y, X, censor, np.random.default_rng(seed)) / unit == pytest.approx(drawn, rel=1e-4)
    many = np.array([impute(one, y, X, censor, np.random.default_rng(seed)) for seed in range(300)])
    far = np.argmin(X @ one.coef)
    alone = np.array([impute(one, np.r_[y[far]], X[[far]], [-1], np.random.default_rng(seed))[0] for seed in range(300)])
    assert many[:, far].mean() == pytest.approx(alone.mean(), abs=4 * alone.std() / math.sqrt(150))
