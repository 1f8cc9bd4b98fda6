"""Models against their likelihoods written once more: maxima by a general optimiser, errors by numerical derivatives."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, stats

from biomarkers.kernels.agreement import intraclass
from biomarkers.kernels.cox import cox
from biomarkers.kernels.firth import penalised
from biomarkers.kernels.fourfold import conditional, mantel_haenszel
from biomarkers.kernels.mmrm import fit_growth
from biomarkers.kernels.tobit import fit as tobit
from biomarkers.kernels.window import window_risk

# ---- values beyond a limit -------------------------------------------------------------------------------------------


def measured(seed: int, n: int = 60):
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.normal(3, 2, n), rng.integers(0, 2, n)])
    truth = X @ [4.0, 1.5, -2.0] + rng.normal(size=n)
    return np.clip(truth, 6.0, 11.0), X, np.where(truth < 6, -1, np.where(truth > 11, 1, 0))


def olsen(v, y, X, censor, ridge: float) -> float:
    """Penalised log-likelihood in (b/s, 1/s)."""
    g, h = v[:-1], v[-1]
    z = h * y - X @ g
    tail = np.where(censor < 0, stats.norm.logcdf(z), stats.norm.logsf(z))
    return np.where(censor == 0, stats.norm.logpdf(z) + math.log(h), tail).sum() - ridge / 2 * ((g * X.std(axis=0)) ** 2).sum()


@pytest.mark.parametrize("ridge", [0.0, 0.04, 3.0])
def test_a_ridge_pulls_the_slopes_and_not_the_constant(ridge: float) -> None:
    y, X, censor = measured(1)
    found = tobit(y, X, censor, ridge=ridge)
    best = optimize.minimize(lambda v: -olsen(v, y, X, censor, ridge), [4.0, 1.5, -2.0, 1.0], method="Nelder-Mead",
                             options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 20_000, "maxfev": 20_000})
    assert best.success
    assert np.r_[found.gamma, found.h] == pytest.approx(best.x, rel=1e-5)
    assert found.loglik == pytest.approx(-best.fun, rel=1e-10)
    assert found.converged
    at, E = np.r_[found.gamma, found.h], 1e-3 * np.eye(4)

    def value(v) -> float:
        return olsen(v, y, X, censor, ridge)

    hessian = [[(value(at + a + b) - value(at + a - b) - value(at - a + b) + value(at - a - b)) / 4e-6 for b in E] for a in E]
    assert found.covariance == pytest.approx(np.linalg.inv(-np.array(hessian)), rel=1e-3, abs=1e-6)


def test_a_lone_value_below_its_limit_stops_at_the_slope_that_the_ridge_allows() -> None:
    """Only the subject with x = 1 is censored, so the likelihood grows for ever along its slope; the ridge ends that."""
    y, x = np.array([5.0, 6, 7, 6.5, 5.5, 6.2, 2.0]), np.r_[np.zeros(6), 1.0]
    X, censor = np.column_stack([np.ones(7), x]), np.r_[np.zeros(6, int), -1]
    found = tobit(y, X, censor, ridge=0.04)
    best = optimize.minimize(lambda v: -olsen(v, y, X, censor, 0.04), [6.0, -5.0, 1.0], method="Nelder-Mead",
                             options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 20_000, "maxfev": 20_000})
    assert np.r_[found.gamma, found.h] == pytest.approx(best.x, rel=1e-4)
    assert found.converged


# ---- repeated measures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", [1e5, 1e-5])
def test_times_in_microseconds_or_in_centuries_give_the_same_line(unit: float) -> None:
    rng = np.random.default_rng(7)
    k, n = 4, 14
    y = 5 + rng.normal(size=(n, 1)) * 2 + (1 + rng.normal(size=(n, 1))) * np.arange(k) + rng.normal(size=(n, k))
    subject, time = np.repeat(np.arange(n), k), np.tile(np.arange(float(k)), n)
    one, other = (fit_growth(y.ravel(), np.column_stack([np.ones(n * k), time * u]), subject, time * u, slopes=True)
                  for u in (1.0, unit))
    assert other.residual == pytest.approx(one.residual, rel=1e-4)
    assert other.coef * [1, unit] == pytest.approx(one.coef, rel=1e-6)
    assert other.effects * np.outer([1, unit], [1, unit]) == pytest.approx(one.effects, rel=1e-3)
    assert other.loglik == pytest.approx(one.loglik - math.log(unit), rel=1e-8)  # the restricted one knows the unit of X
    assert other.converged


# ---- a window of time ------------------------------------------------------------------------------------------------


def test_the_error_of_a_window_s_risk_feels_every_row_by_its_weight() -> None:
    """Jackknife by numbers: theta as a function of the case weights, each derivative times its weight."""
    rng = np.random.default_rng(6)
    n = 18
    t, d, w = rng.permutation(n) + 1.0, rng.random(n) < 0.8, rng.choice([0.5, 1.0, 2.5], n)
    X, x = rng.normal(1, 2, (n, 2)), np.array([[0.5, 2.0], [3.0, -1.0]])

    def theta(weight, row) -> float:
        b = cox(t, d, X, weight=weight).coef
        r = weight * np.exp(X @ b)
        return math.log(sum(weight[i] / r[t >= t[i]].sum() for i in np.flatnonzero(d & (t > 3) & (t <= 12)))) + row @ b

    found = window_risk(cox(t, d, X, weight=w), x, 3.0, 12.0)
    for k, row in enumerate(x):
        assert found.theta[k] == pytest.approx(theta(w, row))
        felt = [w[i] * (theta(w + e, row) - theta(w - e, row)) / 2e-5 for i, e in enumerate(1e-5 * np.eye(n))]
        assert found.std_error[k] == pytest.approx(math.sqrt(np.sum(np.square(felt))), rel=1e-5)


# ---- Firth -----------------------------------------------------------------------------------------------------------


def test_where_the_information_is_gone_the_penalised_likelihood_is_minus_infinity() -> None:
    fit = cox([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 0, 1], [[0.0, 1], [1, 3], [0, 0], [1, 2], [0, 5], [1, 1]])
    for far in (np.array([1e4, 0.0]), np.array([0.0, -1e6])):
        level, score, information = penalised(fit, far)
        assert level == -math.inf
        assert score.tolist() == [0, 0]
        assert information.shape == (2, 2)


# ---- tables and readers ----------------------------------------------------------------------------------------------


def test_a_table_with_an_empty_group_says_nothing() -> None:
    tables = [[6, 9, 3, 10], [3, 12, 1, 20]]
    more = [[0, 0, 4, 9], *tables, [5, 8, 0, 0], [0, 0, 0, 0]]
    assert conditional(more) == conditional(tables)
    assert mantel_haenszel(more) == mantel_haenszel(tables)
    assert conditional(tables[0]) == conditional(tables[:1])


def test_readers_who_differ_by_a_constant_or_not_at_all_leave_no_doubt() -> None:
    """Without error the interval of ICC(2,1) is its estimate: 1, or MSR / (MSR + k MSC / n)."""
    same = intraclass([[1, 1, 1], [4, 4, 4], [2, 2, 2]])
    assert (same.icc_2_1, same.conf_low, same.conf_high, same.sd_of_agreement) == (1, 1, 1, 0)
    apart = intraclass([[1, 3], [4, 6], [7, 9]])
    assert (apart.msr, apart.msc, apart.mse) == (18, 6, 0)
    assert apart.icc_2_1 == apart.conf_low == apart.conf_high == 18 / (18 + 2 * 6 / 3)
    assert apart.sd_of_agreement == math.sqrt(6 / 3)
    noisy = intraclass([[0, 0], [0, 2], [3, 3]])
    assert noisy.conf_low < noisy.icc_2_1 < noisy.conf_high
    one = intraclass([[0, 0], [0, 2]])  # an error of exactly 1
    assert one.mse == 1
    assert one.conf_low < one.icc_2_1 < one.conf_high
